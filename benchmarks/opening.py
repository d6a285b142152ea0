"""How long the app's page takes, over what the portal's own side of it takes: a first opening and a repeated one.

The stand-in's time is measured by making the same two calls (app.info, one batch) straight to it in the same run.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import requests

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._rig import Rig, rig

ROUNDS = 30


def timed(act: Callable[[], requests.Response]) -> float:
    """Milliseconds of one request that succeeded."""
    start = time.perf_counter()
    response = act()
    response.raise_for_status()
    return (time.perf_counter() - start) * 1000


def measure(bench: Rig) -> dict[str, float]:
    """Medians in milliseconds over ROUNDS openings with a new token each, and what stands behind them."""
    portal, web = bench.stand.portals[0], requests.Session()
    portal.install(bench.app, portal.admin)
    portal.finish_install(bench.app)
    samples: dict[str, list[float]] = {"first": [], "repeated": [], "portal": []}
    for _ in range(ROUNDS):
        # Past the hour, so that the portal hands out a new token and nothing that was proven still counts.
        bench.stand.clock.advance(3601)
        launch = portal.launch(bench.app, portal.admin)
        samples["portal"].append(portal_time(bench, web, launch.fields["AUTH_ID"], portal.client_endpoint))
        samples["first"].append(timed(lambda launch=launch: web.post(launch.url, data=launch.fields, timeout=30)))
        samples["repeated"].append(timed(lambda launch=launch: web.post(launch.url, data=launch.fields, timeout=30)))
    return {name: statistics.median(values) for name, values in samples.items()}


def portal_time(bench: Rig, web: requests.Session, auth: str, endpoint: str) -> float:
    """What the two calls of an opening take when nothing of ours stands in between."""
    asked = timed(lambda: web.get(f"{bench.stand.auth_url}/rest/app.info", params={"auth": auth}, timeout=30))
    body = {"auth": auth, "halt": 0, "cmd": {"profile": "profile", "app": "app.info"}}
    return asked + timed(lambda: web.post(f"{endpoint}batch", json=body, timeout=30))


def main() -> None:
    with rig() as bench:
        medians = measure(bench)
    result = {
        "benchmark": "opening",
        "rounds": ROUNDS,
        **{f"{name}_ms": round(value, 2) for name, value in medians.items()},
        "first_over_portal": round(medians["first"] / medians["portal"], 2),
        "repeated_over_portal": round(medians["repeated"] / medians["portal"], 2),
    }
    print("RESULT", json.dumps(result))


if __name__ == "__main__":
    main()
