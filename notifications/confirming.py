"""Confirming by TAG or SUB_TAG what waits for the signed-in person, of both kinds alike.

The portal's confirmations in their own feed (bitrix24.md 6.1, 6.4), whose buttons the portal presses; and the app's own requests, whose
answers the app records.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from b24app import activity
from b24app.models import PortalUser, Sender
from b24app.rest.calls import Call
from b24app.rest.client import LARGEST_BATCH, as_person
from b24app.rest.errors import RestError
from notifications import answering, api, ask, ledger, tags
from notifications.api import Reaction
from notifications.errors import InvalidInput
from notifications.feed import CONFIRMATION, FeedItem, FeedPerson
from notifications.ledger import By
from notifications.models import Notification
from notifications.senders import app_sender

MOST_PAGES = 10
"""Pages of confirmations that are looked through: more than anybody leaves waiting, and an end whatever the portal answers."""


class Reason(StrEnum):
    """Why something cannot be confirmed. The values are codes for templates; `text` is for people."""

    ORDINARY = "ordinary"
    OVER = "over"
    SOMEBODY_ELSES = "somebody-elses"
    NOTHING_WAITS = "nothing-waits"

    @property
    def text(self) -> str:
        """The translated sentence."""
        return str(_REASONS[self])


_REASONS = {
    Reason.ORDINARY: _("An ordinary notification without buttons: apps can send no others."),
    Reason.OVER: _("A request that takes no more answers: it was closed, or its time is over."),
    Reason.SOMEBODY_ELSES: _("In somebody else's feed: only that person can press its buttons."),
    Reason.NOTHING_WAITS: _("Nothing with this tag waits in your feed."),
}


@dataclass(frozen=True, slots=True)
class NotConfirmable:
    """Why some of what carries the tag cannot be confirmed, and whose it is (each person once)."""

    reason: Reason
    people: tuple[PortalUser, ...]


@dataclass(frozen=True, slots=True)
class Confirmable:
    """A confirmation that waits in the person's feed; its author is None where the portal named none."""

    item: FeedItem
    author: FeedPerson | None


@dataclass(frozen=True, slots=True)
class Found:
    """What a TAG or SUB_TAG finds: the portal's confirmations, the app's own requests, and what cannot be confirmed."""

    items: tuple[Confirmable, ...]
    requests: tuple[answering.Waiting, ...]
    not_confirmable: tuple[NotConfirmable, ...]

    @property
    def count(self) -> int:
        """How many things wait."""
        return len(self.items) + len(self.requests)


