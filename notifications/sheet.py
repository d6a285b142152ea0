"""The acknowledgement sheet of a confirmation request: who was asked, what each of them answered and when, in one person's language.

For a file it is read row by row, so that a request to many thousands needs no more memory than one to a few; what stands below the rows
is counted from these very rows.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from b24app import spreadsheet
from notifications import bbcode, recording, reporting
from notifications.models import ConfirmationRequest, Notification
from notifications.reporting import Group

CHUNK = 1000
"""Rows fetched at a time."""


@dataclass(frozen=True, slots=True)
class Line:
    """One person on the sheet; `given` is the label of the button, `remark` why there is no answer."""

    name: str
    user_id: int
    group: Group
    result: str
    given: str
    answered_at: str
    reason: str
    remark: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet in one language and time zone, of the state that the ledger has when it is read."""

    request: ConfirmationRequest
    language: str
    zone: ZoneInfo

    def facts(self) -> list[tuple[str, str]]:
        """What stands above the people: pairs of a name and a value."""
        request, dispatch = self.request, self.request.dispatch
        with translation.override(self.language):
            facts = [
                (_("Request"), bbcode.plain(dispatch.message)),
                (_("Sent by"), str(dispatch.author)),
                (pgettext("when it was sent", "Sent"), self.time(dispatch.created_at)),
                (_("TAG"), dispatch.tag),
                (_("SUB_TAG"), dispatch.sub_tag),
                (_("Deadline"), self.time(request.deadline)),
                (_("State"), self._state()),
                (_("Sheet made"), self.time(timezone.now())),
                (_("Time zone"), str(self.zone)),
            ]
        return [(name, value) for name, value in facts if value]

    def columns(self) -> list[str]:
        """The names of a line's parts."""
        with translation.override(self.language):
            answered_at = _("Answered at (%(zone)s)") % {"zone": self.zone}
            return [
                pgettext("of a person", "Name"),
                _("User ID"),
                _("Result"),
                pgettext("what somebody answered", "Answer"),
                answered_at,
                _("Reason"),
                _("Remark"),
            ]

    def lines(self) -> Iterator[Line]:
        """Everybody who was asked, by name."""
        rows = Notification.objects.filter(dispatch=self.request.dispatch_id).select_related("recipient", "answer")
        with translation.override(self.language):
            names = reporting.group_names(self.request)
        for row in rows.order_by("recipient__name", "id").iterator(chunk_size=CHUNK):
            yield self._line(row, names)

    def totals(self, groups: Counter[Group]) -> list[tuple[str, int]]:
        """What stands below the people, from how many of them are in each group: pairs of a name and a number."""
        with translation.override(self.language):
            names = reporting.group_names(self.request)
            return [(names[group], groups[group]) for group in Group] + [(_("Asked in all"), groups.total())]

    def csv(self) -> Iterator[str]:
        """The sheet as a file of comma-separated values, piece by piece."""
        return spreadsheet.lines(self._cells(), self.language)

    def time(self, moment: datetime | None) -> str:
        """A time in the sheet's zone as every spreadsheet reads it; empty for none."""
        return moment.astimezone(self.zone).strftime("%Y-%m-%d %H:%M") if moment else ""

    def _cells(self) -> Iterator[Sequence[str]]:
        groups: Counter[Group] = Counter()
        yield from (*self.facts(), (), self.columns())
        for line in self.lines():
            groups[line.group] += 1
            yield line.name, str(line.user_id), line.result, line.given, line.answered_at, line.reason, line.remark
        yield ()
        for name, number in self.totals(groups):
            yield name, str(number)

    def _state(self) -> str:
        request = self.request
        if request.closed_at is not None:
            return _("Closed by %(person)s, %(time)s") % {"person": request.closed_by, "time": self.time(request.closed_at)}
        return _("Open") if reporting.is_open(request) else _("The deadline has passed")

    def _line(self, row: Notification, names: Mapping[Group, str]) -> Line:
        group = reporting.GROUP_OF[Notification.State(row.state)]
        given = getattr(row, "answer", None)
        return Line(
            name=str(row.recipient),
            user_id=row.recipient.user_id,
            group=group,
            result=names[group],
            given=given.label if given else "",
            # Where the portal itself pressed a button there is no answer of ours, only the time.
            answered_at=self.time(given.answered_at if given else row.closed_at if group in reporting.ANSWERED else None),
            reason=given.reason if given else "",
            remark="" if group in reporting.ANSWERED else self._remark(row),
        )

    def _remark(self, row: Notification) -> str:
        # The language holds for one line at a time: between two of them the thread may do something else.
        with translation.override(self.language):
            return remark(row)


def remark(row: Notification) -> str:
    """Why somebody has not answered, as far as the ledger knows; translated."""
    if row.state == Notification.State.FAILED:
        return recording.failure_text(row)
    if row.state == Notification.State.SENT:
        return _("The recipient has probably muted this app.") if recording.probably_muted(row) else ""
    return str(Notification.State(row.state).label)
