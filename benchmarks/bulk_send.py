"""10,000 notifications on a portal whose bucket holds 50 requests and drains 20 per second, and whose batch takes 250 ms.

Ours goes through the real worker; b24pysdk's call_batches and fast_bitrix24's call do the same work on the same portal in the same run.
The floor is what the bucket alone would take: batches beyond the burst of 50, divided by the drain. We keep ten of the 50 for people's
clicks, so no run of ours can come below `floor_with_reserve`, and the last batch's own 250 ms come on top of either.
"""

import asyncio
import json
import logging
import os
import ssl
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import aiohttp

from benchmarks._many import BATCH, BATCH_SECONDS, CAPACITY, DRAIN, RESERVED, Many, dispatch, many, send, wait_until_done
from benchmarks._stand import Remote

NOTIFICATIONS = 10_000
BATCHES = -(-NOTIFICATIONS // BATCH)
FLOOR = (BATCHES - CAPACITY) / DRAIN
FLOOR_WITH_RESERVE = (BATCHES - (CAPACITY - RESERVED)) / DRAIN

SDK_NOTIFICATIONS = 2_000
"""What b24pysdk is measured on: it makes one batch after the other, far below the limits, so its time per batch is the same for more."""


def ours(bench: Many) -> dict[str, Any]:
    """Send through the worker. Seconds count from the moment the task is in its queue to the last answer recorded."""
    load = round(os.getloadavg()[0], 2)
    warm = dispatch("warm", 50)
    send(warm)
    wait_until_done(warm, 60)
    begun = time.perf_counter()
    number = dispatch("news", NOTIFICATIONS)
    written = time.perf_counter() - begun
    # The bucket of the first, small one is empty again.
    time.sleep(2)
    bench.stand.ask("begin")
    worked, started = _cpu_seconds(bench.worker.pid), time.time()
    send(number)
    seconds = wait_until_done(number, 120) - started
    seen = bench.stand.ask("seen")
    if seen["people"] != NOTIFICATIONS:
        raise SystemExit(f"Could not measure: {seen['people']} of {NOTIFICATIONS} people have got it.")
    return {
        "ours_seconds": round(seconds, 2),
        "ours_over_floor": round(seconds / FLOOR, 3),
        "ours_over_floor_with_reserve": round(seconds / FLOOR_WITH_RESERVE, 3),
        "ours_until_first_request": round(seen["first"] - started, 2),
        "ours_first_to_last_request": round(seen["last"] - seen["first"], 2),
        "query_limit_exceeded": seen["refused"],
        "http_requests": seen["requests"],
        "http_requests_needed": BATCHES,
        "people_with_a_copy": seen["people"],
        "doubled": seen["doubled"],
        "rows_written_seconds": round(written, 2),
        "worker_cpu_seconds": round(_cpu_seconds(bench.worker.pid) - worked, 2),
        "load_before": load,
        "worker_peak_mb": _peak_mb(bench.worker.pid),
    }


def sdk(stand: Remote) -> dict[str, Any]:
    """b24pysdk's call_batches, as its documentation shows it, scaled from SDK_NOTIFICATIONS to all."""
    from b24pysdk import Client
    from b24pysdk.credentials import BitrixWebhook

    stand.ask("begin")
    person, secret = stand.ask("webhook").rstrip("/").split("/")[-2:]
    client = Client(BitrixWebhook(domain=stand.facts["domain"], webhook_token=f"{person}/{secret}"))
    calls = [client.im.notify.system.add(fields["USER_ID"], fields["MESSAGE"], tag=fields["TAG"]) for fields in _items(SDK_NOTIFICATIONS)]
    begun = time.perf_counter()
    client.call_batches(calls).result  # noqa: B018 - reading it makes the calls
    seconds = (time.perf_counter() - begun) * NOTIFICATIONS / SDK_NOTIFICATIONS
    sent = stand.ask("seen")["people"]
    return {"b24pysdk_over_floor": round(seconds / FLOOR, 2), "b24pysdk_measured_on": SDK_NOTIFICATIONS, "b24pysdk_sent": sent}


def fast(stand: Remote) -> dict[str, Any]:
    """fast_bitrix24's call, told the portal's limits by hand.

    Its own throttle lets all requests that wait go at once, and it gives up after the refusals; as many connections as the portal drains in
    the time of a batch keep it within the limits.
    """
    from fast_bitrix24 import BitrixAsync

    async def work(address: str) -> None:
        trusted = ssl.create_default_context(cafile=stand.facts["ca_file"])
        connector = aiohttp.TCPConnector(ssl=trusted, limit=round(DRAIN * BATCH_SECONDS))
        async with aiohttp.ClientSession(connector=connector, raise_for_status=True) as session:
            bitrix = BitrixAsync(address, verbose=False, client=session, request_pool_size=CAPACITY, requests_per_second=float(DRAIN))
            await bitrix.call("im.notify.system.add", _items(NOTIFICATIONS))

    stand.ask("begin")
    error = ""
    begun = time.perf_counter()
    try:
        asyncio.run(work(stand.ask("webhook")))
    except Exception as failed:
        error = type(failed).__name__
    seconds = time.perf_counter() - begun
    seen = stand.ask("seen")
    result = {"fast_bitrix24_over_floor": round(seconds / FLOOR, 2), "fast_bitrix24_sent": seen["people"]}
    return result | {"fast_bitrix24_refused": seen["refused"]} | ({"fast_bitrix24_error": error} if error else {})


def _items(count: int) -> list[dict[str, Any]]:
    text = "Please read the new rules of the house."
    return [{"USER_ID": number, "MESSAGE": text, "TAG": f"news|{number}", "SUB_TAG": "news"} for number in range(1, count + 1)]


def _cpu_seconds(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return round(int(peak.split()[1]) / 1024, 1)


def main() -> None:
    with many(NOTIFICATIONS, tls=True) as bench:
        # What they log is whole lists of calls, whatever level is set for them: the one sets its own when it is imported.
        for name in ("fast_bitrix24", "asyncio"):
            logging.getLogger(name).disabled = True
        # Neither peer has a setting of its own for what it trusts.
        os.environ |= {"REQUESTS_CA_BUNDLE": bench.stand.facts["ca_file"], "NO_PROXY": "localhost,127.0.0.1"}
        result = {
            "benchmark": "bulk_send",
            "database": bench.database,
            "notifications": NOTIFICATIONS,
            "batch_seconds": BATCH_SECONDS,
            "floor_seconds": FLOOR,
            "floor_with_reserve_seconds": FLOOR_WITH_RESERVE,
            **ours(bench),
        }
        print("ours", json.dumps(result), flush=True)
        result |= fast(bench.stand) | sdk(bench.stand)
    print("RESULT", json.dumps(result))


if __name__ == "__main__":
    main()
