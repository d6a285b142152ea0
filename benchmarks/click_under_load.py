"""How long Delete by TAG takes while 10,000 notifications go out to the same portal, over the same with nothing else to do.

The click goes through the app's own web process over HTTP, with the page's bearer token, to the same stand-in; a worker sends beside it.
"""

import json
import os
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import requests

from benchmarks._many import Many, dispatch, many, send, wait_until_done

NOTIFICATIONS = 10_000
CLICKS = 24
FEWEST_CLICKS = 12
PAUSE_SECONDS = 0.25
PEOPLE = 3
"""Who has each of the notifications that a click deletes."""


def click(bench: Many, web: requests.Session, token: str, tag: str) -> float:
    """Milliseconds from the click to the answer that says what was deleted."""
    headers = {"Authorization": f"Bearer {token}", "HX-Request": "true", "HX-Target": "dialog-content"}
    begun = time.perf_counter()
    response = web.post(f"{bench.url}/frame/sent/delete/", data={"tag": tag}, headers=headers, timeout=30)
    seconds = time.perf_counter() - begun
    response.raise_for_status()
    return seconds * 1000


def frame_token(bench: Many) -> str:
    """The bearer token that the opened page carries."""
    page = requests.post(bench.launch["url"], data=bench.launch["fields"], timeout=30).text
    found = re.search(r'data-frame-token="([^"]+)"', page)
    if found is None:
        raise SystemExit("The app's page has no token.")
    return found[1]


def clicks(bench: Many, name: str, goes_on: Callable[[], bool] = lambda: True) -> list[float]:
    """Up to CLICKS deletions, one after the other, as long as it `goes_on`; each of a TAG of its own."""
    web, token = requests.Session(), frame_token(bench)
    taken = []
    for number in range(CLICKS):
        if not goes_on():
            break
        taken.append(click(bench, web, token, f"{name}-{number}"))
        time.sleep(PAUSE_SECONDS)
    return taken


def prepare(name: str) -> None:
    """Send what the clicks will delete."""
    for number in range(CLICKS):
        small = dispatch(f"{name}-{number}", PEOPLE)
        send(small)
        wait_until_done(small, 60)


def is_running(number: int) -> bool:
    """Whether the dispatch is still being sent."""
    from notifications.models import Dispatch

    return Dispatch.objects.filter(pk=number, finished_at=None).exists()


def outcome(number: int) -> dict[str, int]:
    """How many of the dispatch's notifications ended in which state."""
    from notifications.models import Notification

    return dict(Counter(Notification.objects.filter(dispatch=number).values_list("state", flat=True)))


def main() -> None:
    with many(NOTIFICATIONS) as bench:
        for name in ("warm", "idle", "loaded"):
            prepare(name)
        large = dispatch("news", NOTIFICATIONS)
        load = round(os.getloadavg()[0], 2)
        clicks(bench, "warm")
        idle = clicks(bench, "idle")
        bench.stand.ask("begin_log")
        begun = time.time()
        send(large)
        # Under way when the first click comes.
        time.sleep(0.5)
        loaded = clicks(bench, "loaded", lambda: is_running(large))
        lasted = time.time() - begun
        seconds = wait_until_done(large, 120) - begun
        seen, states = bench.stand.ask("seen"), outcome(large)
    # A load that was not there, or ended before the clicks, measures nothing.
    if states != {"sent": NOTIFICATIONS} or len(loaded) < FEWEST_CLICKS:
        raise SystemExit(f"Could not measure: {states}, {seen['batches']} batches in {seconds:.2f} s, {len(loaded)} clicks meanwhile.")
    result = {
        "benchmark": "click_under_load",
        "database": bench.database,
        "load_before": load,
        "clicks_idle": len(idle),
        "clicks_loaded": len(loaded),
        "batches_meanwhile": seen["batches"],
        "idle_ms": round(statistics.median(idle), 1),
        "loaded_ms": round(statistics.median(loaded), 1),
        "loaded_over_idle": round(statistics.median(loaded) / statistics.median(idle), 2),
        "loaded_worst_ms": round(max(loaded), 1),
        "sending_seconds": round(seconds, 2),
        "clicks_lasted_seconds": round(lasted, 2),
        "query_limit_exceeded": seen["refused"],
    }
    print("RESULT", json.dumps(result))


if __name__ == "__main__":
    main()
