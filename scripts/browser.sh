#!/bin/sh
# The browser tests drive Debian's Chromium: Playwright's own build is not fetched.
set -eu
command -v "${CHROMIUM:-chromium}" >/dev/null 2>&1 && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "Installing chromium for the browser tests ..."
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-liberation >/dev/null
    exit 0
fi
echo "The browser tests need Chromium: install it (Debian: sudo apt-get install chromium) or name its path in CHROMIUM." >&2
exit 1
