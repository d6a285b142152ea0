"""A process of its own that calls a portal from many threads at once: `python -m tests.b24app.storm <person's pk> <threads>`.

It prints `ready`, waits for a line, then makes one call per thread and prints what came of them as JSON: result or code -> how often.
"""

import json
import sys
import threading
from collections import Counter

import django

django.setup()

from django.db import connections  # noqa: E402

from b24app.models import PortalUser  # noqa: E402
from b24app.rest.client import as_person  # noqa: E402
from b24app.rest.errors import RestError  # noqa: E402
from tests.b24app.floor import plain  # noqa: E402


def main(person_pk: int, count: int) -> None:
    came: Counter[str] = Counter()
    together = threading.Barrier(count)

    def call() -> None:
        try:
            person = PortalUser.objects.select_related("portal").get(pk=person_pk)
            together.wait()
            came[as_person(person, background=True).run(plain("profile"))["ID"]] += 1
        except RestError as error:
            came[error.code] += 1
        finally:
            connections.close_all()

    threads = [threading.Thread(target=call) for _ in range(count)]
    print("ready", flush=True)
    sys.stdin.readline()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(came))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
