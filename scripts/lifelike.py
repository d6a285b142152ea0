"""A portal in the midst of its work: what a company has sent with the app in the last month, in one of the app's languages.

For screenshots and for tests of how pages look. Everything is done by the app's own use cases against the stand-in portal, at its own
time in the past; the process needs Django set up on the database of the running app.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import time_machine
from django.utils import translation

from b24app import senders
from b24app.models import PortalUser, Sender
from b24app.rest.errors import RestError
from devportal.feed import ACCEPT_COLORS, CONFIRM, FROM_USER, REFUSE_COLORS, SYSTEM, Button
from devportal.people import staff
from devportal.world import App, Portal
from notifications import answering, ask, closing, dispatching, lane, preparing, reminding, revoking, sending
from notifications.audience import Audience, Branch
from notifications.models import ConfirmationRequest, Dispatch
from scripts.lifelike_texts import LANGUAGES, Language

Event = tuple[datetime, Callable[[], object]]

DAY = timedelta(days=1)
PEOPLE = 84
"""As many as a small company has, and more than a batch holds."""
SALES = Branch(3, "Sales")


def fill(portal: Portal, app: App, language: str = "en", people: int = PEOPLE) -> None:
    """Give the portal, where its first admin has installed and opened the app, `people` and a month of notifications.

    One dispatch stays at its first batch and one waits to be sent: no worker of the app may run meanwhile if they shall be seen so.
    """
    with translation.override(language):
        _Story(portal, app, LANGUAGES[language], people).tell()


class _Story:
    def __init__(self, portal: Portal, app: App, words: Language, people: int) -> None:
        self._portal, self._app, self._words = portal, app, words
        self._now = datetime.now(UTC)
        grown = staff(people, domain=f"{portal.company.split()[0].lower()}.example", seed=7)
        portal.people |= {id_: person for id_, person in grown.items() if id_ not in portal.people}
        # Found out when something is sent to them.
        for gone in (8, 10):
            portal.people[gone].active = False
        self._author = PortalUser.objects.select_related("portal").get(portal__member_id=portal.member_id, user_id=portal.admin.id)
        self._robot: Sender | None = None

    def tell(self) -> None:
        """Everything in its order, each at its own time."""
        # How full it is now says nothing about a month ago.
        self._portal.bucket.clear()
        events = [*self._dispatches(), *self._requests(), *self._unfinished(), *self._feed()]
        for moment, act in sorted(events, key=lambda event: event[0]):
            with time_machine.travel(moment, tick=True):
                act()

    def _dispatches(self) -> Iterator[Event]:
        stocktaking = self._words.matters["stocktaking"].tag
        yield self._day(29, 9, 10), lambda: self._to_everyone("stocktaking")
        yield self._day(27, 12, 40), lambda: revoking.delete(self._author, "tag", stocktaking)
        yield self._day(27, 8, 55), lambda: self._send("invoice paid", (3, 6))
        for moment in (self._day(21, 7, 30), self._day(14, 7, 30), self._day(7, 7, 30), self._ago(0, 33)):
            yield moment, lambda: self._send("report", (1, 2, 5, 9, 11))
        yield self._day(19, 15, 20), lambda: self._to_everyone("maintenance")
        yield self._day(16, 10, 5), lambda: self._send("parking", range(3, 28))
        yield self._day(12, 13, 45), lambda: self._to_everyone("holidays")
        yield self._day(2, 9, 45), self._add_robot
        yield self._ago(1, 20), self._refused
        yield self._ago(0, 52), lambda: self._send("contract", (2, 5, 8))
        yield self._ago(0, 46), lambda: self._send("soup", (1, 2, 3, 4, 5))
        yield self._ago(0, 40), lambda: self._send("shifts", (7, 12, 14))
        yield self._ago(0, 26), lambda: self._send("order", (11, 12), kind="system", sender=self._robot)
        yield self._ago(0, 19), lambda: self._send("delivery", (5, 9, 11))
        yield self._ago(0, 8), lambda: self._send("invoice", (1, 3), attach=[{"GRID": self._cells()}])
        delivery = self._words.matters["delivery"].tag
        yield self._ago(0, 5), lambda: revoking.delete(self._author, "tag", delivery)

    def _requests(self) -> Iterator[Event]:
        """One request that all have answered, one in the midst of its answers, one that waits for the admin's own."""
        confirm, decline = ask.default_buttons()
        must = replace(decline, reason=ask.Reason.MUST)
        yield self._day(11, 9, 0), lambda: self._ask("drill", self._active(15), (confirm, decline))
        for number, user_id in enumerate(self._active(15)):
            yield self._day(11 - number // 4, 10, 7 * number % 60), partial(self._answer, "drill", user_id, "Y")
        yield self._day(7, 16, 0), lambda: closing.close(self._author, self._request("drill"))
        yield self._day(5, 9, 20), lambda: self._ask("travel", range(3, 39), (confirm, must), deadline=self._now + 2 * DAY)
        for number, user_id in enumerate(self._active(24)):
            reason = self._words.reasons[number // 9] if number % 9 == 4 else ""
            moment = self._day(5 - number % 10 // 2, 11 + number % 6, 13 * number % 60) if number % 10 < 8 else self._ago(2, number)
            yield moment, partial(self._answer, "travel", user_id, "N" if reason else "Y", reason)
        yield self._ago(0, 44), lambda: reminding.remind(self._author, self._request("travel"))
        yield self._ago(0, 31), self._asked_by_colleague

    def _unfinished(self) -> Iterator[Event]:
        """Dispatches that were stopped, that wait for a word, and one under way."""
        yield self._day(3, 16, 30), lambda: self._begin("price list")
        yield self._day(3, 16, 31), lambda: dispatching.cancel(self._author, self._newest())
        yield self._ago(2, 15), lambda: self._begin("survey")
        yield self._ago(2, 14), lambda: dispatching.pause(self._author, self._newest())
        yield self._ago(0, 55), lambda: self._prepare("price list", Audience(branches=(SALES,), except_people=(11,)))
        yield self._ago(0, 58), lambda: self._begin("hands")

    def _feed(self) -> Iterator[Event]:
        """What the portal itself has brought to the admin."""
        words, me = self._words, self._portal.admin.id
        add = partial(self._portal.store.add, me)
        yield self._day(2, 8, 0), partial(
            add, author_id=0, notify_type=SYSTEM, module="tasks", event="task_update", read=True, text=words.feed["task"],
            tag="TASKS|TASK|318",
        )  # fmt: skip
        yield self._ago(3, 0), partial(
            add, author_id=5, notify_type=FROM_USER, module="tasks", event="comment", text=words.feed["comment"], tag="TASKS|COMMENT|402",
            answerable=True,
        )  # fmt: skip
        yield (
            self._ago(0, 25),
            partial(add, author_id=7, notify_type=FROM_USER, module="im", event="mention", text=words.feed["mention"], tag="IM|MENTION|77"),
        )
        for number, invitation in enumerate(words.invitations):
            buttons = (Button(invitation.yes, "Y", *ACCEPT_COLORS), Button(invitation.no, "N", *REFUSE_COLORS))
            yield self._ago(6, number), partial(
                add, author_id=self._portal.second_admin.id, notify_type=CONFIRM, module="calendar", event="invite", text=invitation.text,
                tag=f"CALENDAR|INVITE|{412 + number}|{me}", buttons=buttons,
            )  # fmt: skip

    def _day(self, days_ago: int, hour: int, minute: int) -> datetime:
        return (self._now - days_ago * DAY).replace(hour=hour, minute=minute)

    def _ago(self, hours: int, minutes: int) -> datetime:
        return self._now - timedelta(hours=hours, minutes=minutes)

    def _active(self, number: int) -> list[int]:
        """The first ordinary people who still work here."""
        return [person.id for person in self._portal.people.values() if person.active and not person.admin][:number]

    def _cells(self) -> list[dict[str, str]]:
        return [{"NAME": name, "VALUE": value, "DISPLAY": "ROW"} for name, value in self._words.cells]

    def _draft(self, name: str, kind: str = "personal", **more: Any) -> sending.Draft:
        matter = self._words.matters[name]
        return sending.Draft(kind, matter.text, matter.tag, matter.sub_tag, **more)

    def _send(
        self, name: str, recipients: Sequence[int], *, kind: str = "personal", sender: Sender | None = None, attach: Any = None
    ) -> None:
        sending.send(self._author, recipients, self._draft(name, kind, attach=attach), uuid4(), sender)

    def _refused(self) -> None:
        """The portal refuses to send; the log of calls shows it."""
        self._portal.world.faults.order(method="batch", portal=self._portal, code="OVERLOAD_LIMIT")
        with suppress(RestError):
            self._send("soup", (4,))

    def _add_robot(self) -> None:
        address = self._portal.webhook(self._portal.admin)
        self._robot = senders.add(self._author.portal, senders.Entry(self._words.robot, address, "shop-robot", without_client_id=False))

    def _ask(self, name: str, recipients: Sequence[int], buttons: tuple[ask.Button, ...], deadline: datetime | None = None) -> None:
        sending.send(self._author, recipients, self._draft(name, ask=ask.Ask(buttons, deadline)), uuid4())

    def _request(self, name: str) -> ConfirmationRequest:
        matter = self._words.matters[name]
        return ConfirmationRequest.objects.select_related("dispatch").get(dispatch__portal=self._author.portal, dispatch__tag=matter.tag)

    def _answer(self, name: str, user_id: int, value: str, reason: str = "") -> None:
        person = PortalUser.objects.select_related("portal").get(portal=self._author.portal, user_id=user_id)
        answering.answer(person, self._request(name).key, value, reason)

    def _asked_by_colleague(self) -> None:
        """Sent with the admin's token, but in a colleague's name: who has never opened the app has no token to send with."""
        self._ask("budget", (self._portal.admin.id, 3, 5), ask.default_buttons(), deadline=self._now + DAY)
        colleague = PortalUser.objects.get(portal=self._author.portal, user_id=self._portal.second_admin.id)
        request = self._request("budget")
        Dispatch.objects.filter(pk=request.dispatch_id).update(author=colleague)
        request.dispatch.notifications.update(author=colleague)

    def _prepare(self, name: str, audience: Audience) -> Dispatch:
        dispatch = preparing.prepare(self._author, self._draft(name), uuid4(), None, audience)
        preparing.fill(dispatch.pk)
        return dispatch

    def _begin(self, name: str) -> None:
        """To everyone, and no further than the first batch."""
        dispatch = self._prepare(name, Audience(everyone=True))
        dispatching.start(self._author, dispatch.pk)
        sending.deliver(sending.claim(dispatch.pk, lane.LEASE))

    def _to_everyone(self, name: str) -> None:
        self._begin(name)
        lane.run(self._author.portal_id, others_wait=lambda: False)

    def _newest(self) -> int:
        return Dispatch.objects.filter(portal=self._author.portal).latest("pk").pk
