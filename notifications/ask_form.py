"""The part of a new notification's form that makes it a confirmation request: its buttons, and until when."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy, pgettext_lazy

from b24app.models import Portal
from notifications import ask, wire

LONGEST = timedelta(days=366)
"""How far ahead a deadline may be: our own limit, so that a slip of the pen is noticed."""

END_OF_DAY = time(18, 0)
"""The time that comes with a suggested day."""

SUGGESTED_DAYS = (1, 3, 7)

MEANINGS = [
    (ask.Means.CONFIRM, pgettext_lazy("what a button counts as", "Confirmed")),
    (ask.Means.DECLINE, pgettext_lazy("what a button counts as", "Declined")),
]
REASONS = [
    (ask.Reason.NO, pgettext_lazy("a reason given with a button", "None")),
    (ask.Reason.MAY, pgettext_lazy("a reason given with a button", "Optional")),
    (ask.Reason.MUST, pgettext_lazy("a reason given with a button", "Required")),
]
UNITS = [("hours", _("hours before")), ("days", _("days before"))]


@dataclass(slots=True)
class ButtonRow:
    """A button as it was typed, and what is wrong with it by field (label, value, means, reason)."""

    label: str
    value: str
    means: str
    reason: str
    errors: dict[str, Promise | str] = field(default_factory=dict)

    def button(self) -> ask.Button:
        """The button, once nothing is wrong with it."""
        return ask.Button(self.label, self.value, ask.Means(self.means), ask.Reason(self.reason))


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A deadline that one press fills in."""

    day: date
    text: Promise | str


def _tick(**attrs: str) -> forms.CheckboxInput:
    return forms.CheckboxInput(attrs=attrs)


