"""Reading the log of REST calls: a page of it, one exchange in parts that people can read, and one for the vendor's support."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet

from b24app import activity
from b24app.models import CallLog, Portal, PortalUser, Sender
from b24app.rest import masking

PAGE = 50


@dataclass(frozen=True, slots=True)
class Filters:
    """What to show: a part of a method's name, a person by words of the name or by user id, and what failed alone."""

    method: str = ""
    person: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A row of the log without what was asked and answered; `person` is who it was made for, None where that is nobody known here."""

    row: CallLog
    person: PortalUser | None


@dataclass(frozen=True, slots=True)
class CallPage:
    """Calls, newest first, and the `before` of the next page (None on the last one)."""

    calls: list[Call]
    next_before: int | None


@dataclass(frozen=True, slots=True)
class Part:
    """One request and its answer: of a batch each command by its name. `code` is the error it ended with, empty for none."""

    name: str
    method: str
    asked: Any
    answered: Any
    code: str


def page(portal: Portal, filters: Filters, before: int | None, size: int = PAGE) -> CallPage:
    """A page of the portal's calls in two queries. `before` is the previous page's `next_before`, None for the first page."""
    rows = _narrowed(portal, filters).defer("request", "response")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-pk")[: size + 1])
    shown = found[:size]
    known = {person.user_id: person for person in _people(portal).filter(user_id__in={row.user_id for row in shown if row.user_id})}
    return CallPage([Call(row, known.get(row.user_id or 0)) for row in shown], shown[-1].pk if len(found) > size else None)


def between(portal: Portal, filters: Filters, since: datetime | None, until: datetime | None) -> Iterator[CallLog]:
    """The portal's calls that were answered in this time, oldest first; None leaves the range open."""
    rows = _narrowed(portal, filters).select_related("portal")
    if since is not None:
        rows = rows.filter(created_at__gte=since)
    if until is not None:
        rows = rows.filter(created_at__lte=until)
    return rows.order_by("pk").iterator(chunk_size=PAGE)


def person_of(row: CallLog) -> PortalUser | None:
    """Who the call was made for."""
    return _people(row.portal).filter(user_id=row.user_id).first() if row.user_id else None


def parts(row: CallLog) -> list[Part]:
    """What was asked and answered; of a batch command by command, unless it failed as a whole or was too long to be logged in full.

    What was masked when it was written is masked once more.
    """
    request, response = (masking.mask(each, _secrets(row)) for each in (row.request, row.response))
    commands = request.get("cmd") if row.method == "batch" and isinstance(request, Mapping) else None
    result = response.get("result") if isinstance(response, Mapping) else None
    if not isinstance(commands, Mapping) or not isinstance(result, Mapping):
        return [Part("", row.method, request, response, row.code)]
    results, errors = result.get("result"), result.get("result_error")
    return [_part(name, command, _of(results, name), _of(errors, name)) for name, command in commands.items()]


def export(row: CallLog) -> dict[str, Any]:
    """All of one exchange as JSON values, for the vendor's support. What was masked when it was written is masked once more."""
    portal = row.portal
    exchange = {
        "portal": portal.domain,
        "application": settings.B24_APP_CODE,
        "call": row.pk,
        "method": row.method,
        "user_id": row.user_id,
        "started_at": (row.created_at - timedelta(milliseconds=row.milliseconds)).isoformat(timespec="milliseconds"),
        "answered_at": row.created_at.isoformat(timespec="milliseconds"),
        "milliseconds": row.milliseconds,
        "http_status": row.http_status,
        "error": row.code,
        "request": row.request,
        "response": row.response,
    }
    masked: dict[str, Any] = masking.mask(exchange, _secrets(row))
    return masked


def _narrowed(portal: Portal, filters: Filters) -> QuerySet[CallLog]:
    rows = CallLog.objects.filter(portal=portal)
    if filters.method:
        rows = rows.filter(method__icontains=filters.method)
    if filters.person:
        user_ids = Q(user_id__in=activity.people(portal, filters.person).values("user_id"))
        # Somebody whom the app has not met has no name here, but a number all the same.
        rows = rows.filter(user_ids | Q(user_id=int(filters.person)) if _is_number(filters.person) else user_ids)
    if filters.failed:
        rows = rows.filter(~Q(code="") | Q(failed_commands__gt=0))
    return rows


def _is_number(text: str) -> bool:
    return text.isdecimal() and int(text) < 2**63


def _people(portal: Portal) -> QuerySet[PortalUser]:
    return portal.people.defer("access_token", "refresh_token")


def _part(name: str, command: Any, result: Any, error: Any) -> Part:
    code = str(error.get("error", "")) if isinstance(error, Mapping) else ""
    return Part(name, *_command(command), result if error is None else error, code)


def _command(command: Any) -> tuple[str, Any]:
    return (str(command.get("method", "")), command.get("params")) if isinstance(command, Mapping) else ("", command)


def _of(found: Any, name: str) -> Any:
    """A command's value; PHP writes an object whose names count from 0 as a list, and an empty one too (doc: batch)."""
    if isinstance(found, list):
        return found[int(name)] if name.isdecimal() and int(name) < len(found) else None
    return found.get(name) if isinstance(found, Mapping) else None


def _secrets(row: CallLog) -> set[str]:
    """What must not leave, whatever stands in the log: the application's and the portal's secrets, webhooks, the caller's tokens."""
    portal = row.portal
    found = {portal.application_token, settings.B24_CLIENT_SECRET}
    for address in Sender.objects.filter(portal=portal, kind=Sender.Kind.WEBHOOK).values_list("webhook_url", flat=True):
        found.add(str(address).rstrip("/").rpartition("/")[2])
    if row.user_id:
        for tokens in portal.people.filter(user_id=row.user_id).values_list("access_token", "refresh_token"):
            found.update(tokens)
    return found - {""}
