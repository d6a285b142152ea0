"""What became of a confirmation request: figures, answers by day, and the people of each answer. Read from the ledger alone."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from django.db.models import Count, QuerySet
from django.db.models.functions import TruncDate
from django.utils import timezone
from django.utils.translation import gettext as _

from b24app.models import PortalUser
from b24app.roles import may_see_all
from notifications import ask, counts, recording
from notifications.models import Answer, ConfirmationRequest, Notification

PAGE = 50

MOST_NAMED = 200
"""People who could not be reached and are named above the list; all of them are in the list."""


class Group(StrEnum):
    """What became of the request at one person."""

    CONFIRMED = "confirmed"
    DECLINED = "declined"
    WAITING = "waiting"
    GONE = "gone"


_States = Notification.State
STATES: dict[Group, tuple[Notification.State, ...]] = {
    Group.CONFIRMED: (_States.CONFIRMED,),
    Group.DECLINED: (_States.DECLINED,),
    Group.WAITING: Notification.LIVE,
    Group.GONE: (_States.FAILED, _States.REPLACED, _States.DELETED, _States.CANCELLED, _States.EXPIRED),
}

GROUP_OF = {state: group for group, states in STATES.items() for state in states}

ANSWERED = (Group.CONFIRMED, Group.DECLINED)

MEANT = {ask.Means.CONFIRM: Group.CONFIRMED, ask.Means.DECLINE: Group.DECLINED}


@dataclass(frozen=True, slots=True)
class Figures:
    """How many people are in each group."""

    confirmed: int
    declined: int
    waiting: int
    gone: int

    @property
    def total(self) -> int:
        """Everybody who was asked."""
        return self.confirmed + self.declined + self.waiting + self.gone

    @property
    def answered(self) -> int:
        """Who has answered, whatever it was."""
        return self.confirmed + self.declined


@dataclass(frozen=True, slots=True)
class Day:
    """The answers of one day, in somebody's time zone."""

    day: date
    confirmed: int
    declined: int

    @property
    def total(self) -> int:
        """All answers of the day."""
        return self.confirmed + self.declined


@dataclass(frozen=True, slots=True)
class Report:
    """A request at one moment.

    `muted` of the waiting have probably muted the app; `unavailable` are of the gone those whom the portal reaches no more (some of
    them, when there are many). `version` is another one whenever something of it may have changed.
    """

    request: ConfirmationRequest
    figures: Figures
    days: tuple[Day, ...]
    muted: int
    unavailable: tuple[PortalUser, ...]
    is_open: bool
    version: str


