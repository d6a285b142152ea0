"""The first view in Chromium, opened in the portal's frame with an empty cache: first contentful paint, requests and bytes.

Beside it, in the same run, the page of Bitrix24's own starter for Django (b24-ai-starter, its `frontend` folder) where STARTER names the
`.output` that `pnpm install` and `nuxt build` make there. At its commit b307114 that needs Node.js 22, and newer packages than it locks,
which are gone from the registry (b24jssdk-nuxt 2.2.0 works). Its backend is left out, which only makes its page lighter. Without STARTER
only our own figures are printed.
"""

import json
import os
import secrets
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from playwright.sync_api import Browser, Frame, sync_playwright

from benchmarks._rig import Rig, free_port, rig, wait
from devportal.world import App

ROUNDS = 9
# Until then everything of an opening has come, the SDK's talk with the portal included.
QUIET_MS = 1500
FIGURES = """() => {
  const [page] = performance.getEntriesByType("navigation");
  const files = performance.getEntriesByType("resource");
  const paint = performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null;
  const of = (test) => files.filter((file) => test(new URL(file.name).pathname));
  const bytes = (some) => some.reduce((sum, file) => sum + file.transferSize, 0);
  const isSdk = (path) => path.includes("b24jssdk");
  return {
    paint_ms: paint,
    requests: files.length + 1,
    bytes: bytes(files) + page.transferSize,
    own_bytes: bytes(of((path) => /\\/(css|js)\\//.test(path) && !isSdk(path))),
    bytes_before_paint: bytes(files.filter((file) => file.responseEnd <= paint)) + page.transferSize,
    sdk_after_paint: of(isSdk).every((file) => file.startTime >= paint),
  };
}"""


def main() -> None:
    with rig() as bench, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        ours = measure(browser, bench, bench.app)
        result: dict[str, Any] = {"benchmark": "first_view", "rounds": ROUNDS, **ours}
        if output := os.environ.get("STARTER"):
            with starter(bench, Path(output)) as app:
                theirs = measure(browser, bench, app)
            result |= {f"starter_{name}": theirs[name] for name in ("paint_ms", "requests", "bytes", "bytes_before_paint")}
            result |= {f"starter_over_ours_{name}": round(theirs[name] / ours[name], 2) for name in ("paint_ms", "requests", "bytes")}
        else:
            print("STARTER names no build of the official starter: our own figures alone.")
        browser.close()
    print("RESULT", json.dumps(result))


def measure(browser: Browser, bench: Rig, app: App) -> dict[str, Any]:
    """The medians over ROUNDS openings, each in a browser context of its own; `sdk_after_paint` holds when it held every time."""
    portal = bench.stand.portals[0]
    if app.client_id not in portal.installations:
        portal.install(app, portal.admin)
        portal.finish_install(app)
    address = f"{portal.url}/marketplace/app/{portal.installations[app.client_id].id}/?IFRAME=Y"
    opened(browser, address)
    found = [opened(browser, address) for _ in range(ROUNDS)]
    medians = {name: round(statistics.median(each[name] for each in found), 1) for name in found[0] if name != "sdk_after_paint"}
    return medians | {"sdk_after_paint": all(each["sdk_after_paint"] for each in found)}


def opened(browser: Browser, address: str) -> dict[str, Any]:
    """The figures of one opening with an empty cache."""
    context = browser.new_context(viewport={"width": 1320, "height": 900})
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("iframe")
    frame = page.frames[-1]
    frame.wait_for_function("() => performance.getEntriesByName('first-contentful-paint').length")
    quiet(frame)
    figures = frame.evaluate(FIGURES)
    context.close()
    return dict(figures)


def quiet(frame: Frame) -> None:
    """Return when nothing has been loaded for a while."""
    frame.wait_for_function(
        "(quiet) => performance.now() - Math.max(...performance.getEntriesByType('resource').map((file) => file.responseEnd)) > quiet",
        arg=QUIET_MS,
    )


@contextmanager
def starter(bench: Rig, output: Path) -> Iterator[App]:
    """The starter's built frontend, served by its own server and known to the portal as an application without an installer."""
    port = free_port()
    server = subprocess.Popen(["node", str(output / "server" / "index.mjs")], env=os.environ | {"PORT": str(port), "HOST": "127.0.0.1"})
    url = f"http://127.0.0.1:{port}"
    try:
        wait(url)
        yield bench.stand.register_app(
            client_id="app.starter",
            client_secret=secrets.token_urlsafe(20),
            code="starter",
            app_url=f"{url}/",
            install_url=None,
            name="Starter",
        )
    finally:
        server.terminate()
        server.wait(timeout=20)


if __name__ == "__main__":
    main()