class AskForm(forms.Form):
    """What is asked of the recipients. Only `wanted` counts while it is off; times are in the active time zone.

    `hindrance` says why nothing can be asked on this portal. What is not valid yet can be read all the same, for the preview.
    """

    prefix = "ask"

    wanted = forms.BooleanField(required=False, label=_("Ask for confirmation"), widget=_tick(**{"data-shows": "ask-body"}))
    day = forms.DateField(
        required=False, label=_("Answer by"), widget=forms.DateInput(attrs={"class": "control", "type": "date"}, format="%Y-%m-%d")
    )
    time = forms.TimeField(
        required=False,
        label=pgettext_lazy("time of day", "Time"),
        widget=forms.TimeInput(attrs={"class": "control", "type": "time"}, format="%H:%M"),
    )
    reminds = forms.BooleanField(
        required=False, label=_("Remind those who have not answered"), widget=_tick(**{"data-shows": "ask-reminder"})
    )
    before = forms.IntegerField(
        required=False,
        label=_("How long before the deadline"),
        min_value=1,
        max_value=1000,
        widget=forms.NumberInput(attrs={"class": "control", "inputmode": "numeric"}),
    )
    unit = forms.ChoiceField(required=False, label=_("Unit"), choices=UNITS, widget=forms.Select(attrs={"class": "control"}))
    tells = forms.BooleanField(required=False, label=_("Tell me when everybody has answered and at the deadline"))

    most_buttons = ask.MOST_BUTTONS
    longest_label = ask.LONGEST_LABEL
    longest_value = ask.LONGEST_VALUE
    meanings = MEANINGS
    reasons = REASONS

    def __init__(self, portal: Portal, data: QueryDict | None = None) -> None:
        super().__init__(data, auto_id="new-%s", initial={"tells": True, "before": 1, "unit": "days"})
        self.hindrance = ask.hindrance(portal)
        self.rows = list(_typed_rows(data)) if data is not None else []
        if not self.rows:
            self.rows = [ButtonRow(each.label, each.value, each.means, each.reason) for each in ask.default_buttons()]
        self._deadline: datetime | None = None
        if self.hindrance:
            self.fields["wanted"].disabled = True

    @property
    def is_on(self) -> bool:
        """Whether the notification is to ask for something, valid or not."""
        return bool(self["wanted"].value()) and not self.hindrance

    @property
    def is_reminding(self) -> bool:
        """Whether a reminder is wanted, valid or not."""
        return bool(self["reminds"].value())

    @property
    def new_row(self) -> ButtonRow:
        """A further button, to be filled in."""
        return ButtonRow("", "", ask.Means.CONFIRM, ask.Reason.NO)

    @property
    def suggestions(self) -> list[Suggestion]:
        """Deadlines to choose with one press, in the active time zone."""
        today = timezone.localdate()
        text = ngettext_lazy("In %(count)d day", "In %(count)d days", "count")
        return [Suggestion(today + timedelta(days=days), text % {"count": days}) for days in SUGGESTED_DAYS]

    @property
    def suggested_time(self) -> str:
        """The time that belongs to a suggested day, as the field takes it."""
        return END_OF_DAY.strftime("%H:%M")

    @property
    def zone(self) -> str:
        """The name of the time zone that the deadline is typed in."""
        return timezone.get_current_timezone_name()

    def asked(self) -> wire.Asked | None:
        """The request as the preview shows it; None while nothing is asked."""
        self.is_valid()
        return wire.Asked(wire.NO_KEY, self._deadline) if self.is_on else None

    def ask(self) -> ask.Ask | None:
        """What is asked, once the form is valid; None when nothing is."""
        if not self.is_on:
            return None
        return ask.Ask(tuple(row.button() for row in self.rows), self._deadline, self._remind_at(), self.cleaned_data["tells"])

    def clean(self) -> dict[str, Any]:
        """Checks buttons, deadline and reminder, while something is asked at all."""
        if self.is_on:
            self._check_buttons()
            self._read_deadline()
            self._check_reminder()
        else:
            self.errors.clear()
        if self.hindrance and self.add_prefix("wanted") in self.data:
            # Ticked on a page that was drawn while links still worked: it must not leave without its buttons.
            self.add_error(None, self.hindrance)
        return self.cleaned_data

    def _check_buttons(self) -> None:
        labels, values = [row.label for row in self.rows], [row.value for row in self.rows]
        for row in self.rows:
            row.errors = _problems(row)
            if row.label and labels.count(row.label) > 1:
                row.errors.setdefault("label", _("Two buttons cannot have the same text."))
            if row.value and values.count(row.value) > 1:
                row.errors.setdefault("value", _("Two buttons cannot have the same value."))
        if len(self.rows) > ask.MOST_BUTTONS:
            self.add_error(None, _("A request has %(limit)d buttons at most. Remove some.") % {"limit": ask.MOST_BUTTONS})
        elif any(row.errors for row in self.rows):
            self.add_error(None, _("Something is not right with the buttons yet: look below."))

    def _read_deadline(self) -> None:
        day, at = self.cleaned_data.get("day"), self.cleaned_data.get("time")
        if day is None or at is None:
            if day and "time" not in self.errors:
                self.add_error("time", _("Choose a time as well, or clear the day."))
            if at and "day" not in self.errors:
                self.add_error("day", _("Choose a day as well, or clear the time."))
            return
        now = timezone.now()
        # A day far off has no moment in every time zone.
        if day > (now + LONGEST).date():
            self.add_error("day", _("The deadline can be a year ahead at most. Choose an earlier day."))
            return
        if day < (now - timedelta(days=2)).date() or timezone.make_aware(datetime.combine(day, at)) <= now:
            self.add_error("day", _("This time has passed. Choose a later one."))
            return
        self._deadline = timezone.make_aware(datetime.combine(day, at))

    def _check_reminder(self) -> None:
        if not self.cleaned_data.get("reminds") or "before" in self.errors:
            return
        if self.cleaned_data.get("before") is None:
            self.add_error("before", _("Type how long before the deadline, or switch the reminder off."))
        elif self._deadline is None:
            if not {"day", "time"} & set(self.errors):
                self.add_error("day", _("A reminder needs a deadline. Choose one, or switch the reminder off."))
        elif (remind_at := self._remind_at()) is not None and remind_at <= timezone.now():
            self.add_error("before", _("That time before the deadline has passed. Choose a shorter one."))

    def _remind_at(self) -> datetime | None:
        before = self.cleaned_data.get("before")
        if self._deadline is None or before is None or not self.cleaned_data.get("reminds"):
            return None
        return self._deadline - timedelta(**{self.cleaned_data.get("unit") or "days": before})


def _typed_rows(data: QueryDict) -> Iterator[ButtonRow]:
    columns = (data.getlist(f"{AskForm.prefix}-{name}") for name in ("label", "value", "means", "reason"))
    for label, value, means, reason in zip(*columns, strict=False):
        yield ButtonRow(label.strip(), value.strip(), means, reason)


def _problems(row: ButtonRow) -> dict[str, Promise | str]:
    """What is wrong with one button by itself."""
    problems: dict[str, Promise | str] = {}
    if not row.label:
        problems["label"] = _("Type the button's text, or remove the button.")
    if not row.value:
        problems["value"] = _("Type the value that is recorded.")
    for name, text, longest in (("label", row.label, ask.LONGEST_LABEL), ("value", row.value, ask.LONGEST_VALUE)):
        if len(text) > longest:
            problems[name] = _("Use %(limit)d characters at most.") % {"limit": longest}
        elif not text.isprintable():
            problems[name] = _("Control characters cannot be used here. Remove them.")
    if row.means not in list(ask.Means):
        problems["means"] = _("Choose what this button counts as.")
    if row.reason not in list(ask.Reason):
        problems["reason"] = _("Choose whether a reason is given.")
    return problems
