"""Taking answered requests out of people's feeds. What was answered stands in the ledger by then: nothing here can lose it.

By id a call reaches only the caller's own feed, by TAG every recipient's (bitrix24.md 6.1). Our TAGs are one recipient's own, so both name
one copy; but a newer notification may have taken over a typed TAG, and then only the id still means the answered one.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils import timezone

from b24app.models import Portal, PortalUser, Sender
from b24app.rest import budget
from b24app.rest.calls import Call
from b24app.rest.client import LARGEST_BATCH, PortalClient, as_person
from b24app.rest.deadline import request_limit
from b24app.rest.errors import RestError
from notifications import api, recording
from notifications.models import Answer, Notification
from notifications.senders import client_for_tags, client_id

MOST_AT_ONCE = 2500
"""Answers that one run of `tidy` takes on; the next run goes on."""

AT_ONCE_SECONDS = 1.5
"""How long whoever has answered may be kept waiting for their feed."""

FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(days=1)

MOST_ATTEMPTS = 20
"""About ten days of trying. What is left is erased by the portal itself after 60 (bitrix24.md 6.10)."""


def at_once(person: PortalUser, given: Answer) -> None:
    """Take the answered notification out of `person`'s feed with their own token, if the portal has room for a request right now.

    Whatever fails is left to `tidy`.
    """
    row, portal = given.notification, person.portal
    if portal.state != Portal.State.ACTIVE or not budget.has_room(portal):
        return
    if _has_id(row):
        call = api.delete(row.portal_notification_id)
    elif row.sender.kind == Sender.Kind.APP and _named_by_tag([row]):
        call = _by_tag(row)
    else:
        return
    try:
        with request_limit(AT_ONCE_SECONDS):
            as_person(person).run(call)
    except RestError:
        return
    _done([given])


def portals_to_tidy() -> list[int]:
    """The ids of portals where answered notifications are due to be taken out of feeds."""
    return list(_due().order_by("notification__portal_id").values_list("notification__portal_id", flat=True).distinct())


def tidy(portal_id: int) -> int:
    """Take one portal's due notifications out of feeds; returns how many are out. What fails is due again later, each time later.

    On a portal that is silent the rest waits for the next run.
    """
    due = _due().filter(notification__portal=portal_id).order_by("id")
    related = ("notification__portal", "notification__sender__portal", "notification__recipient__portal")
    found = list(due.select_related(*related)[:MOST_AT_ONCE])
    tidied = 0
    for part in _parts(found):
        if _take(part):
            gone, is_silent = _tidy(part)
            tidied += gone
            if is_silent:
                break
    return tidied


def _due() -> QuerySet[Answer]:
    return Answer.objects.filter(tidied_at=None, tidy_after__lte=timezone.now(), notification__portal__state=Portal.State.ACTIVE)


def _parts(answers: Sequence[Answer]) -> list[list[Answer]]:
    """The answers by sender, in pieces that fit a batch."""
    by_sender: dict[int, list[Answer]] = {}
    for each in answers:
        by_sender.setdefault(each.notification.sender_id, []).append(each)
    return [group[start : start + LARGEST_BATCH] for group in by_sender.values() for start in range(0, len(group), LARGEST_BATCH)]


def _take(answers: Sequence[Answer]) -> int:
    """Count the attempt and put the next one off; 0 when another worker has all of them: of some, a second deletion does no harm."""
    now = timezone.now()
    due = Answer.objects.filter(pk__in=[each.pk for each in answers], tidied_at=None, tidy_after__lte=now)
    for each in answers:
        each.tidy_attempts += 1
    return due.update(tidy_attempts=F("tidy_attempts") + 1, tidy_after=now + FIRST_WAIT)


def _tidy(answers: Sequence[Answer]) -> tuple[int, bool]:
    """Delete these notifications, all of one sender, and note what came of each; how many are gone, and whether the portal is silent."""
    gone: set[int] = set()
    is_silent = False
    try:
        for some in _deleted([each.notification for each in answers]):
            gone |= some
    except RestError:
        is_silent = True
    _done([each for each in answers if each.notification_id in gone])
    _put_off([each for each in answers if each.notification_id not in gone])
    return len(gone), is_silent


def _deleted(rows: Sequence[Notification]) -> Iterator[set[int]]:
    """The numbers of those of the rows that are out of their feeds, call by call. Raises RestError when the portal is silent."""
    named = _named_by_tag(rows)
    # By TAG one call as an administrator serves 50 people, where each person's own token would take a call of its own.
    together = named if len(named) > 1 else set()
    if together:
        yield _delete_together([row for row in rows if row.pk in together])
    for row in rows:
        if row.pk not in together and _delete_alone(row, by_tag=row.pk in named):
            yield {row.pk}


def _named_by_tag(rows: Sequence[Notification]) -> set[int]:
    """The numbers of those rows whose TAG can be deleted and means no newer notification. Asked right before the call that needs it."""
    sender = rows[0].sender
    if sender.kind == Sender.Kind.WEBHOOK and not sender.client_id:
        # Without CLIENT_ID the portal deletes no tag (bitrix24.md 6.2).
        return set()
    newer = Notification.objects.filter(
        sender=OuterRef("sender"), wire_tag=OuterRef("wire_tag"), id__gt=OuterRef("id"), state__in=Notification.LIVE
    )
    named = Notification.objects.filter(~Exists(newer), pk__in=[row.pk for row in rows])
    return set(named.values_list("pk", flat=True))


def _delete_together(rows: Sequence[Notification]) -> set[int]:
    """The numbers of those rows that are out of every feed now. Raises RestError when the portal is silent."""
    sender = rows[0].sender
    try:
        outcomes = client_for_tags(sender).run_batch({str(row.pk): _by_tag(row) for row in rows})
    except RestError as error:
        if error.concerns_portal:
            raise
        return set()
    return {row.pk for row in rows if outcomes[str(row.pk)].value}


def _delete_alone(row: Notification, *, by_tag: bool) -> bool:
    """Whether the row is out of its recipient's feed now: by its id with their own token, else by TAG where that may be.

    Raises RestError when the portal is silent.
    """
    ways: list[tuple[PortalClient, Call[bool]]] = []
    if _has_id(row):
        ways.append((as_person(row.recipient, background=True), api.delete(row.portal_notification_id)))
    if by_tag:
        ways.append((client_for_tags(row.sender), _by_tag(row)))
    for client, call in ways:
        try:
            client.run(call)
        except RestError as error:
            if error.concerns_portal:
                raise
        else:
            # Also where the portal answers false: it was not there any more.
            return True
    return False


def _has_id(row: Notification) -> bool:
    return row.portal_notification_id is not None and not recording.probably_muted(row)


def _by_tag(row: Notification) -> Call[bool]:
    return api.delete(tag=row.wire_tag, client_id=client_id(row.sender))


def _done(answers: Sequence[Answer]) -> None:
    now = timezone.now()
    Answer.objects.filter(pk__in=[each.pk for each in answers]).update(tidied_at=now, tidy_after=None)
    for each in answers:
        each.tidied_at = now


def _put_off(answers: Sequence[Answer]) -> None:
    """Let these be due again after a wait that grows with the attempts, or never again after the last one."""
    by_attempts: dict[int, list[int]] = {}
    for each in answers:
        by_attempts.setdefault(each.tidy_attempts, []).append(each.pk)
    for attempts, numbers in by_attempts.items():
        after = timezone.now() + min(FIRST_WAIT * int(2**attempts), LONGEST_WAIT) if attempts < MOST_ATTEMPTS else None
        Answer.objects.filter(pk__in=numbers, tidied_at=None).update(tidy_after=after)
