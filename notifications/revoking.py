"""Taking notifications back by TAG or SUB_TAG, or by row: exactly what the ledger says, in the cheapest calls that do just that.

Deleting by tag reaches every recipient on the portal (bitrix24.md 6.1) and goes through the sender that sent.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Count, Min, QuerySet
from django.utils.translation import gettext_lazy as _

from b24app import activity
from b24app.activity import Kind
from b24app.models import PortalUser, Sender
from b24app.rest.calls import Call, Outcome
from b24app.rest.client import LARGEST_BATCH, PortalClient
from b24app.rest.errors import RestError
from notifications import api, ledger
from notifications.errors import InvalidInput
from notifications.ledger import By
from notifications.models import Notification
from notifications.senders import app_sender, client_id, client_of
from notifications.shapes import LARGEST_ID

MOST_CHOSEN = 250
"""Rows chosen by hand for one click: five batches, and an address that every server takes."""


MOST_IN_CLICK = 500
"""Rows that one click deletes one by one: ten batches, which a portal answers well within the time that a click has (design.md 5)."""

MOST_LISTED = 100
"""Rows up to which the answer to each is told; of more only what failed."""

MOST_NAMED = 10
"""People who are shown before a deletion."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a deletion would touch now: how many notifications, and whose.

    `people` are the first of them in the order of the ledger, each once, and `more` is how many others there are.
    """

    by: By
    value: str
    count: int
    people: tuple[PortalUser, ...]
    more: int


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


@dataclass(frozen=True, slots=True)
class Deletion:
    """What became of all rows: how many were deleted, and how many were left for another click.

    `results` are those of each row where they are few, of what failed where they are many.
    """

    results: list[Revoked]
    deleted: int
    left: int = 0

    @property
    def total(self) -> int:
        """How many rows were to be deleted, without those that were left."""
        return self.deleted + sum(not result.deleted for result in self.results)


def preview(person: PortalUser, by: By, value: str, sender: Sender | None = None) -> Preview:
    """What `delete` with the same arguments would touch, across all dispatches of the sender (the app when it is None)."""
    rows = _targets(person, by, value, sender or app_sender(person.portal)).order_by()
    numbers = rows.aggregate(rows=Count("pk"), people=Count("recipient", distinct=True))
    first = list(rows.values_list("recipient").annotate(first=Min("pk")).order_by("first").values_list("recipient", flat=True)[:MOST_NAMED])
    named = PortalUser.objects.filter(portal=person.portal).in_bulk(first)
    return Preview(by, value.strip(), numbers["rows"], tuple(named[pk] for pk in first), numbers["people"] - len(first))


def choice(person: PortalUser, ids: Sequence[int]) -> Choice:
    """What `delete_rows` with the same ids would touch, and what it would pass over; rows the person may not see are in neither.

    Raises InvalidInput when more are chosen than one click can take back.
    """
    if len(ids) > MOST_CHOSEN:
        raise InvalidInput("row", _("Choose %(limit)d notifications at most.") % {"limit": MOST_CHOSEN})
    revocable = tuple(_numbered(ledger.revocable_by(person), ids))
    rest = _numbered(ledger.visible_to(person), ids).exclude(pk__in=[row.pk for row in revocable])
    return Choice(revocable, tuple(rest))


def delete(person: PortalUser, by: By, value: str, sender: Sender | None = None) -> Deletion:
    """Delete by typed TAG or SUB_TAG what this person may take back, in one call where that reaches exactly these rows.

    Else by TAG in batches, as many as a click has the time for: the same again goes on with what is left.
    Raises InvalidInput for an empty value, RestError when the first call failed as a whole.
    """
    sender = sender or app_sender(person.portal)
    deletion = _delete(person, sender, _targets(person, by, value, sender))
    if deletion.deleted:
        activity.note(person, Kind.DELETED, number=deletion.deleted, **{by: value.strip()})
    return deletion


def delete_rows(person: PortalUser, ids: Iterable[int]) -> Deletion:
    """Delete these rows of the ledger; ids that are not this person's to take back are passed over. Raises RestError as `delete`."""
    rows = _numbered(ledger.revocable_by(person), ids)
    senders = Sender.objects.filter(portal=person.portal, pk__in=rows.order_by().values("sender")).select_related("portal").order_by("pk")
    done = [_delete(person, sender, rows.filter(sender=sender)) for sender in senders]
    if number := sum(each.deleted for each in done):
        activity.note(person, Kind.DELETED, number=number)
    return Deletion(
        [result for each in done for result in each.results], sum(each.deleted for each in done), sum(each.left for each in done)
    )


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
    is_deleted = client_of(sender, person).run(api.delete(tag=tag, sub_tag=sub_tag, client_id=client_id(sender)))
    activity.note(person, Kind.DELETED_ELSEWHERE, tag=tag, sub_tag=sub_tag)
    return is_deleted


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


