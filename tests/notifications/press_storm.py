"""A process of its own that answers requests from many threads at once: `python -m tests.notifications.press_storm <value> <threads>`.

It reads a line of JSON, [[person's pk, request's key], …], prints `ready`, waits for another line, presses the button with this value on
all of them, and prints as JSON which answer each was told to have been recorded.
"""

import json
import sys
import threading
from uuid import UUID

import django

django.setup()

from django.db import connections  # noqa: E402

from b24app.models import PortalUser  # noqa: E402
from notifications import answering  # noqa: E402


def main(value: str, count: int) -> None:
    targets = json.loads(sys.stdin.readline())
    told: list[str] = [""] * len(targets)
    together = threading.Barrier(count)

    def press(first: int) -> None:
        try:
            together.wait()
            for at in range(first, len(targets), count):
                pk, key = targets[at]
                person = PortalUser.objects.select_related("portal").get(pk=pk)
                page = answering.answer(person, UUID(key), value)
                told[at] = page.given.value if page.given else page.status
        finally:
            connections.close_all()

    threads = [threading.Thread(target=press, args=[first]) for first in range(count)]
    print("ready", flush=True)
    sys.stdin.readline()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
