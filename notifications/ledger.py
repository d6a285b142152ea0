"""Reading and closing rows of the ledger. Every query on it starts here, so that it is scoped by portal in one place."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from b24app.models import Portal, PortalUser, Sender
from b24app.roles import may_see_all
from notifications.models import Dispatch, Notification
from notifications.shapes import LARGEST_ID

PAGE = 50

By = Literal["tag", "sub_tag"]
"""What a person names notifications by."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What to show: exact TAG and SUB_TAG as typed, a recipient by user id or name, a state, words of text, tags or recipient's name.

    `sender` is the number of a sender, which is looked for on the person's portal only.
    """

    tag: str = ""
    sub_tag: str = ""
    person: str = ""
    state: str = ""
    words: str = ""
    sender: int | None = None


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """Rows, newest first, and the `before` of the next page (None on the last one)."""

    rows: list[Notification]
    next_before: int | None


def for_portal(portal: Portal) -> QuerySet[Notification]:
    """The ledger of one portal."""
    return Notification.objects.filter(portal=portal)


def visible_to(person: PortalUser) -> QuerySet[Notification]:
    """What this person may see: everything of the portal, or only what they sent or received."""
    rows = for_portal(person.portal)
    return rows if may_see_all(person) else rows.filter(Q(author=person) | Q(recipient=person))


def revocable_by(person: PortalUser) -> QuerySet[Notification]:
    """Rows that are or may be in somebody's feed and that this person may take back: everybody's, or only their own."""
    rows = for_portal(person.portal).filter(state__in=Notification.LIVE)
    return rows if may_see_all(person) else rows.filter(author=person)


def tagged(rows: QuerySet[Notification], by: By, value: str) -> QuerySet[Notification]:
    """Those of the rows with this TAG or SUB_TAG, as typed."""
    return rows.filter(tag=value) if by == "tag" else rows.filter(sub_tag=value)


def narrowed(rows: QuerySet[Notification], filters: Filters) -> QuerySet[Notification]:
    """Those of the rows that fit the filters."""
    if filters.tag:
        rows = rows.filter(tag=filters.tag)
    if filters.sub_tag:
        rows = rows.filter(sub_tag=filters.sub_tag)
    if filters.person.isdecimal():
        rows = rows.filter(recipient__user_id=min(int(filters.person), LARGEST_ID))
    else:
        for word in filters.person.split():
            rows = rows.filter(recipient__name__iregex=re.escape(word))
    if filters.sender is not None:
        rows = rows.filter(sender=filters.sender)
    if filters.state:
        rows = rows.filter(state=filters.state)
    for word in filters.words.split():
        rows = rows.filter(_has(word))
    return rows


def page(person: PortalUser, filters: Filters, before: int | None, size: int = PAGE) -> LedgerPage:
    """A page of what `person` may see, in one query. `before` is the previous page's `next_before`, None for the first page."""
    rows = narrowed(visible_to(person), filters)
    if before is not None:
        rows = rows.filter(id__lt=before)
    found = list(rows.select_related("recipient", "author", "sender", "dispatch").order_by("-id")[: size + 1])
    return LedgerPage(found[:size], found[size - 1].id if len(found) > size else None)


def close(rows: QuerySet[Notification], state: Notification.State) -> int:
    """Close those of the rows that are still live; what changed meanwhile stays as it is. Returns how many were closed."""
    live = rows.filter(state__in=Notification.LIVE)
    with transaction.atomic():
        dispatches = set(live.order_by().values_list("dispatch_id", flat=True).distinct())
        closed = live.update(state=state, lease_until=None, closed_at=timezone.now())
        changed(dispatches)
    return closed


def changed(dispatch_ids: Iterable[int]) -> None:
    """Note, as the last step of a transaction that changed states of notifications, that their dispatches' counts are stale."""
    dispatches = Dispatch.objects.filter(pk__in=set(dispatch_ids))
    # In one order everywhere: of two transactions that change the same dispatches, neither can hold what the other waits for.
    list(dispatches.select_for_update(no_key=True).order_by("pk").values_list("pk"))
    dispatches.update(change=F("change") + 1)


def close_replaced(sender: Sender, wire_tags: Iterable[str]) -> None:
    """Mark live rows as replaced where a newer one with the same TAG, so for the same recipient, was sent (bitrix24.md 6.3)."""
    newer = Notification.objects.filter(sender=sender, wire_tag=OuterRef("wire_tag"), state=Notification.State.SENT, id__gt=OuterRef("id"))
    close(for_portal(sender.portal).filter(Exists(newer), sender=sender, wire_tag__in=list(wire_tags)), Notification.State.REPLACED)


def _has(word: str) -> Q:
    # icontains on SQLite ignores case for Latin letters only; a regular expression does so in every script and on PostgreSQL too.
    pattern = re.escape(word)
    fields = ("dispatch__message", "tag", "sub_tag", "recipient__name")
    return Q(*((f"{field}__iregex", pattern) for field in fields), _connector=Q.OR)