def _delete(person: PortalUser, sender: Sender, targets: QuerySet[Notification]) -> Deletion:
    rows = list(targets[: MOST_LISTED + 1])
    if not rows:
        return Deletion([], 0)
    # What is written from now on is no target: by its dispatch, whose rows appear all at once.
    dispatches = list(targets.order_by().values_list("dispatch_id", flat=True).distinct())
    targets = targets.filter(dispatch__in=dispatches)
    common = _covering_sub_tag(sender, rows[0].wire_sub_tag, targets)
    if common:
        answer = client_of(sender, person).run(api.delete(sub_tag=common, client_id=client_id(sender)))
        return _all_at_once(rows, targets, is_deleted=answer)
    rows = list(targets[:MOST_IN_CLICK])
    outcomes = _delete_tags(client_of(sender, person), sender, [row.wire_tag for row in rows])
    gone = [row.pk for row in rows if outcomes[row.wire_tag].value]
    left = 0 if len(rows) < MOST_IN_CLICK else targets.exclude(pk__in=[row.pk for row in rows]).count()
    ledger.close(ledger.for_portal(person.portal).filter(pk__in=gone), Notification.State.DELETED)
    results = [Revoked(row, bool(outcomes[row.wire_tag].value), outcomes[row.wire_tag].error) for row in rows]
    listed = results if len(rows) <= MOST_LISTED else [result for result in results if not result.deleted]
    return Deletion(listed, len(gone), left)


def _all_at_once(rows: Sequence[Notification], targets: QuerySet[Notification], *, is_deleted: bool) -> Deletion:
    """The portal's one answer, for each of the rows where they are few. Where it refused, more than these are left."""
    if not is_deleted:
        return Deletion([Revoked(row, deleted=False) for row in rows], 0, targets.count() - len(rows))
    count = targets.count()
    ledger.close(targets.order_by(), Notification.State.DELETED)
    return Deletion([Revoked(row, deleted=True) for row in rows] if count <= MOST_LISTED else [], count)


def _covering_sub_tag(sender: Sender, common: str, targets: QuerySet[Notification]) -> str:
    """This wire SUB_TAG if in the ledger it covers the targets and nothing else that is live; else empty."""
    if not common or targets.exclude(wire_sub_tag=common).exists():
        return ""
    covered = ledger.for_portal(sender.portal).filter(sender=sender, wire_sub_tag=common, state__in=Notification.LIVE)
    return "" if covered.exclude(pk__in=targets.order_by().values("pk")).exists() else common


def _delete_tags(client: PortalClient, sender: Sender, wire_tags: Sequence[str]) -> dict[str, Outcome[bool]]:
    """Delete by TAG in batches of 50. A batch that fails as a whole ends the work: its tags and the rest carry the error."""
    waiting = list(dict.fromkeys(wire_tags))
    outcomes: dict[str, Outcome[bool]] = {}
    while waiting:
        part = waiting[:LARGEST_BATCH]
        calls: dict[str, Call[bool]] = {str(number): api.delete(tag=tag, client_id=client_id(sender)) for number, tag in enumerate(part)}
        try:
            answers = client.run_batch(calls)
        except RestError as error:
            if not outcomes:
                raise
            failed: Outcome[bool] = Outcome(error=error)
            return outcomes | dict.fromkeys(waiting, failed)
        outcomes |= {tag: answers[str(number)] for number, tag in enumerate(part)}
        waiting = waiting[LARGEST_BATCH:]
    return outcomes
