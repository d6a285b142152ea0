"""Dispatches in the ledger as a worker leaves them, without a portal having been asked."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.utils import timezone

from b24app.models import PortalUser, Sender
from notifications.models import Dispatch, Notification

FIRST_USER_ID = 50_000


def plant(
    author: PortalUser,
    numbers: Mapping[str, int],
    *,
    state: str = Dispatch.State.RUNNING,
    recipients: Sequence[PortalUser] = (),
    codes: Sequence[str] = ("RECIPIENT_UNAVAILABLE",),
    sent_at: datetime | None = None,
    **columns: Any,
) -> Dispatch:
    """A dispatch with so many notifications in each state; the first go to `recipients`, the others to people made for it.

    What failed did so with `codes`, one after the other.
    """
    total = sum(numbers.values())
    ended = state in (Dispatch.State.DONE, Dispatch.State.CANCELLED)
    given: dict[str, Any] = {"type": Notification.Type.PERSONAL, "message": "Hello", "started_at": timezone.now()}
    dispatch = Dispatch.objects.create(
        portal=author.portal,
        author=author,
        key=uuid4(),
        state=state,
        total=columns.pop("total", total),
        finished_at=timezone.now() if ended else None,
        sender=columns.pop("sender", None) or Sender.objects.get(portal=author.portal, kind=Sender.Kind.APP),
        **given | columns,
    )
    people = [*recipients, *_people(author, total - len(recipients))]
    states = [each for each, number in numbers.items() for _ in range(number)]
    Notification.objects.bulk_create(
        _row(dispatch, person, each, codes[at % len(codes)], sent_at) for at, (each, person) in enumerate(zip(states, people, strict=True))
    )
    return dispatch


def _people(author: PortalUser, number: int) -> list[PortalUser]:
    ids = range(FIRST_USER_ID, FIRST_USER_ID + number)
    rows = [PortalUser(portal=author.portal, user_id=user_id, name=f"Person {user_id}") for user_id in ids]
    PortalUser.objects.bulk_create(rows, ignore_conflicts=True)
    return list(PortalUser.objects.filter(portal=author.portal, user_id__in=ids).order_by("user_id"))


def _row(dispatch: Dispatch, person: PortalUser, state: str, code: str, sent_at: datetime | None) -> Notification:
    is_sent = state in (Notification.State.SENT, Notification.State.CONFIRMED, Notification.State.DECLINED)
    return Notification(
        portal=dispatch.portal,
        sender=dispatch.sender,
        dispatch=dispatch,
        author=dispatch.author,
        recipient=person,
        type=dispatch.type,
        tag=dispatch.tag,
        sub_tag=dispatch.sub_tag,
        wire_tag=f"{dispatch.tag}|{dispatch.key}|{person.user_id}",
        state=state,
        error_code=code if state == Notification.State.FAILED else "",
        sent_at=(sent_at or timezone.now()) if is_sent else None,
        portal_notification_id=person.user_id if is_sent else None,
    )
