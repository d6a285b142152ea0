"""Workers that are killed, or told to end, at random moments while they send, and what is in people's feeds afterwards."""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from django.db.models import Count
from django.utils import timezone

from b24app.models import Portal, PortalUser, Sender
from b24app.rest.client import LARGEST_BATCH as BATCH
from devportal import world
from devportal.feed import namespaced
from devportal.server import Stand
from notifications import counts, dispatching, people, sending, tasks
from notifications.models import Dispatch, Lane, Notification
from notifications.sending import Draft
from tests.b24app.floor import meet
from tests.processes import Worker, end, queue_at, start_worker

WORKERS = 2
TAG = "fire drill"
BATCH_SECONDS = 0.3
# The portal's limits, with ten slots left to clicks: a batch per second, so that nothing is over before everybody was killed who should be.
BURST, DRAIN = 11.0, 1.0
# Short, because nobody lives long here; and the jobs of each minute come every quarter of a second.
LEASES = {"LANE_LEASE_SECONDS": "1.5", "CALL_LEASE_SECONDS": "1.5"}
MINUTE = 0.25


@dataclass(frozen=True)
class Plan:
    """How many people, how often which signal, the seed of all chance, and after how many seconds it has failed."""

    recipients: int
    kills: int
    seed: int
    seconds: float
    signum: signal.Signals = signal.SIGKILL


@dataclass
class Report:
    """What came of it. All is well when `notifications` are as many as `recipients`, with no `doubles`, `lost` or `strangers`."""

    recipients: int
    seed: int
    kills: int = 0
    sending_when_killed: list[int] = field(default_factory=list)
    batches: int = 0
    needed_batches: int = 0
    seconds: float = 0.0
    notifications: int = 0
    doubles: int = 0
    lost: int = 0
    strangers: int = 0
    state: str = ""
    ledger: dict[str, int] = field(default_factory=dict)


class Havoc:
    """One dispatch, the workers that send it, and whoever kills them."""

    def __init__(self, stand: Stand, portal: world.Portal, app: world.App, plan: Plan, folder: Path) -> None:
        self._stand, self._portal, self._app, self._plan, self._folder = stand, portal, app, plan, folder
        self._chosen = sorted(portal.people)[-plan.recipients :]
        self._chance = random.Random(plan.seed)
        self._queue = f"sqlite:///{folder / 'queue.sqlite3'}"
        self._workers: list[Worker] = []
        self._all: list[Worker] = []
        self._began = self._last_minute = time.monotonic()
        self.report = Report(plan.recipients, plan.seed, needed_batches=-(-plan.recipients // BATCH))

    def run(self) -> Report:
        """Send, kill, wait until all is quiet, and count."""
        self._portal.batch_seconds = BATCH_SECONDS
        author = meet(self._portal, self._app, self._portal.admin)
        Portal.objects.update(bucket_capacity=BURST, bucket_drain=DRAIN)
        dispatch = self._prepared(author)
        with queue_at(self._queue), self._living_workers():
            dispatching.start(author, dispatch.pk)
            tasks.run_lane(author.portal_id)
            for _kill in range(self._plan.kills):
                self._kill(dispatch)
            self._wait(lambda: not _is_open(dispatch))
        self._look(dispatch)
        return self.report

    def _prepared(self, author: PortalUser) -> Dispatch:
        sender = Sender.objects.create(portal=author.portal, kind=Sender.Kind.APP, name="App", client_id=self._app.client_id)
        rows = people.rows(author.portal, self._chosen)
        ready = {"state": Dispatch.State.READY, "recipients": [rows[number].pk for number in self._chosen], "total": len(rows)}
        draft = Draft(Notification.Type.PERSONAL, "Leave the building by the stairs.", TAG)
        return sending.write_dispatch(author, draft, uuid4(), sender, **ready)[0]

    @contextmanager
    def _living_workers(self) -> Iterator[None]:
        try:
            self._workers = [self._new_worker() for _ in range(WORKERS)]
            yield
        finally:
            end(*self._all)

    def _new_worker(self) -> Worker:
        leases = LEASES if self._plan.signum == signal.SIGKILL else {}
        log = self._folder / f"worker {len(self._all)}"
        self._all.append(start_worker(self._stand, self._queue, log, "--no-periodic", **leases))
        return self._all[-1]

    def _kill(self, dispatch: Dispatch) -> None:
        """Send the signal to one of the workers, at a random moment after something was sent since the last one."""
        seen = self._stand.log.count("batch")
        self._wait(lambda: self._stand.log.count("batch") > seen or not _is_open(dispatch))
        moment = time.monotonic() + self._chance.uniform(0.0, BATCH_SECONDS)
        self._wait(lambda: time.monotonic() > moment)
        if not _is_open(dispatch):
            return
        self.report.sending_when_killed.append(dispatch.notifications.filter(state=Notification.State.SENDING).count())
        place = self._chance.randrange(WORKERS)
        old, self._workers[place] = self._workers[place], self._new_worker()
        old.process.send_signal(self._plan.signum)
        self._wait(old.ended)
        self.report.kills += 1

    def _wait(self, condition: Callable[[], bool]) -> None:
        while not condition():
            for worker in self._workers:
                assert not worker.ended(), f"A worker ended by itself: {worker.log.read_text()[-2000:]}"
            assert time.monotonic() - self._began < self._plan.seconds, f"It has not ended: {self.report}, {_standing()}"
            if time.monotonic() - self._last_minute > MINUTE:
                self._last_minute = time.monotonic()
                tasks.settle()
                tasks.run_lanes()
            time.sleep(0.02)

    def _look(self, dispatch: Dispatch) -> None:
        """Count from outside: in the feeds of the portal's people, by TAG."""
        told = self.report
        told.seconds = round(time.monotonic() - self._began, 1)
        told.batches = self._stand.log.count("batch")
        wanted = {number: namespaced(self._app.client_id, f"{TAG}|{number}") for number in self._chosen}
        for person in self._portal.people.values():
            copies = Counter(item.tag for item in self._portal.feed(person))
            mine = copies.pop(wanted.get(person.id, ""), 0)
            told.notifications += mine
            told.doubles += max(0, mine - 1)
            told.lost += person.id in wanted and not mine
            told.strangers += copies.total()
        dispatch.refresh_from_db()
        told.state = dispatch.state
        told.ledger = {str(state): number for state, number in counts.of([dispatch])[dispatch.pk].items()}


def _is_open(dispatch: Dispatch) -> bool:
    return Dispatch.objects.filter(pk=dispatch.pk, finished_at=None).exists()


def _standing() -> dict[str, object]:
    """Where everything stands, for whoever has to find out why it does not go on."""
    rows = Notification.objects.values("state", "lease_until", "attempts").annotate(rows=Count("pk")).order_by("state", "lease_until")
    dispatches = Dispatch.objects.values("state", "error_code", "started_at")
    return {"now": timezone.now(), "lanes": list(Lane.objects.values()), "rows": list(rows), "dispatches": list(dispatches)}
