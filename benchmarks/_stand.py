"""A stand-in Bitrix24 in a process of its own, so that what it costs is not counted as the app's: orders come as lines of JSON.

Started by `started()` below; the child answers each order with one line.
"""

import json
import secrets
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from devportal.feed import Feed
from devportal.server import Stand
from devportal.world import App, Portal

ROOT = Path(__file__).resolve().parent.parent
BATCH = "batch"


class Remote:
    """The stand-in, seen from the benchmark. `facts` are its addresses and the application's credentials."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.facts = self._answer()

    def ask(self, order: str, **arguments: Any) -> Any:
        """Have an order of `Orders` carried out; its answer."""
        assert self._process.stdin is not None
        print(json.dumps({"order": order, **arguments}), file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("The stand-in has ended.")
        return json.loads(line)


class Orders:
    """What the benchmark may ask for."""

    def __init__(self, stand: Stand, app: App, portal: Portal) -> None:
        self._stand = stand
        self._app = app
        self._portal = portal

    def launch(self) -> Any:
        """The opening of the installed app by the first admin: where it goes to, with which fields."""
        return asdict(self._portal.launch(self._app, self._portal.admin))

    def tokens(self, count: int) -> list[tuple[int, str]]:
        """User ids of the first people with an access token each, as their openings of the app would bring."""
        people = list(self._portal.people.values())[:count]
        return [(person.id, self._portal.launch(self._app, person).fields["AUTH_ID"]) for person in people]

    def limits(self, capacity: float, drain: float, batch_seconds: float) -> bool:
        """Set the bucket and how long a batch takes."""
        self._portal.bucket.capacity, self._portal.bucket.leak = capacity, drain
        self._portal.batch_seconds = batch_seconds
        return True

    def begin(self) -> bool:
        """Empty feeds, an empty bucket, an empty log."""
        self._portal.bucket.clear()
        self._portal.budget.clear()
        self._stand.log.clear()
        self._portal.store = Feed(self._stand.clock)
        return True

    def begin_log(self) -> bool:
        """An empty log; feeds and bucket stay."""
        self._stand.log.clear()
        return True

    def webhook(self) -> str:
        """A webhook of the first admin."""
        return self._portal.webhook(self._portal.admin)

    def seen(self) -> dict[str, Any]:
        """What arrived since `begin`: requests and how they were answered, and how many copies people have."""
        entries = self._stand.log.calls(portal=self._portal)
        copies = Counter(item.recipient_id for item in self._portal.store)
        batches = [entry for entry in entries if entry.method == BATCH]
        sizes = [len(entry.commands) for entry in batches]
        return {
            "requests": len(entries),
            "batches": len(batches),
            "refused": sum(entry.code == "QUERY_LIMIT_EXCEEDED" for entry in entries),
            "first": min((entry.at for entry in entries), default=0),
            "last": max((entry.at for entry in entries), default=0),
            "mean_batch": statistics.mean(sizes) if sizes else 0,
            "people": len(copies),
            "doubled": sum(number > 1 for number in copies.values()),
        }


@contextmanager
def started(people: int, app_url: str, *, tls: bool = False) -> Iterator[Remote]:
    """A stand-in with one portal of `people`, on which our app, at `app_url`, is installed."""
    command = [sys.executable, "-m", "benchmarks._stand", str(people), app_url, "tls" if tls else "plain"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Remote(process)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _serve(people: int, app_url: str, *, tls: bool) -> None:
    stand = Stand.start(tls=tls)
    app = stand.register_app(
        client_id="app.benchmark",
        client_secret=secrets.token_urlsafe(20),
        code="tagged.notifications",
        app_url=f"{app_url}/app/",
        install_url=f"{app_url}/install/",
        # Nobody is told of the installation: the app sees it in the first opening.
        events_url=None,
    )
    portal = stand.add_portal(company="Benchmark", people=people, seed=77)
    portal.install(app, portal.admin)
    portal.finish_install(app)
    orders = Orders(stand, app, portal)
    facts = {"auth_url": stand.auth_url, "client_id": app.client_id, "client_secret": app.client_secret, "member_id": portal.member_id}
    print(json.dumps({**facts, "ca_file": str(stand.ca_file or ""), "domain": portal.domain}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(getattr(orders, asked.pop("order"))(**asked)), flush=True)
    stand.stop()


if __name__ == "__main__":
    _serve(int(sys.argv[1]), sys.argv[2], tls=sys.argv[3] == "tls")
