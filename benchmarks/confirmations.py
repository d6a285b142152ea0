"""5,000 people answer one confirmation request: presses per second through the app's own views, and how long one of them takes.

Two web processes on PostgreSQL, the worker beside them, and a stand-in portal with the usual limits (50 requests, 2 per second), which a
press may use to tidy the person's feed while there is room. AT_ONCE people press at any moment; the load comes from this process, which
shares the machine's processors with all of that.
"""

import http.client
import json
import queue
import statistics
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._many import Many, many

PEOPLE = 5_000
AT_ONCE = 16
WEB_PROCESSES = 2
WARM_UP = 50
LONGEST_RUN = 300.0

Press = tuple[str, str]
"""The address to post to, and the frame token of the person who presses."""


def prepare(bench: Many) -> list[Press]:
    """A request to everybody, as it stands once it was sent, and what each of them would post."""
    from django.utils import timezone

    from b24app.frame import session
    from b24app.models import Portal, PortalUser
    from notifications import ask
    from notifications.models import ConfirmationRequest, Dispatch, Notification

    portal = Portal.objects.get(member_id=bench.stand.facts["member_id"])
    # The usual plan's limits, not those of the other benchmarks.
    Portal.objects.filter(pk=portal.pk).update(bucket_capacity=None, bucket_drain=None)
    bench.stand.ask("limits", capacity=50, drain=2, batch_seconds=0.25)
    author = PortalUser.objects.get(portal=portal, is_admin=True)
    expires_at = timezone.now() + timedelta(hours=1)
    people = [
        PortalUser(portal=portal, user_id=number, access_token=token, refresh_token="none", expires_at=expires_at, token_state="valid")
        for number, token in bench.stand.ask("tokens", count=PEOPLE)
        if number != author.user_id
    ]
    people = [author, *PortalUser.objects.bulk_create(people, batch_size=500)]
    common = {"portal": portal, "sender": portal.senders.get(), "author": author}
    dispatch = Dispatch.objects.create(**common, key=uuid4(), type="personal", message="Read the new rules.", state="done", total=PEOPLE)
    request = ConfirmationRequest.objects.create(dispatch=dispatch, buttons=ask.write(ask.default_buttons()))
    rows = (
        Notification(
            **common, dispatch=dispatch, recipient=person, type="personal", wire_tag=f"{dispatch.key.hex}:{person.user_id}", state="sent",
            portal_notification_id=person.user_id, sent_at=timezone.now(),
        )
        for person in people
    )  # fmt: skip
    Notification.objects.bulk_create(rows, batch_size=500)
    return [(f"/frame/ask/{request.key}/answer/", session.issue(person)) for person in people]


def press_all(bench: Many, presses: list[Press]) -> list[float]:
    """Let AT_ONCE people press at a time until all have; seconds of each. SystemExit when one was not answered."""
    waiting: queue.SimpleQueue[Press] = queue.SimpleQueue()
    for press in presses:
        waiting.put(press)
    taken: list[float] = []
    wrong: list[str] = []
    end = time.monotonic() + LONGEST_RUN

    def work() -> None:
        connection = http.client.HTTPConnection(urlsplit(bench.url).netloc, timeout=60)
        body = urlencode({"value": "Y"})
        while not wrong and time.monotonic() < end:
            try:
                path, token = waiting.get_nowait()
            except queue.Empty:
                break
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-www-form-urlencoded", "HX-Request": "true"}
            begun = time.perf_counter()
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            page = answer.read()
            taken.append(time.perf_counter() - begun)
            if answer.status != 200 or b"Thank you" not in page:
                wrong.append(f"{answer.status} {page[:200]!r}")
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong or len(taken) != len(presses):
        raise SystemExit(f"Not every press was answered: {len(taken)} of {len(presses)}, {wrong[:1]}")
    return taken


def main() -> None:
    with many(PEOPLE, web_processes=WEB_PROCESSES) as bench:
        presses = prepare(bench)
        press_all(bench, presses[:WARM_UP])
        begun = time.perf_counter()
        taken = press_all(bench, presses[WARM_UP:])
        seconds = time.perf_counter() - begun
        result = {**figures(taken, seconds), **recorded(), "database": bench.database}
    print("RESULT", json.dumps({"benchmark": "confirmations", **result}))


def figures(taken: list[float], seconds: float) -> dict[str, float]:
    """What the presses came to."""
    hundredths = [part * 1000 for part in statistics.quantiles(taken, n=100)]
    return {
        "presses": len(taken),
        "at_once": AT_ONCE,
        "web_processes": WEB_PROCESSES,
        "seconds": round(seconds, 2),
        "presses_per_second": round(len(taken) / seconds, 1),
        "median_ms": round(hundredths[49], 1),
        "p95_ms": round(hundredths[94], 1),
        "p99_ms": round(hundredths[98], 1),
        "longest_ms": round(max(taken) * 1000, 1),
    }


def recorded() -> dict[str, int]:
    """What stands in the tables, the warm-up included."""
    from notifications.models import Answer, Notification

    return {
        "answers": Answer.objects.count(),
        "confirmed": Notification.objects.filter(state="confirmed").count(),
        "tidied_at_once": Answer.objects.filter(tidied_at__isnull=False, tidy_attempts=0).count(),
    }


if __name__ == "__main__":
    main()
