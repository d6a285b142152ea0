"""All that the app keeps about a portal: to be taken along as files, row by row, and to be deleted. No token and no webhook is among it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from b24app import activity, spreadsheet
from b24app.models import Activity, CallLog, MethodPause, Portal, PortalUser, Sender
from notifications import bbcode, erasing, recording
from notifications.models import Answer, ConfirmationRequest, Dispatch, HourCount, Lane, Notification

CHUNK = 1000
"""Rows fetched at a time."""

_PORTAL = (
    "domain", "member_id", "state", "status", "version", "scope", "license_family", "language", "created_at", "installed_at",
    "who_may_send", "who_may_send_to_many", "who_may_see_all", "chosen", "default_type", "tag_prefix", "warns_admins",
    "interface_language", "retention_days", "bucket_capacity", "bucket_drain",
)  # fmt: skip
_TABLES: Mapping[str, tuple[type[Model], str, tuple[str, ...]]] = {
    "people": (
        PortalUser,
        "portal",
        (
            "user_id", "name", "photo", "time_zone", "is_admin", "departments", "profile_at", "token_state", "refreshed_at",
            "last_opened_at", "folds_figures",
        ),
    ),
    "senders": (Sender, "portal", ("id", "kind", "name", "client_id", "broken_code", "created_at")),
    "dispatches": (
        Dispatch,
        "portal",
        (
            "id", "sender_id", "author__user_id", "state", "type", "message", "message_out", "attach", "tag", "sub_tag", "audience",
            "total", "left_out", "error_code", "taking_back", "taken_back", "created_at", "started_at", "finished_at",
        ),
    ),
    "notifications": (
        Notification,
        "portal",
        (
            "id", "dispatch_id", "sender_id", "author__user_id", "recipient__user_id", "type", "tag", "sub_tag", "wire_tag",
            "wire_sub_tag", "portal_notification_id", "state", "attempts", "error_code", "reminded_at", "created_at", "sent_at",
            "closed_at",
        ),
    ),
    "requests": (
        ConfirmationRequest,
        "dispatch__portal",
        (
            "dispatch_id", "buttons", "deadline", "remind_at", "reminded_at", "tells_author", "told_all_at", "told_deadline_at",
            "closed_at", "closed_by__user_id",
        ),
    ),
    "answers": (
        Answer,
        "notification__portal",
        ("request__dispatch_id", "notification_id", "notification__recipient__user_id", "value", "label", "reason", "answered_at"),
    ),
    "activity": (Activity, "portal", ("person__user_id", "kind", "details", "at")),
    # Of a call what was asked and answered is saved one by one: all of it would be some gigabytes after a week of sending to many.
    "calls": (
        CallLog,
        "portal",
        ("id", "user_id", "method", "code", "http_status", "failed_commands", "milliseconds", "created_at"),
    ),
}  # fmt: skip
"""What the JSON file has beside the portal: the table, the path from it to its portal, and its columns. People are known by user id."""


def as_json(portal: Portal) -> Iterator[str]:
    """Everything, as one JSON object, piece by piece: `portal`, and a list for each kind of thing."""
    yield f'{{"portal": {_dumps({name: getattr(portal, name) for name in _PORTAL})}'
    for name, (model, path, columns) in _TABLES.items():
        yield f',\n"{name}": ['
        rows = model._default_manager.filter(**{path: portal}).order_by("pk").values(*columns)
        for number, row in enumerate(rows.iterator(chunk_size=CHUNK)):
            yield (",\n" if number else "\n") + _dumps({column.replace("__", "_"): value for column, value in row.items()})
        yield "]"
    yield "}\n"


def as_csv(portal: Portal, language: str, zone: ZoneInfo) -> Iterator[str]:
    """What was sent: a line for each notification, in one language and time zone, as spreadsheets in this language expect it."""
    return spreadsheet.lines(_lines(portal, language, zone), language)


def delete_all(person: PortalUser) -> int:
    """Delete everything about the person's portal but the installation, its settings, and the people who use the app.

    Returns how many notifications the ledger had. What is under way stops, as nothing is left of it to send. What people have in their
    notification centres stays there.
    """
    portal = person.portal
    with transaction.atomic():
        # The notifications first: whoever changes them locks them before their dispatch.
        number = Notification.objects.filter(portal=portal).count()
        erasing.erase(portal)
        for rows in _erased(portal):
            rows.delete()
        activity.note(person, activity.Kind.ERASED, number=number)
    return number


def _erased(portal: Portal) -> Iterable[QuerySet[Any]]:
    """What goes beside the notifications, in an order in which nothing refers to what is gone."""
    yield HourCount.objects.filter(portal=portal)
    yield Dispatch.objects.filter(portal=portal)
    yield Lane.objects.filter(portal=portal)
    yield Activity.objects.filter(portal=portal)
    yield CallLog.objects.filter(portal=portal)
    yield MethodPause.objects.filter(portal=portal)
    yield portal.senders.filter(kind=Sender.Kind.WEBHOOK)
    # Whoever was only a recipient: the others have opened the app and go on using it.
    yield portal.people.filter(last_opened_at=None, token_state=PortalUser.TokenState.NONE)


def _lines(portal: Portal, language: str, zone: ZoneInfo) -> Iterator[tuple[str, ...]]:
    # The language holds for one row at a time: between two of them the thread may do something else.
    with translation.override(language):
        yield (
            _("Dispatch"), _("Written (%(zone)s)") % {"zone": zone}, _("Sent by"), _("Author's user ID"), _("Recipient"), _("User ID"),
            _("Type"), _("TAG"), _("SUB_TAG"), _("Message"), _("State"), _("Why it failed"), _("Sender"),
            pgettext("what somebody answered", "Answer"),
            _("Answered at (%(zone)s)") % {"zone": zone}, _("Reason"),
        )  # fmt: skip
    rows = Notification.objects.filter(portal=portal).select_related("dispatch", "author", "recipient", "sender", "answer")
    for row in rows.order_by("pk").iterator(chunk_size=CHUNK):
        with translation.override(language):
            line = _line(row, zone)
        yield line


def _line(row: Notification, zone: ZoneInfo) -> tuple[str, ...]:
    given = getattr(row, "answer", None)
    return (
        str(row.dispatch_id),
        _time(row.created_at, zone),
        str(row.author),
        str(row.author.user_id),
        str(row.recipient),
        str(row.recipient.user_id),
        str(Notification.Type(row.type).label),
        row.tag,
        row.sub_tag,
        bbcode.plain(row.dispatch.message),
        str(Notification.State(row.state).label),
        recording.failure_text(row) if row.state == Notification.State.FAILED else "",
        str(row.sender),
        given.label if given else "",
        _time(given.answered_at if given else None, zone),
        given.reason if given else "",
    )


def _time(moment: datetime | None, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M") if moment else ""


def _dumps(value: object) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)
