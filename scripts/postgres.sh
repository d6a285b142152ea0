#!/bin/sh
# Prints the DATABASE_URL of a PostgreSQL to test on: the one on 127.0.0.1:5432 where it answers, else Debian's, installed and started here.
set -eu
url=postgres://postgres@127.0.0.1:5432/postgres
answers() { .venv/bin/python -c "import psycopg; psycopg.connect('$url', connect_timeout=5).close()" 2>/dev/null; }
if ! answers; then
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >&2
    cluster=$(ls /etc/postgresql | tail -n 1)
    # The suite's own throw-away server: reachable from this machine alone, so it asks for no password.
    sed -i 's/^\(host.*127\.0\.0\.1\/32[[:space:]]*\).*/\1trust/' "/etc/postgresql/$cluster/main/pg_hba.conf"
    pg_ctlcluster --skip-systemctl-redirect "$cluster" main restart >&2
    answers || { echo "PostgreSQL does not answer on 127.0.0.1:5432." >&2; exit 1; }
fi
echo "$url"
