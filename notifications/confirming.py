"""Pressing the buttons of confirmations by TAG or SUB_TAG, in the signed-in person's own feed (bitrix24.md 6.1, 6.4)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext_lazy as _

from b24app.models import PortalUser, Sender
from b24app.rest.client import as_person
from b24app.rest.errors import RestError
from notifications import api, ledger, tags
from notifications.errors import InvalidInput
from notifications.feed import CONFIRMATION, FeedItem, FeedPerson
from notifications.ledger import By
from notifications.models import Notification
from notifications.senders import app_sender

BATCH = 50
"""Commands in one batch (page settings/how-to-call-rest-api/batch)."""

MOST_PAGES = 10
"""Pages of confirmations that are looked through: more than anybody leaves waiting, and an end whatever the portal answers."""


class Reason(StrEnum):
    """Why something cannot be confirmed. The values are codes for templates; `text` is for people."""

    ORDINARY = "ordinary"
    SOMEBODY_ELSES = "somebody-elses"
    NOTHING_WAITS = "nothing-waits"

    @property
    def text(self) -> str:
        """The translated sentence."""
        return str(_REASONS[self])


_REASONS = {
    Reason.ORDINARY: _("An ordinary notification without buttons: apps can send no others."),
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
    items: tuple[Confirmable, ...]
    not_confirmable: tuple[NotConfirmable, ...]


@dataclass(frozen=True, slots=True)
class Pressed:
    """What came of one pressed button: `accepted` is false when nothing waited there any more; `texts` is what the portal said."""

    id: int
    accepted: bool
    texts: tuple[str, ...]
    error: RestError | None = None


def find(person: PortalUser, by: By, value: str) -> Found:
    """What carries this TAG or SUB_TAG, typed by hand: the confirmations in the person's feed, and what cannot be confirmed.

    The value matches a stored tag as it is or inside the app's namespace. One call; a further one only while a page is full of
    confirmations, which the portal lists first (bitrix24.md 6.9). Raises InvalidInput for an empty value, RestError.
    """
    value = value.strip()
    if not value:
        raise InvalidInput("value", _("Type a TAG or SUB_TAG."))
    matching = _matching(person, by, value)
    items = tuple(Confirmable(item, author) for item, author in matching if item.buttons)
    refused = [
        NotConfirmable(reason, people)
        for reason, people in _refusals(person, by, value, ordinary_in_feed=any(not item.buttons for item, _author in matching)).items()
        if people
    ]
    if not items and not refused:
        refused = [NotConfirmable(Reason.NOTHING_WAITS, ())]
    return Found(items, tuple(refused))


def press(person: PortalUser, choices: Mapping[int, str]) -> list[Pressed]:
    """Press a button on each of these notifications of the person's own feed: value by notification id, up to 50, in one batch.

    Raises InvalidInput before any call when a value cannot be sent; RestError when the whole batch failed.
    """
    if not 0 < len(choices) <= BATCH:
        raise InvalidInput("choices", _("Choose a button on at least one notification, and on %(limit)d at most.") % {"limit": BATCH})
    outcomes = as_person(person).run_batch({str(number): api.confirm(number, value) for number, value in choices.items()})
    pressed = []
    for number in choices:
        outcome = outcomes[str(number)]
        if outcome.value is None:
            pressed.append(Pressed(number, accepted=False, texts=(), error=outcome.error))
        else:
            pressed.append(Pressed(number, outcome.value.accepted, outcome.value.texts))
    _close_confirmed(person, [result.id for result in pressed if result.accepted])
    return pressed


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


def _refusals(person: PortalUser, by: By, value: str, *, ordinary_in_feed: bool) -> dict[Reason, tuple[PortalUser, ...]]:
    """Whose notifications cannot be confirmed, by reason: from the ledger, and from the person's own feed."""
    rows = ledger.visible_to(person).filter(state__in=Notification.LIVE).select_related("recipient").order_by("id")
    recipients = _people(ledger.tagged(rows, by, value))
    others = tuple(each for each in recipients if each.pk != person.pk)
    mine = ordinary_in_feed or len(others) < len(recipients)
    return {Reason.ORDINARY: (person,) if mine else (), Reason.SOMEBODY_ELSES: others}


def _people(rows: Iterable[Notification]) -> list[PortalUser]:
    return list({row.recipient_id: row.recipient for row in rows}.values())


def _close_confirmed(person: PortalUser, ids: list[int]) -> None:
    rows = ledger.for_portal(person.portal).filter(recipient=person, portal_notification_id__in=ids)
    ledger.close(rows, Notification.State.CONFIRMED)
