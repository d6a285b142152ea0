"""Who did what with the app, and when. What is kept are a kind and plain values; the sentence is made when somebody reads it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy, pgettext, pgettext_lazy

from b24app.models import Activity, Portal, PortalUser

PAGE = 50

CHUNK = 1000
"""Rows fetched at a time for a file."""


class Kind(StrEnum):
    """What was done."""

    SENT = "sent"
    RESENT = "resent"
    ANSWERED = "answered"
    PRESSED = "pressed"
    DELETED = "deleted"
    DELETED_ELSEWHERE = "deleted_elsewhere"
    TAKEN_BACK = "taken_back"
    PAUSED = "paused"
    RESUMED = "resumed"
    CANCELLED = "cancelled"
    REMINDED = "reminded"
    REMINDER_DUE = "reminder_due"
    CLOSED = "closed"
    SETTINGS = "settings"
    EXPORTED = "exported"
    ERASED = "erased"
    SENDER_ADDED = "sender_added"
    SENDER_REMOVED = "sender_removed"
    INSTALLED = "installed"
    UPDATED = "updated"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Words:
    """How a kind is told: its name in the filter, and its sentence, in which `shown` is details["number"] and other details go by name."""

    name: Promise
    sentence: Promise


# The one table of kinds. Details of each: `number` where the sentence has one, `tag` and `sub_tag` where there are, and what it names.
WORDS: Mapping[Kind, Words] = {
    Kind.SENT: Words(
        pgettext_lazy("kind of activity", "Sent"),
        ngettext_lazy("Sent a notification to %(shown)s person", "Sent a notification to %(shown)s people", "number"),
    ),
    Kind.RESENT: Words(
        gettext_lazy("Sent again to those who failed"),
        ngettext_lazy("Sent again to %(shown)s person who did not get it", "Sent again to %(shown)s people who did not get it", "number"),
    ),
    Kind.ANSWERED: Words(gettext_lazy("Answered a request"), gettext_lazy("Answered a request: %(label)s")),
    Kind.PRESSED: Words(
        gettext_lazy("Confirmed by TAG"),
        ngettext_lazy("Answered %(shown)s confirmation of the portal", "Answered %(shown)s confirmations of the portal", "number"),
    ),
    Kind.DELETED: Words(
        pgettext_lazy("kind of activity", "Deleted"),
        ngettext_lazy("Deleted %(shown)s notification", "Deleted %(shown)s notifications", "number"),
    ),
    Kind.DELETED_ELSEWHERE: Words(
        gettext_lazy("Deleted what other code sent"), gettext_lazy("Deleted notifications that other code sent with this tag")
    ),
    Kind.TAKEN_BACK: Words(
        gettext_lazy("Took back"),
        ngettext_lazy("Took back a dispatch to %(shown)s person", "Took back a dispatch to %(shown)s people", "number"),
    ),
    Kind.PAUSED: Words(
        pgettext_lazy("kind of activity", "Paused"),
        ngettext_lazy("Paused a dispatch to %(shown)s person", "Paused a dispatch to %(shown)s people", "number"),
    ),
    Kind.RESUMED: Words(
        pgettext_lazy("kind of activity", "Resumed"),
        ngettext_lazy("Resumed a dispatch to %(shown)s person", "Resumed a dispatch to %(shown)s people", "number"),
    ),
    Kind.CANCELLED: Words(
        pgettext_lazy("kind of activity", "Cancelled"),
        ngettext_lazy("Cancelled a dispatch to %(shown)s person", "Cancelled a dispatch to %(shown)s people", "number"),
    ),
    Kind.REMINDED: Words(
        pgettext_lazy("kind of activity", "Reminded"), ngettext_lazy("Reminded %(shown)s person", "Reminded %(shown)s people", "number")
    ),
    Kind.REMINDER_DUE: Words(gettext_lazy("Reminder by itself"), gettext_lazy("The reminder that was ordered beforehand has begun")),
    Kind.CLOSED: Words(gettext_lazy("Closed a request"), gettext_lazy("Closed a confirmation request")),
    Kind.SETTINGS: Words(gettext_lazy("Changed settings"), gettext_lazy("Changed settings: %(settings)s")),
    Kind.EXPORTED: Words(gettext_lazy("Saved the portal's data"), gettext_lazy("Saved the portal's data as %(format)s")),
    Kind.ERASED: Words(gettext_lazy("Deleted all data"), gettext_lazy("Deleted all data of the portal")),
    Kind.SENDER_ADDED: Words(gettext_lazy("Added a sender"), gettext_lazy("Added the webhook sender %(name)s")),
    Kind.SENDER_REMOVED: Words(gettext_lazy("Removed a sender"), gettext_lazy("Removed the webhook sender %(name)s")),
    Kind.INSTALLED: Words(gettext_lazy("Installed"), gettext_lazy("The app was installed")),
    Kind.UPDATED: Words(gettext_lazy("Updated"), gettext_lazy("The app was updated to version %(version)s")),
    Kind.REMOVED: Words(pgettext_lazy("kind of activity", "Removed"), gettext_lazy("The app was removed from the portal")),
}

SETTINGS: Mapping[str, Promise] = {
    "default_type": gettext_lazy("Type of new notifications"),
    "tag_prefix": gettext_lazy("TAG begins with"),
    "interface_language": gettext_lazy("Interface language"),
    "retention_days": gettext_lazy("Keep the list of sent notifications for"),
    "warns_admins": gettext_lazy("Tell administrators what needs them"),
    "bucket_capacity": gettext_lazy("Requests in reserve"),
    "bucket_drain": gettext_lazy("Requests per second"),
    "who_may_send": gettext_lazy("Who may send to people chosen one by one"),
    "who_may_send_to_many": gettext_lazy("Who may send to many"),
    "who_may_see_all": gettext_lazy("Who may see and take back what others sent"),
}
"""Names of the settings in details["settings"], which has their new values by the portal's columns."""

