"""Taking notifications back by TAG or SUB_TAG, or by row: exactly what the ledger says, in the cheapest calls that do just that.

Deleting by tag reaches every recipient on the portal (bitrix24.md 6.1) and goes through the sender that sent.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from b24app.models import PortalUser, Sender
from b24app.rest.calls import Call, Outcome
from b24app.rest.client import PortalClient
from b24app.rest.errors import RestError
from notifications import api, ledger
from notifications.errors import InvalidInput
from notifications.ledger import By
from notifications.models import Notification
from notifications.senders import app_sender, client_id, client_of
from notifications.shapes import LARGEST_ID

BATCH = 50
"""Commands in one batch (page settings/how-to-call-rest-api/batch)."""

MOST_CHOSEN = 250
"""Rows chosen by hand for one click: five batches, and an address that every server takes."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a deletion would touch now: how many notifications, and whose, each person once in the order of the ledger."""

    by: By
    value: str
    count: int
    people: tuple[PortalUser, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """Chosen rows: those that can be taken back, and those that are closed or not this person's to take back."""

    open: tuple[Notification, ...]
    passed_over: tuple[Notification, ...]


@dataclass(frozen=True, slots=True)
class Revoked:
    """What became of one row: `deleted` is the portal's answer; `error` tells why there was none."""

    row: Notification
    deleted: bool
    error: RestError | None = None


def preview(person: PortalUser, by: By, value: str, sender: Sender | None = None) -> Preview:
    """What `delete` with the same arguments would touch, across all dispatches of the sender (the app when it is None)."""
    rows = list(_targets(person, by, value, sender or app_sender(person.portal)))
    people = {row.recipient_id: row.recipient for row in rows}
    return Preview(by, value.strip(), len(rows), tuple(people.values()))


def choice(person: PortalUser, ids: Sequence[int]) -> Choice:
    """What `delete_rows` with the same ids would touch, and what it would pass over; rows the person may not see are in neither.

    Raises InvalidInput when more are chosen than one click can take back.
    """
    if len(ids) > MOST_CHOSEN:
        raise InvalidInput("row", _("Choose %(limit)d notifications at most.") % {"limit": MOST_CHOSEN})
    revocable = tuple(_numbered(ledger.revocable_by(person), ids))
    rest = _numbered(ledger.visible_to(person), ids).exclude(pk__in=[row.pk for row in revocable])
    return Choice(revocable, tuple(rest))


def delete(person: PortalUser, by: By, value: str, sender: Sender | None = None) -> list[Revoked]:
    """Delete by typed TAG or SUB_TAG what this person may take back; one result per row, none when nothing matches.

    Raises InvalidInput for an empty value, RestError when the first call failed as a whole.
    """
    sender = sender or app_sender(person.portal)
    return _delete(person, sender, list(_targets(person, by, value, sender)))


def delete_rows(person: PortalUser, ids: Iterable[int]) -> list[Revoked]:
    """Delete these rows of the ledger; ids that are not this person's to take back are passed over. Raises RestError as `delete`."""
    rows = list(_numbered(ledger.revocable_by(person), ids))
    by_sender: dict[int, list[Notification]] = {}
    for row in rows:
        by_sender.setdefault(row.sender_id, []).append(row)
    return [done for group in by_sender.values() for done in _delete(person, group[0].sender, group)]


def delete_elsewhere(person: PortalUser, by: By, wire_value: str, sender: Sender | None = None) -> bool:
    """Delete what other code with this sender's CLIENT_ID sent (the app's when none is named), by TAG or SUB_TAG without namespace.

    Returns the portal's answer.

    Raises InvalidInput when the ledger knows live notifications of that value: those are deleted by `delete`, which counts them.
    """
    sender = sender or app_sender(person.portal)
    _refuse_empty(wire_value)
    known = ledger.for_portal(person.portal).filter(sender=sender, state__in=Notification.LIVE)
    if known.filter(wire_tag=wire_value).exists() if by == "tag" else known.filter(wire_sub_tag=wire_value).exists():
        raise InvalidInput("value", _("The app itself sent notifications with this tag. Delete them on the Sent tab."))
    tag, sub_tag = (wire_value, "") if by == "tag" else ("", wire_value)
    return client_of(sender, person).run(api.delete(tag=tag, sub_tag=sub_tag, client_id=client_id(sender)))


def _targets(person: PortalUser, by: By, value: str, sender: Sender) -> QuerySet[Notification]:
    value = _refuse_empty(value.strip())
    return _with_people(ledger.tagged(ledger.revocable_by(person).filter(sender=sender), by, value))


def _numbered(rows: QuerySet[Notification], ids: Iterable[int]) -> QuerySet[Notification]:
    return _with_people(rows.filter(pk__in=[number for number in ids if 0 < number <= LARGEST_ID]))


def _refuse_empty(value: str) -> str:
    if not value.strip():
        raise InvalidInput("value", _("Type a TAG or SUB_TAG."))
    return value


def _with_people(rows: QuerySet[Notification]) -> QuerySet[Notification]:
    return rows.select_related("recipient", "sender__portal").order_by("id")


def _delete(person: PortalUser, sender: Sender, rows: Sequence[Notification]) -> list[Revoked]:
    if not rows:
        return []
    client = client_of(sender, person)
    common = _covering_sub_tag(sender, rows)
    if common:
        answer: Outcome[bool] = Outcome(value=client.run(api.delete(sub_tag=common, client_id=client_id(sender))))
        outcomes = dict.fromkeys((row.wire_tag for row in rows), answer)
    else:
        outcomes = _delete_tags(client, sender, [row.wire_tag for row in rows])
    ledger.close(
        ledger.for_portal(person.portal).filter(pk__in=[row.pk for row in rows if outcomes[row.wire_tag].value]),
        Notification.State.DELETED,
    )
    return [Revoked(row, bool(outcomes[row.wire_tag].value), outcomes[row.wire_tag].error) for row in rows]


def _covering_sub_tag(sender: Sender, rows: Sequence[Notification]) -> str:
    """The wire SUB_TAG of these rows if in the ledger it covers them and nothing else that is live; else empty."""
    common = rows[0].wire_sub_tag
    if not common or any(row.wire_sub_tag != common for row in rows):
        return ""
    covered = ledger.for_portal(sender.portal).filter(sender=sender, wire_sub_tag=common, state__in=Notification.LIVE)
    return "" if covered.exclude(pk__in=[row.pk for row in rows]).exists() else common


def _delete_tags(client: PortalClient, sender: Sender, wire_tags: Sequence[str]) -> dict[str, Outcome[bool]]:
    """Delete by TAG in batches of 50. A batch that fails as a whole ends the work: its tags and the rest carry the error."""
    waiting = list(dict.fromkeys(wire_tags))
    outcomes: dict[str, Outcome[bool]] = {}
    while waiting:
        part = waiting[:BATCH]
        calls: dict[str, Call[bool]] = {str(number): api.delete(tag=tag, client_id=client_id(sender)) for number, tag in enumerate(part)}
        try:
            answers = client.run_batch(calls)
        except RestError as error:
            if not outcomes:
                raise
            failed: Outcome[bool] = Outcome(error=error)
            return outcomes | dict.fromkeys(waiting, failed)
        outcomes |= {tag: answers[str(number)] for number, tag in enumerate(part)}
        waiting = waiting[BATCH:]
    return outcomes
