"""Taking back what a dispatch sent: in one call where a SUB_TAG covers exactly that, else by TAG, fifty to a batch, step by step.

A worker makes the steps (notifications.lane); `Dispatch.taking_back_after` is the row up to which they are done, so one that dies in
the middle is followed by another, and deleting twice does no harm.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from django.db.models import Q, QuerySet

from b24app.models import Bucket, PortalUser, Sender
from b24app.rest import budget
from b24app.rest.calls import Call, Outcome
from b24app.rest.client import LARGEST_BATCH, PortalClient, as_person
from b24app.rest.errors import Policy, RestError
from notifications import api, ledger
from notifications.feed import OTHERS
from notifications.models import Dispatch, Notification
from notifications.senders import client_for_tags, client_id, client_of
from notifications.shapes import LARGEST_ID

Which = Literal["all", "unanswered", "unread"]
"""What to take back: everything, what was not answered yet, or what was not read yet."""

METHOD = "im.notify.delete"

FEEDS = 10
"""Feeds looked into in one step: each is a call of its own, with its owner's token."""

_SENT = (Notification.State.SENDING, Notification.State.SENT, Notification.State.UNKNOWN)
_PASSES = (Policy.RETRY_LATER, Policy.PORTAL_UNUSABLE)

_Numbers = dict[str, int | str]


def begin(person: PortalUser, dispatch: Dispatch, which: Which) -> None:
    """Take back everything in one call where that is possible; else note what the steps are to do. The same again changes nothing.

    `dispatch.taken_back` begins with these numbers: `deleted`, `failed`, and for "unread" `read` and `unknown`: whose feeds nobody but
    themselves may look into (bitrix24.md 6.1), and whose token is not held. Raises RestError when the one call failed.
    """
    is_done = dispatch.taken_back is not None and not _sent(dispatch).exists()
    if dispatch.taking_back == which or is_done:
        return
    numbers: _Numbers = {"which": which, "deleted": 0, "failed": 0}
    if which == "all" and _delete_all(person, dispatch, numbers):
        _note(dispatch, taking_back="", taken_back=numbers)
        return
    if which == "unread":
        numbers |= {"read": 0, "unknown": _sent(dispatch).exclude(_known_feed()).count()}
    is_open = _rows(dispatch, which).exists()
    _note(dispatch, taking_back=which if is_open else "", taking_back_after=0, taken_back=numbers)


def step(dispatch: Dispatch, slot: Bucket) -> None:
    """Take back the next rows, or end when there are none left; `slot` of the portal's budget was taken for that.

    Raises RestError, with what was done before noted.
    """
    which = dispatch.taking_back
    following = _rows(dispatch, which).filter(id__gt=dispatch.taking_back_after).order_by("id")
    # Ended meanwhile, perhaps: then nothing is chosen.
    rows = list(following.select_related("recipient__portal")[: FEEDS if which == "unread" else LARGEST_BATCH]) if which else []
    numbers: _Numbers = dict(dispatch.taken_back or {})
    if not rows:
        budget.give_back(slot)
        if which:
            _note(dispatch, taking_back="")
        return
    unread = _unread(rows, numbers) if which == "unread" else rows
    client = client_for_tags(dispatch.sender)
    client.hold(slot)
    outcomes = _delete_tags(client, dispatch.sender, unread)
    setback = next((row for row in unread if _passes(outcomes[row.pk].error)), None)
    done = [row for row in rows if setback is None or row.pk < setback.pk]
    gone = [row.pk for row in done if row.pk in outcomes and outcomes[row.pk].value]
    _add(numbers, "failed", sum(row.pk in outcomes for row in done) - len(gone))
    _add(numbers, "deleted", ledger.close(dispatch.notifications.filter(pk__in=gone), Notification.State.DELETED))
    if done:
        _note(dispatch, taking_back_after=done[-1].pk, taken_back=numbers)
    if setback is not None:
        error = outcomes[setback.pk].error
        assert error is not None  # noqa: S101 - for the type checker: _passes said so
        raise error


def give_up(dispatch: Dispatch, error: RestError) -> None:
    """End taking back because of an error that does not pass by itself; `taken_back["error"]` names it."""
    dispatch.refresh_from_db(fields=["taking_back", "taken_back"])
    _note(dispatch, taking_back="", taken_back={**(dispatch.taken_back or {}), "error": error.row[:64]})


def _sent(dispatch: Dispatch) -> QuerySet[Notification]:
    """What of the dispatch is, or may be, in somebody's feed."""
    return dispatch.notifications.filter(state__in=_SENT)


def _rows(dispatch: Dispatch, which: str) -> QuerySet[Notification]:
    rows = _sent(dispatch)
    if which == "unanswered":
        return rows.filter(answer=None)
    return rows.filter(_known_feed()) if which == "unread" else rows


def _known_feed() -> Q:
    """Rows whose recipient's feed can be asked for the notification."""
    return Q(recipient__token_state=PortalUser.TokenState.VALID, state=Notification.State.SENT, portal_notification_id__lt=LARGEST_ID)


def _delete_all(person: PortalUser, dispatch: Dispatch, numbers: _Numbers) -> bool:
    """Delete by SUB_TAG where in the ledger it covers the dispatch and nothing else that is live; False where it does not."""
    rows = _sent(dispatch)
    common = rows.values_list("wire_sub_tag", flat=True).first()
    if not common:
        return False
    covered = ledger.for_portal(person.portal).filter(sender=dispatch.sender, wire_sub_tag=common, state__in=Notification.LIVE)
    if covered.exclude(dispatch=dispatch).exists():
        return False
    if client_of(dispatch.sender, person).run(api.delete(sub_tag=common, client_id=client_id(dispatch.sender))):
        _add(numbers, "deleted", ledger.close(rows, Notification.State.DELETED))
    else:
        _add(numbers, "failed", rows.count())
    return True


def _delete_tags(client: PortalClient, sender: Sender, rows: Sequence[Notification]) -> Mapping[int, Outcome[bool]]:
    if not rows:
        return {}
    calls: dict[str, Call[bool]] = {str(row.pk): api.delete(tag=row.wire_tag, client_id=client_id(sender)) for row in rows}
    return {int(number): outcome for number, outcome in client.run_batch(calls).items()}


def _unread(rows: Sequence[Notification], numbers: _Numbers) -> list[Notification]:
    """Those of the rows that their recipients have in their feeds and have not read; the others are counted in `numbers`."""
    unread = []
    for row in rows:
        is_read = _is_read(row)
        if is_read is False:
            unread.append(row)
        else:
            _add(numbers, "read" if is_read else "unknown", 1)
    return unread


def _is_read(row: Notification) -> bool | None:
    """What the recipient's own feed says of the notification; None when it is not there, or cannot be asked for good."""
    number = row.portal_notification_id or 0
    try:
        page = as_person(row.recipient, background=True).run(api.get(last_id=number + 1, last_type=OTHERS, limit=1))
    except RestError as error:
        if _passes(error):
            raise
        return None
    return next((item.is_read for item in page.items if item.id == number), None)


def _passes(error: RestError | None) -> bool:
    """Whether this is an error after which the same can be tried again later."""
    return error is not None and error.policy in _PASSES


def _add(numbers: _Numbers, name: str, count: int) -> None:
    numbers[name] = int(numbers.get(name, 0)) + count


def _note(dispatch: Dispatch, **columns: object) -> None:
    """Write these columns, unless somebody has asked for something else meanwhile."""
    if Dispatch.objects.filter(pk=dispatch.pk, taking_back=dispatch.taking_back).update(**columns):
        for name, value in columns.items():
            setattr(dispatch, name, value)