@dataclass(frozen=True, slots=True)
class Pressed:
    """What came of one pressed button: `accepted` is false when nothing waited there any more; `texts` is what the portal said."""

    id: int
    accepted: bool
    texts: tuple[str, ...]
    error: RestError | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """A button of one of the app's own requests, chosen by its recipient. The reason counts where the button takes one."""

    key: UUID
    value: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of one answer to an own request: the request as it stands now; `accepted` is false where another answer was first."""

    page: answering.Page
    accepted: bool


def find(person: PortalUser, by: By, value: str) -> Found:
    """What carries this TAG or SUB_TAG, typed by hand: what waits for the person, and what cannot be confirmed.

    The value matches a stored tag as it is or inside the app's namespace. One call; a further one only while a page is full of
    confirmations, which the portal lists first (bitrix24.md 6.9). Raises InvalidInput for an empty value, RestError.
    """
    value = value.strip()
    if not value:
        raise InvalidInput("value", _("Type a TAG or SUB_TAG."))
    typed = _typed(person, by, value)
    requests = tuple(answering.waiting(person, by, typed))
    matching = _matching(person, by, value)
    items = tuple(Confirmable(item, author) for item, author in matching if item.buttons)
    plain = _without_requests(person, [item for item, _author in matching if not item.buttons])
    found = _refusals(person, by, typed, {each.row.pk for each in requests}, ordinary_in_feed=bool(plain))
    refused = [NotConfirmable(reason, people) for reason, people in found.items() if people]
    if not items and not requests and not refused:
        refused = [NotConfirmable(Reason.NOTHING_WAITS, ())]
    return Found(items, requests, tuple(refused))


def press_all(person: PortalUser, choices: Mapping[int, str], given: Sequence[Given]) -> tuple[list[Pressed], list[Recorded]]:
    """Press buttons of the portal's confirmations, as `press` does, and answer own requests, in one go.

    Raises InvalidInput before anything is done when something of it cannot be. What was answered is recorded first, whatever the portal
    does then: its error stands with each of its own confirmations, and is raised only where there is nothing else.
    """
    if not given:
        return press(person, choices), []
    given = [_checked(person, each) for each in given]
    _calls(choices, fewest=0)
    recorded = [_record(person, each) for each in given]
    try:
        return (press(person, choices) if choices else []), recorded
    except RestError as error:
        return [Pressed(number, accepted=False, texts=(), error=error) for number in choices], recorded


def press(person: PortalUser, choices: Mapping[int, str]) -> list[Pressed]:
    """Press a button on each of these notifications of the person's own feed: value by notification id, up to 50, in one batch.

    Raises InvalidInput before any call when a value cannot be sent; RestError when the whole batch failed.
    """
    outcomes = as_person(person).run_batch(_calls(choices))
    pressed = []
    for number in choices:
        outcome = outcomes[str(number)]
        if outcome.value is None:
            pressed.append(Pressed(number, accepted=False, texts=(), error=outcome.error))
        else:
            pressed.append(Pressed(number, outcome.value.accepted, outcome.value.texts))
    accepted = [result.id for result in pressed if result.accepted]
    _close_confirmed(person, accepted)
    if accepted:
        activity.note(person, activity.Kind.PRESSED, number=len(accepted))
    return pressed


def _calls(choices: Mapping[int, str], fewest: int = 1) -> dict[str, Call[Reaction]]:
    if not fewest <= len(choices) <= LARGEST_BATCH:
        raise InvalidInput(
            "choices", _("Choose a button on at least one notification, and on %(limit)d at most.") % {"limit": LARGEST_BATCH}
        )
    return {str(number): api.confirm(number, value) for number, value in choices.items()}


def _checked(person: PortalUser, given: Given) -> Given:
    """The same answer as it can be recorded; one to a request that waits no more is left to be refused by it."""
    page = answering.page_of(person, given.key)
    if page.status is not answering.Status.OPEN:
        return given
    button = next((each for each in page.buttons if each.value == given.value), None)
    # The form has one field for the reason, whichever button is chosen in the end.
    given = replace(given, reason="") if button and button.reason is ask.Reason.NO else given
    answering.read(page.buttons, given.value, given.reason)
    return given


def _record(person: PortalUser, given: Given) -> Recorded:
    """Answer one request; `answer` hands back what was answered before, where something was."""
    page = answering.answer(person, given.key, given.value, given.reason)
    return Recorded(page, accepted=page.given is not None and page.given.value == given.value)


def _typed(person: PortalUser, by: By, value: str) -> str:
    """What the sender typed, where the value is a stored tag of the app."""
    sender = app_sender(person.portal)
    if not tags.in_namespace(value, sender):
        return value
    return tags.typed(value, sender, person.user_id) if by == "tag" else tags.strip(value, sender)


def _without_requests(person: PortalUser, items: Sequence[FeedItem]) -> list[FeedItem]:
    """Those of the feed's items that belong to no request of the app, answered ones included."""
    sender = app_sender(person.portal)
    wire_tags = [tags.strip(item.tag, sender) for item in items if tags.in_namespace(item.tag, sender)]
    asking = ledger.for_portal(person.portal).filter(recipient=person, sender=sender, wire_tag__in=wire_tags)
    asking = asking.filter(dispatch__confirmation_request__isnull=False)
    known = {tags.stored(wire_tag, sender) for wire_tag in asking.values_list("wire_tag", flat=True)}
    return [item for item in items if item.tag not in known]


def _matching(person: PortalUser, by: By, value: str) -> list[tuple[FeedItem, FeedPerson | None]]:
    """The items of the person's feed with this tag, from the pages that hold all confirmations."""
    client, sender = as_person(person), app_sender(person.portal)
    found: list[tuple[FeedItem, FeedPerson | None]] = []
    call = api.get()
    for _page in range(MOST_PAGES):
        page = client.run(call)
        found += [(item, page.people.get(item.author_id)) for item in page.items if _carries(item, by, value, sender, person)]
        if len(page.items) < api.PAGE or not all(item.is_confirmation for item in page.items):
            break
        call = api.get(last_id=page.items[-1].id, last_type=CONFIRMATION)
    return found


def _carries(item: FeedItem, by: By, value: str, sender: Sender, person: PortalUser) -> bool:
    if by == "sub_tag":
        return value in (item.sub_tag, tags.strip(item.sub_tag, sender))
    return value in (item.tag, tags.strip(item.tag, sender), tags.typed(item.tag, sender, person.user_id))


def _refusals(person: PortalUser, by: By, value: str, waiting: set[int], *, ordinary_in_feed: bool) -> dict[Reason, tuple[PortalUser, ...]]:
    """Whose notifications cannot be confirmed, by reason: from the ledger, and from the person's own feed. `waiting` can be."""
    rows = ledger.visible_to(person).filter(state__in=Notification.LIVE)
    rows = ledger.tagged(rows, by, value).select_related("recipient", "dispatch__confirmation_request").order_by("id")
    mine = [row for row in rows if row.recipient_id == person.pk and row.pk not in waiting]
    over = [row for row in mine if hasattr(row.dispatch, "confirmation_request")]
    return {
        Reason.ORDINARY: (person,) if ordinary_in_feed or len(over) < len(mine) else (),
        Reason.OVER: (person,) if over else (),
        Reason.SOMEBODY_ELSES: tuple(each for each in _people(rows) if each.pk != person.pk),
    }


def _people(rows: Iterable[Notification]) -> list[PortalUser]:
    return list({row.recipient_id: row.recipient for row in rows}.values())


def _close_confirmed(person: PortalUser, ids: list[int]) -> None:
    rows = ledger.for_portal(person.portal).filter(recipient=person, portal_notification_id__in=ids)
    ledger.close(rows, Notification.State.CONFIRMED)