@dataclass(frozen=True, slots=True)
class Asking:
    """How a list shows that a dispatch asks: whether an answer is still taken, and whether the reader may see everybody's."""

    is_open: bool
    may_see: bool


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """One page of the people asked, as rows of the ledger with their answers; pages count from 1."""

    rows: list[Notification]
    count: int
    page: int

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return max(1, -(-self.count // PAGE))


def visible_to(person: PortalUser) -> QuerySet[ConfirmationRequest]:
    """The requests whose answers this person may see: all of the portal, or those they sent themselves."""
    requests = ConfirmationRequest.objects.filter(dispatch__portal=person.portal)
    requests = requests.select_related("dispatch__author__portal", "dispatch__sender__portal", "dispatch__portal", "closed_by")
    return requests if may_see_all(person) else requests.filter(dispatch__author=person)


def asking(person: PortalUser, dispatch_ids: Iterable[int]) -> dict[int, Asking]:
    """Which of these dispatches of the person's portal ask for confirmation, in one query."""
    sees_all = may_see_all(person)
    requests = ConfirmationRequest.objects.filter(dispatch__portal=person.portal, dispatch__in=set(dispatch_ids)).select_related("dispatch")
    return {each.dispatch_id: Asking(is_open(each), sees_all or each.dispatch.author_id == person.pk) for each in requests}


def is_open(request: ConfirmationRequest) -> bool:
    """Whether an answer is still taken."""
    return request.closed_at is None and (request.deadline is None or request.deadline > timezone.now())


def version(request: ConfirmationRequest) -> str:
    """What a page that shows the request compares: costs no query."""
    facts = (request.dispatch.change, is_open(request), request.reminding_since is not None, request.reminded_at is not None)
    return ".".join(str(int(fact)) for fact in facts)


def report(request: ConfirmationRequest, zone: ZoneInfo) -> Report:
    """The whole report, with days of `zone`. However many people were asked, it takes the same few queries."""
    return Report(
        request=request,
        figures=figures(request),
        days=days(request, zone),
        muted=_muted(request),
        unavailable=_unavailable(request),
        is_open=is_open(request),
        version=version(request),
    )


def figures(request: ConfirmationRequest) -> Figures:
    """How many people are in each group."""
    by_state = counts.of([request.dispatch])[request.dispatch_id]
    return Figures(*(sum(by_state.get(state, 0) for state in STATES[group]) for group in Group))


def days(request: ConfirmationRequest, zone: ZoneInfo) -> tuple[Day, ...]:
    """The answers by day from the first answer to the last one, days without any included."""
    means = {button.value: button.means for button in ask.read(request.buttons)}
    per_day: dict[date, dict[str, int]] = {}
    counted = Answer.objects.filter(request=request).annotate(day=TruncDate("answered_at", tzinfo=zone)).order_by()
    for found in counted.values("day", "value").annotate(number=Count("id")):
        numbers = per_day.setdefault(found["day"], dict.fromkeys(ask.Means, 0))
        numbers[means.get(found["value"], ask.Means.CONFIRM)] += found["number"]
    if not per_day:
        return ()
    first, last = min(per_day), max(per_day)
    none = dict.fromkeys(ask.Means, 0)
    every_day = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return tuple(Day(day, *(per_day.get(day, none)[each] for each in ask.Means)) for day in every_day)


def answers(request: ConfirmationRequest) -> list[tuple[str, str]]:
    """What the people can be narrowed to, as value and name: two buttons go by their meaning, more of them by their labels."""
    buttons, names = ask.read(request.buttons), group_names(request)
    by_meaning = len({button.means for button in buttons}) == len(buttons)
    if by_meaning:
        given = [(MEANT[button.means].value, names[MEANT[button.means]]) for button in buttons]
    else:
        given = [(f"={button.value}", button.label) for button in buttons]
    return [*given, *((group.value, names[group]) for group in Group if group not in ANSWERED)]


def group_names(request: ConfirmationRequest) -> dict[Group, str]:
    """The groups' names, translated; who waits for nothing any more has given no answer."""
    return {
        Group.CONFIRMED: _("Confirmed"),
        Group.DECLINED: _("Declined"),
        Group.WAITING: _("Waiting") if is_open(request) else _("No answer"),
        Group.GONE: _("Gone"),
    }


def people(request: ConfirmationRequest, answer: str = "", name: str = "", page: int = 1) -> PeoplePage:
    """A page of the people asked. `answer` is a value of `answers`, or empty for everybody; `name` has words of the name.

    Who answered comes newest first, everybody else in the order in which they were asked. A page beyond the last one is the last one.
    """
    rows = _answered_with(request, answer)
    for word in name.split():
        # As in the ledger: ignores case in every script, on SQLite too.
        rows = rows.filter(recipient__name__iregex=re.escape(word))
    count = rows.count()
    page = min(max(page, 1), max(1, -(-count // PAGE)))
    newest_first = answer in ANSWERED or answer.startswith("=")
    rows = rows.order_by(*(("-closed_at", "-id") if newest_first else ("id",))).select_related("recipient", "answer")
    return PeoplePage(list(rows[(page - 1) * PAGE : page * PAGE]), count, page)


def _answered_with(request: ConfirmationRequest, answer: str) -> QuerySet[Notification]:
    rows = Notification.objects.filter(dispatch=request.dispatch_id)
    if answer.startswith("="):
        return rows.filter(answer__value=answer[1:])
    return rows.filter(state__in=STATES[Group(answer)]) if answer in STATES else rows


def _muted(request: ConfirmationRequest) -> int:
    """How many of the waiting have probably muted the app (notifications.recording)."""
    # The "id" of such a row is a time since the dispatch was made: this range leaves next to nothing to be looked at.
    margin = recording.MUTED_WITHIN
    between = (int((request.dispatch.created_at - margin).timestamp()), int((timezone.now() + margin).timestamp()))
    rows = Notification.objects.filter(dispatch=request.dispatch_id, state=Notification.State.SENT)
    suspected = rows.filter(portal_notification_id__range=between).only("portal_notification_id", "sent_at")
    return sum(recording.probably_muted(row) for row in suspected)


def _unavailable(request: ConfirmationRequest) -> tuple[PortalUser, ...]:
    """People whom the portal says that it reaches no more: dismissed, or not of this company."""
    rows = Notification.objects.filter(
        dispatch=request.dispatch_id, state=Notification.State.FAILED, error_code=recording.RECIPIENT_UNAVAILABLE
    )
    return tuple(row.recipient for row in rows.select_related("recipient").order_by("id")[:MOST_NAMED])
