"""A dispatch to 120 people of the large stand-in portal, worked off in this process, and looked at from outside."""

import html
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Thread
from uuid import uuid4

import pytest
import time_machine
from django.core.cache import cache
from django.db import DatabaseError, connections
from django.test import Client

from b24app.frame.session import issue
from b24app.models import Portal, PortalUser, Sender
from b24app.rest.client import LARGEST_BATCH as BATCH
from devportal import world
from devportal.feed import namespaced
from devportal.server import Stand
from notifications import dispatching, people, recording, sending, tasks
from notifications.models import Dispatch, Notification
from notifications.sending import Draft
from tests.b24app.floor import meet
from tests.processes import until

RECIPIENTS = range(11, 131)
"""User ids of three batches: fifty, fifty and twenty."""

TAG = "fire drill"
STEP = 300.0
"""A step of the clock in seconds: no lease is longer, and most waits are not."""

MOST_STEPS = 40

State = Notification.State


@dataclass
class Drill:
    """The dispatch, its author, the portal it goes to, and the clock of them all."""

    stand: Stand
    portal: world.Portal
    app: world.App
    author: PortalUser
    clock: time_machine.Traveller
    dispatch: Dispatch

    # What happens

    def work(self) -> None:
        """What a worker does with the portal's task."""
        tasks.run_lane.call_local(self.author.portal_id)

    def work_beside(self) -> Thread:
        """The same in a thread of its own, already started."""

        def run() -> None:
            try:
                self.work()
            except DatabaseError:
                # The worker logs what a task ends with, and goes on with the next one.
                pass
            finally:
                connections.close_all()

        thread = Thread(target=run)
        thread.start()
        return thread

    @contextmanager
    def in_the_middle(self, batches: int = 1) -> Iterator[None]:
        """Inside, the portal has done the first batch (or `batches` of them) and holds the answer back; all others follow afterwards."""
        self.stand.faults.order(method="batch", kind="slow", times=batches)
        thread = self.work_beside()
        try:
            until(lambda: self.copies().total() == min(batches * BATCH, len(RECIPIENTS)) or not thread.is_alive())
            assert thread.is_alive()
            yield
        finally:
            self.stand.faults.release()
            thread.join()

    def minute(self) -> None:
        """What the periodic jobs of a minute do."""
        tasks.settle.call_local()
        tasks.run_lanes.call_local()

    def finish(self, steps: int = MOST_STEPS, each: float = STEP) -> None:
        """Let time go by until nothing happens by itself any more."""
        for _step in range(steps):
            self.minute()
            self.dispatch.refresh_from_db()
            if self.dispatch.state not in Dispatch.UNDER_WAY:
                return
            self.clock.shift(each)

    def press(self, button: str) -> None:
        """A button on the dispatch's page: "resume", "resend"."""
        author = PortalUser.objects.select_related("portal").get(pk=self.author.pk)
        answer = Client().post(f"/frame/dispatches/{self.dispatch.pk}/{button}/", headers={"Authorization": f"Bearer {issue(author)}"})
        assert answer.status_code == 200

    def repair(self) -> None:
        """What its author does as far as the page offers it, after opening the app anew: Resume, Send again to those who failed."""
        meet(self.portal, self.app, self.portal.admin)
        for button in ("resume", "resend"):
            if f'id="act-{button}"' in self.page():
                self.press(button)
                self.finish()

    # What is seen

    def copies(self) -> Counter[int]:
        """How many copies each person of the portal has; anything else in a feed counts as a hundred."""
        found: Counter[int] = Counter()
        for person in self.portal.people.values():
            for item in self.portal.feed(person):
                own = namespaced(self.app.client_id, f"{TAG}|{person.id}")
                found[person.id] += 1 if item.tag == own else 100
        return found

    def page(self) -> str:
        """The live part of the dispatch's page, as its author sees it."""
        author = PortalUser.objects.select_related("portal").get(pk=self.author.pk)
        answer = Client().get(f"/frame/dispatches/{self.dispatch.pk}/figures/", headers={"Authorization": f"Bearer {issue(author)}"})
        assert answer.status_code == 200
        return html.unescape(answer.content.decode())

    def figures(self) -> dict[str, int]:
        """Numbers by state, as the page shows them."""
        return {state: int(number) for state, number in re.findall(r'id="figure-(\w+)">.*?<td>(\d+)</td>', self.page(), re.DOTALL)}

    def states(self) -> dict[str, int]:
        """Numbers by state, as the ledger has them, after making sure that ledger, feeds and page agree about everybody."""
        copies = self.copies()
        rows = {row.recipient.user_id: row for row in self.dispatch.notifications.select_related("recipient")}
        assert sorted(rows) == list(RECIPIENTS)
        assert set(copies) <= set(rows), "a stranger got something"
        assert set(copies.values()) <= {1}, "somebody got it twice"
        for number, row in rows.items():
            if row.state == State.SENT:
                assert copies[number] == 1, "told as sent, and not there"
            elif row.state in (State.FAILED, State.QUEUED):
                assert copies[number] == 0, f"told as {row.state}, and there"
            assert row.state != State.FAILED or recording.failure_text(row)
        states = dict(Counter(row.state for row in rows.values()))
        assert self.figures() == states
        return states


@pytest.fixture
def drill(stand: Stand, app: world.App, transactional_db: None) -> Iterator[Drill]:
    """The dispatch, ready and started; nobody works on it yet."""
    cache.clear()
    portal = stand.portals[2]
    author = meet(portal, app, portal.admin)
    # Waiting for room is real time; it is tested elsewhere (tests/b24app/rest).
    Portal.objects.update(scope=",".join(app.scope), license_family="ent2000", bucket_drain=1000.0)
    author.portal.refresh_from_db()
    sender = Sender.objects.create(portal=author.portal, kind=Sender.Kind.APP, name="App", client_id=app.client_id)
    known = people.rows(author.portal, list(RECIPIENTS))
    ready = {"state": Dispatch.State.READY, "recipients": [known[number].pk for number in RECIPIENTS], "total": len(known)}
    draft = Draft(Notification.Type.PERSONAL, "Leave the building by the stairs.", TAG)
    dispatch = sending.write_dispatch(author, draft, uuid4(), sender, **ready)[0]
    dispatching.start(author, dispatch.pk)
    stand.log.clear()
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        yield Drill(stand, portal, app, author, clock, dispatch)
    stand.faults.clear()