_CHOICES: Mapping[str, Mapping[str, Promise | str]] = {
    "default_type": dict(Portal.NoticeType.choices),
    "interface_language": dict(settings.LANGUAGES),
    **{name: dict(Portal.Who.choices) for name in ("who_may_send", "who_may_send_to_many", "who_may_see_all")},
}


@dataclass(frozen=True, slots=True)
class Filters:
    """What to show: a Kind, a person by words of the name or by user id, days of `zone` from and to, and words of tags and names."""

    kind: str = ""
    person: str = ""
    first: date | None = None
    last: date | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class ActivityPage:
    """Rows, newest first, and the `before` of the next page (None on the last one)."""

    rows: list[Activity]
    next_before: int | None


def note(who: PortalUser | Portal, kind: Kind, **details: object) -> None:
    """Keep that this person did it, or that it happened on the portal by itself. In the transaction of the act, where there is one.

    `details` are plain values for the kind's sentence (WORDS) and its tags; empty ones are left out.
    """
    portal_id, person_id = (who.portal_id, who.pk) if isinstance(who, PortalUser) else (who.pk, None)
    kept = {name: value for name, value in details.items() if value not in ("", None)}
    searched = " ".join(str(value) for value in kept.values() if isinstance(value, str)).casefold()
    Activity.objects.create(portal_id=portal_id, person_id=person_id, kind=kind, details=kept, search_text=searched)


def sentence(row: Activity) -> str:
    """What was done, in the active language."""
    values = dict(row.details)
    number = values.get("number", 0)
    values |= {"number": number, "shown": number_format(number, force_grouping=True)}
    if "settings" in values:
        values["settings"] = "; ".join(f"{SETTINGS[name]} – {_told(name, value)}" for name, value in values["settings"].items())
    return str(WORDS[Kind(row.kind)].sentence % values)


def _told(name: str, value: object) -> str:
    """The value of a setting in words; who is chosen for a right stands in the settings alone."""
    if isinstance(value, bool):
        return pgettext("value of a setting", "on") if value else pgettext("value of a setting", "off")
    if isinstance(value, int | float):
        return number_format(value)
    if not value:
        return pgettext("value of a setting", "default")
    return str(_CHOICES.get(name, {}).get(str(value), value))


def person_name(row: Activity) -> str:
    """Who did it; the app itself where nobody did."""
    return str(row.person) if row.person else _("The app by itself")


def page(portal: Portal, filters: Filters, zone: ZoneInfo, before: int | None, size: int = PAGE) -> ActivityPage:
    """A page of the portal's activity in one query. `before` is the previous page's `next_before`, None for the first page."""
    rows = _narrowed(portal, filters, zone)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-pk")[: size + 1])
    return ActivityPage(found[:size], found[size - 1].pk if len(found) > size else None)


def every(portal: Portal, filters: Filters, zone: ZoneInfo) -> Iterator[Activity]:
    """All that fits, newest first, without holding it in memory."""
    return _narrowed(portal, filters, zone).order_by("-pk").iterator(chunk_size=CHUNK)


def forget_old() -> int:
    """Delete what is older than each portal keeps its ledger; returns how many rows."""
    now = timezone.now()
    kept = Portal.objects.values_list("pk", "retention_days")
    return sum(Activity.objects.filter(portal=pk, at__lt=now - timedelta(days=days)).delete()[0] for pk, days in kept)


def _narrowed(portal: Portal, filters: Filters, zone: ZoneInfo) -> QuerySet[Activity]:
    rows = Activity.objects.filter(portal=portal).select_related("person").defer("person__access_token", "person__refresh_token")
    if filters.kind:
        rows = rows.filter(kind=filters.kind)
    if filters.person:
        rows = rows.filter(person__in=people(portal, filters.person))
    if filters.first:
        rows = rows.filter(at__gte=_midnight(filters.first, zone))
    if filters.last and filters.last < date.max:
        rows = rows.filter(at__lt=_midnight(filters.last + timedelta(days=1), zone))
    for word in filters.words.split():
        # A regular expression ignores case in every script, also on SQLite.
        rows = rows.filter(Q(search_text__contains=word.casefold()) | Q(person__name__iregex=re.escape(word)))
    return rows


def people(portal: Portal, named: str) -> QuerySet[PortalUser]:
    """The portal's people of this user id, or with each of these words in their name."""
    found = portal.people.all()
    if named.isdecimal():
        return found.filter(user_id=min(int(named), 2**63 - 1))
    for word in named.split():
        found = found.filter(name__iregex=re.escape(word))
    return found


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)
