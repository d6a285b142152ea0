"""A lane: one worker process that sends for one portal, several batches at a time, until nothing is left or it is others' turn.

However many workers there are, one of them sends for a portal at a time: it holds the portal's Lane row by a lease and lengthens it while
it runs. A lane whose process was killed ends with its lease, and `portals_with_work` names the portal again. Two that meet all the same
(a clock that jumps, a process that slept) do no harm: rows are claimed, and the same row sent twice has the same TAG, which replaces.

Within a portal the dispatches take turns, a batch each; among portals a lane makes way after SLICE when others wait. It never sleeps until
a portal is ready again: it ends, and its Lane row says when to come back.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from uuid import uuid4

from django.conf import settings
from django.db import connections, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from b24app.models import Bucket, Portal
from b24app.queue import leaving
from b24app.rest import budget
from b24app.rest.deadline import Deadline
from b24app.rest.errors import Policy, RestError
from notifications import ledger, sending, takeback, wire
from notifications.leases import ran_out
from notifications.models import Dispatch, Lane, Notification

logger = logging.getLogger(__name__)

IN_FLIGHT = 8
"""Batches of one portal on their way at a time."""

RECORDING = 4
"""Batches beyond those whose answers are being recorded: the portal does not wait for our database."""

LEASE = timedelta(seconds=settings.LANE_LEASE_SECONDS)
"""How long a lane, and each row it sends, is its own unless it says so again."""

SLICE = 5.0
"""Seconds after which a lane makes way when other tasks wait."""

FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=10)
"""How long a portal that cannot be reached is left alone: twice as long after each failure."""

PROBE = timedelta(hours=1)
"""How often a portal that cannot be used is tried with one batch, if nobody finds out earlier that it can be used again."""

GONE = "NOT_INSTALLED"
"""Why nothing was sent to whom a removed app had not sent yet (b24app.rest.errors)."""

_TICK = LEASE.total_seconds() / 4
_LOOK = 0.5
_LOOK_AGAIN = 0.2

_Row = Notification.State
_COLUMNS = ("portal_id", "type", "taking_back", "sender__kind")


def run(portal_id: int, *, others_wait: Callable[[], bool]) -> float | None:
    """Send for a portal; `others_wait` tells whether other tasks wait for this worker.

    Returns in how many seconds to come back: 0 for at once, None when there is nothing to come back for, or another lane is at it.
    """
    portal = Portal.objects.filter(pk=portal_id).first()
    if portal is None or leaving.is_set():
        return None
    if portal.state == Portal.State.REMOVED:
        close_removed(portal)
    if portal.state not in (Portal.State.ACTIVE, Portal.State.SUSPENDED):
        return None
    with _held(portal_id) as owner:
        if owner is None or not _may_begin(portal):
            return _seconds_to_wait(portal_id) if owner else None
        _Run(portal, owner, others_wait).work()
    # What was asked for before this lane was let go found it taken.
    return _seconds_to_wait(portal_id)


def portals_with_work() -> list[int]:
    """The ids of portals to run a lane for: with something to send or to take back, no living lane, and no reason to wait longer."""
    now = timezone.now()
    portals = Portal.objects.filter(Q(pk__in=_to_send().values("portal")) | Q(pk__in=_to_take_back().values("portal")))
    idle = Q(lane=None) | Q(lane__lease_until=None) | ran_out("lane__lease_until", now, LEASE)
    reachable = Q(lane=None) | Q(lane__resume_at=None) | ran_out("lane__resume_at", now, LONGEST_WAIT)
    probed = Q(lane=None) | Q(lane__probe_at=None) | ran_out("lane__probe_at", now, PROBE)
    ready = Q(state=Portal.State.ACTIVE) & reachable | Q(state=Portal.State.SUSPENDED) & probed
    left = Dispatch.objects.filter(finished_at=None, state__in=(*Dispatch.UNDER_WAY, Dispatch.State.PAUSED)).values("portal")
    removed = Portal.objects.filter(state=Portal.State.REMOVED, pk__in=left)
    return sorted({*portals.filter(idle, ready).values_list("pk", flat=True), *removed.values_list("pk", flat=True)})


def close_removed(portal: Portal) -> None:
    """The app is gone from the portal: what it had not sent yet is closed as failed, and what is of unknown fate is given up."""
    rows = Notification.objects.filter(portal=portal)
    with transaction.atomic():
        queued, unknown = rows.filter(state=_Row.QUEUED), rows.filter(state=_Row.UNKNOWN, lease_until__isnull=False)
        dispatches = set((queued | unknown).order_by().values_list("dispatch_id", flat=True).distinct())
        queued.update(state=_Row.FAILED, error_code=GONE, closed_at=timezone.now())
        unknown.update(lease_until=None)
        ledger.changed(dispatches)
    open_states = (*Dispatch.UNDER_WAY, Dispatch.State.PAUSED)
    under_way = Dispatch.objects.filter(portal=portal, state__in=open_states).exclude(Exists(_rows(_Row.SENDING)))
    under_way.update(state=Dispatch.State.DONE, error_code=GONE, finished_at=timezone.now())
    Dispatch.objects.filter(portal=portal).exclude(taking_back="").update(taking_back="")


@dataclass(frozen=True, slots=True)
class _Job:
    """What one thread of a lane does: send a batch of rows, or take a step of taking back."""

    dispatch_id: int
    slot: Bucket
    rows: Collection[int] = ()
    begun: float = field(default_factory=time.monotonic)
    answered: threading.Event = field(default_factory=threading.Event)

    def work(self, answered: Callable[[], object]) -> RestError | None:
        """Returns what stands in the way of more of the same; `answered` is called when only recording is left to do."""
        if self.rows:
            return sending.deliver(self.rows, self.slot, answered)
        return _take_step(self.dispatch_id, self.slot)


class _Crew:
    """Threads that do jobs, made when they are needed; each has a database connection of its own, closed when it ends."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        # None: a job has been answered, and is to be recorded.
        self._done: queue.SimpleQueue[tuple[_Job, RestError | None] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self.jobs: set[_Job] = set()

    @property
    def in_flight(self) -> int:
        """How many jobs the portal has not answered."""
        return sum(not job.answered.is_set() for job in self.jobs)

    def give(self, job: _Job) -> None:
        """Let a thread do this."""
        self.jobs.add(job)
        if len(self._threads) < len(self.jobs):
            self._threads.append(threading.Thread(target=self._work, name=f"lane-{len(self._threads)}", daemon=True))
            self._threads[-1].start()
        self._waiting.put(job)

    def finished(self, seconds: float) -> tuple[_Job, RestError | None] | None:
        """A job that has been done and what stands in the way of more; None when none is within `seconds`, or another one was answered."""
        try:
            done = self._done.get(timeout=seconds) if seconds else self._done.get_nowait()
        except queue.Empty:
            return None
        if done is not None:
            self.jobs.discard(done[0])
        return done

    def dismiss(self) -> None:
        """End the threads, once they have done what they were given."""
        for _thread in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        try:
            while (job := self._waiting.get()) is not None:
                self._done.put((job, _guarded(job, partial(self._note_answered, job))))
        finally:
            connections.close_all()

    def _note_answered(self, job: _Job) -> None:
        job.answered.set()
        self._done.put(None)


class _Run:
    """One lane at work."""

    def __init__(self, portal: Portal, owner: str, others_wait: Callable[[], bool]) -> None:
        self._portal = portal
        self._owner = owner
        self._others_wait = others_wait
        self._crew = _Crew()
        self._failures = Lane.objects.values_list("failures", flat=True).get(portal=portal)
        self._served = Lane.objects.values_list("served", flat=True).get(portal=portal)
        self._workable: list[Dispatch] = []
        self._looked = 0.0
        self._began = self._ticked = time.monotonic()
        self._has_begun = self._is_over = False

    def work(self) -> None:
        """Give out jobs until there are none, or until it is time to stop; then wait for those that were given."""
        try:
            while not self._is_over:
                self._work_on()
            while self._crew.jobs:
                self._see_to_jobs(_LOOK)
        finally:
            self._crew.dismiss()
            Lane.objects.filter(portal=self._portal, owner=self._owner).update(served=self._served)

    def _work_on(self) -> None:
        self._see_to_jobs(0)
        if self._is_over or leaving.is_set() or self._is_others_turn():
            self._is_over = True
        elif self._has_enough():
            self._see_to_jobs(_LOOK)
        elif not self._next_job():
            # What is on its way may leave something to do, and somebody may start another dispatch meanwhile.
            self._is_over = not self._crew.jobs
            self._see_to_jobs(_LOOK if self._crew.jobs else 0)

    def _has_enough(self) -> bool:
        """Whether nothing more may be given out: one at a time as long as it is not certain that the portal works."""
        if self._failures or self._portal.state != Portal.State.ACTIVE:
            return bool(self._crew.jobs)
        return self._crew.in_flight >= IN_FLIGHT or len(self._crew.jobs) >= IN_FLIGHT + RECORDING

    def _is_others_turn(self) -> bool:
        # Not before something was done: two that make way for each other would never send anything.
        return self._has_begun and time.monotonic() - self._began > SLICE and self._others_wait()

    def _next_job(self) -> bool:
        """Give out a job for the dispatch whose turn it is; False when there is nothing to do now.

        Steps of taking back one dispatch follow one another.
        """
        busy = {job.dispatch_id for job in self._crew.jobs if not job.rows}
        workable = [each for each in self._look() if each.pk not in busy]
        if not workable:
            return False
        slot = self._slot()
        if slot is None:
            return True
        for dispatch in _in_turn(workable, self._served):
            job = self._job(dispatch, slot)
            if job is not None:
                self._served, self._has_begun = dispatch.pk, True
                self._crew.give(job)
                return True
        budget.give_back(slot)
        self._looked = 0.0
        return False

    def _look(self) -> list[Dispatch]:
        """The dispatches of which something can be done; looked for again a moment later, and at once when there was nothing to do."""
        if not self._workable or time.monotonic() - self._looked > _LOOK_AGAIN:
            self._workable, self._looked = _workable(self._portal), time.monotonic()
        return self._workable

    @staticmethod
    def _job(dispatch: Dispatch, slot: Bucket) -> _Job | None:
        if dispatch.taking_back:
            return _Job(dispatch.pk, slot)
        rows = sending.claim(dispatch.pk, LEASE)
        return _Job(dispatch.pk, slot, tuple(rows)) if rows else None

    def _slot(self) -> Bucket | None:
        """A slot of the portal's budget; None when there was no room for a while: then there may be other things to do first."""
        try:
            return budget.take_slot(self._portal, background=True, deadline=Deadline(_LOOK))
        except RestError as error:
            self._see_to_jobs(min(_LOOK, max(0.0, (error.retry_at or 0.0) - budget.now())))
            return None

    def _see_to_jobs(self, seconds: float) -> None:
        """Look at what was done, waiting up to `seconds` for the first of it; and keep what is being done."""
        done = self._crew.finished(seconds)
        while done is not None:
            self._note(*done)
            done = self._crew.finished(0)
        if time.monotonic() - self._ticked > _TICK:
            self._ticked = time.monotonic()
            self._keep()

    def _note(self, job: _Job, setback: RestError | None) -> None:
        """What a job came to says how to go on with the portal."""
        if not job.rows:
            # Whether another step follows stands in the dispatch.
            self._looked = 0.0
        if setback is None:
            if self._failures or self._portal.state != Portal.State.ACTIVE:
                self._failures = 0
                Lane.objects.filter(portal=self._portal, owner=self._owner).update(failures=0, resume_at=None, probe_at=None)
                self._portal.refresh_from_db(fields=["state"])
        elif setback.policy is Policy.PORTAL_UNUSABLE:
            self._stop(probe_at=timezone.now() + PROBE)
        elif setback.concerns_portal:
            until = timezone.now() + min(FIRST_WAIT * 2 ** min(self._failures, 20), LONGEST_WAIT)
            self._stop(failures=min(self._failures + 1, 1000), resume_at=until)
        # Any other is the dispatch's own: it is paused, or its method is.

    def _stop(self, **columns: object) -> None:
        """End this lane and say when to come back; of several jobs that fail together, the first one speaks for all."""
        if not self._is_over:
            Lane.objects.filter(portal=self._portal, owner=self._owner).update(**columns)
        self._is_over = True

    def _keep(self) -> None:
        """Keep the lane and the rows that are on their way; when another lane has it, that one goes on."""
        lane = Lane.objects.filter(portal=self._portal, owner=self._owner)
        if not lane.update(lease_until=timezone.now() + LEASE, served=self._served):
            logger.warning("Another lane of portal %s has taken over", self._portal.pk)
            self._is_over = True
        old = [number for job in self._crew.jobs if time.monotonic() - job.begun > _TICK / 2 for number in job.rows]
        if old:
            sending.keep(old, LEASE)


def _guarded(job: _Job, answered: Callable[[], object]) -> RestError | None:
    """What the job came to. A fault of ours must not end the thread: its rows are sent again when their lease has run out."""
    try:
        return job.work(answered)
    except Exception:
        logger.exception("A batch of dispatch %s failed", job.dispatch_id)
        connections.close_all()
        return RestError("INTERNAL_SERVER_ERROR", unknown_outcome=True)


def _take_step(dispatch_id: int, slot: Bucket) -> RestError | None:
    dispatch = Dispatch.objects.select_related("sender__portal").get(pk=dispatch_id)
    try:
        takeback.step(dispatch, slot)
    except RestError as error:
        if error.policy in (Policy.RETRY_LATER, Policy.PORTAL_UNUSABLE):
            return error
        takeback.give_up(dispatch, error)
    return None


@contextmanager
def _held(portal_id: int) -> Iterator[str | None]:
    """Hold the portal's lane: yields who holds it, None when another one lives."""
    Lane.objects.get_or_create(portal_id=portal_id)
    owner, now = str(uuid4()), timezone.now()
    free = Q(lease_until=None) | ran_out("lease_until", now, LEASE)
    if not Lane.objects.filter(free, portal=portal_id).update(owner=owner, lease_until=now + LEASE):
        yield None
        return
    try:
        yield owner
    finally:
        Lane.objects.filter(portal=portal_id, owner=owner).update(owner="", lease_until=None)


def _may_begin(portal: Portal) -> bool:
    """Whether the time has come to call the portal again."""
    now = timezone.now()
    resume_at, probe_at = Lane.objects.values_list("resume_at", "probe_at").get(portal=portal)
    until, longest = (resume_at, LONGEST_WAIT) if portal.state == Portal.State.ACTIVE else (probe_at, PROBE)
    return until is None or not now < until <= now + 2 * longest


def _seconds_to_wait(portal_id: int) -> float | None:
    """In how many seconds a lane has something to do for this portal; None when nothing is to be done, or nobody knows."""
    portal = Portal.objects.filter(pk=portal_id, state=Portal.State.ACTIVE).first()
    waiting = _open(portal) if portal else []
    if portal is None or not waiting:
        return None
    resume_at = Lane.objects.values_list("resume_at", flat=True).get(portal=portal)
    pauses = budget.paused(portal, {_method(each) for each in waiting})
    ends = [error.retry_at if (error := pauses.get(_method(each))) else budget.now() for each in waiting]
    return max(0.0, min(end or 0.0 for end in ends) - budget.now(), (resume_at - timezone.now()).total_seconds() if resume_at else 0.0)


def _workable(portal: Portal) -> list[Dispatch]:
    """The dispatches of which something can be done now."""
    waiting = _open(portal)
    pauses = budget.paused(portal, {_method(each) for each in waiting}) if waiting else {}
    return [each for each in waiting if _method(each) not in pauses]


def _open(portal: Portal) -> list[Dispatch]:
    """The portal's dispatches with something to send or to take back, oldest first."""
    # Two queries, each with an index of the few that it is about.
    wanted = [each.filter(portal=portal).select_related("sender").only(*_COLUMNS) for each in (_to_send(), _to_take_back())]
    return sorted((dispatch for found in wanted for dispatch in found), key=lambda dispatch: dispatch.pk)


def _in_turn(dispatches: list[Dispatch], served: int) -> list[Dispatch]:
    """The dispatches, beginning with the one after the one served last."""
    return [each for each in dispatches if each.pk > served] + [each for each in dispatches if each.pk <= served]


def _method(dispatch: Dispatch) -> str:
    return takeback.METHOD if dispatch.taking_back else wire.method(dispatch)


def _to_send() -> QuerySet[Dispatch]:
    return Dispatch.objects.filter(Exists(_rows(_Row.QUEUED)), finished_at=None, state__in=Dispatch.UNDER_WAY)


def _to_take_back() -> QuerySet[Dispatch]:
    return Dispatch.objects.filter(~Q(taking_back=""))


def _rows(state: str) -> QuerySet[Notification]:
    return Notification.objects.filter(dispatch=OuterRef("pk"), state=state)
