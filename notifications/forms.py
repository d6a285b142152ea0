"""What people type and choose. The platform's limits stand with the use cases, which refuse what breaks them; here only shapes are read."""

import re
from typing import Any, Literal

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from notifications import history, ledger
from notifications.models import Dispatch, Notification
from notifications.shapes import LARGEST_ID

_ID = re.compile(r"[1-9]\d{0,18}", re.ASCII)

VIEWS = [("list", _("List")), ("tag", _("By TAG")), ("sub_tag", _("By SUB_TAG")), ("dispatches", _("Dispatches"))]
GROUPS = VIEWS[1:3]

ANY_STATE = [("", _("Any state")), *Notification.State.choices]
ANY_DISPATCH_STATE = [
    ("", _("Any state")),
    ("unsent", _("Not sent yet")),
    *((state.value, state.label) for state in Dispatch.State if state not in history.NOT_SENT_YET),
]


def _line(**attrs: Any) -> forms.TextInput:
    return forms.TextInput(attrs={"class": "control", "autocomplete": "off", "spellcheck": "false", **attrs})


class FilterForm(forms.Form):
    """What narrows the Sent list. All fields may be empty; one that cannot be read narrows nothing.

    `view` asks for the list, for groups or for dispatches; `opened` tells from which groups the list was opened, for the way back.
    """

    view = forms.ChoiceField(required=False, choices=VIEWS)
    opened = forms.ChoiceField(required=False, choices=GROUPS)
    words = forms.CharField(required=False)
    tag = forms.CharField(required=False, label=_("TAG"), widget=_line())
    sub_tag = forms.CharField(required=False, label=_("SUB_TAG"), widget=_line())
    person = forms.CharField(required=False, label=_("Recipient"), widget=_line())
    state = forms.ChoiceField(required=False, label=_("State"), choices=ANY_STATE, widget=forms.Select(attrs={"class": "control"}))
    # Its label stands beside no other "State": the page shows one of the two, by the view.
    dispatch_state = forms.ChoiceField(
        required=False, label=_("State"), choices=ANY_DISPATCH_STATE, widget=forms.Select(attrs={"class": "control"})
    )
    sender = forms.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)
    before = forms.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data, auto_id="filter-%s")
        self.full_clean()

    @property
    def by(self) -> ledger.By | None:
        """What to group by; None for the list."""
        view = self.cleaned_data.get("view")
        by: ledger.By | None = view if view in ("tag", "sub_tag") else None
        return by

    @property
    def shown(self) -> str:
        """The view that is asked for; the list when none is."""
        return self.cleaned_data.get("view") or "list"

    def dispatch_filters(self) -> history.Filters:
        """The filter as the history of dispatches takes it."""
        return history.Filters(
            tag=self.cleaned_data.get("tag", ""),
            sub_tag=self.cleaned_data.get("sub_tag", ""),
            words=self.cleaned_data.get("words", ""),
            state=self.cleaned_data.get("dispatch_state", ""),
        )

    def filters(self) -> ledger.Filters:
        """The filter as the ledger takes it."""
        return ledger.Filters(
            tag=self.cleaned_data.get("tag", ""),
            sub_tag=self.cleaned_data.get("sub_tag", ""),
            person=self.cleaned_data.get("person", ""),
            state=self.cleaned_data.get("state", ""),
            words=self.cleaned_data.get("words", ""),
            sender=self.cleaned_data.get("sender"),
        )


class RowsForm(forms.Form):
    """What narrows the recipients of a dispatch, and after which row the next page begins. What cannot be read narrows nothing."""

    state = forms.ChoiceField(required=False, label=_("State"), choices=ANY_STATE, widget=forms.Select(attrs={"class": "control"}))
    reason = forms.CharField(required=False)
    after = forms.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data, auto_id="rows-%s")
        self.full_clean()
        self.chosen_state: str = self.cleaned_data.get("state", "")
        self.chosen_reason: str = self.cleaned_data.get("reason", "")
        self.chosen_after: int | None = self.cleaned_data.get("after")


class TagForm(forms.Form):
    """A TAG or a SUB_TAG to act on: exactly one of the two."""

    tag = forms.CharField(required=False, label=_("TAG"), widget=_line())
    sub_tag = forms.CharField(required=False, label=_("SUB_TAG"), widget=_line())

    by: ledger.By = "tag"
    value = ""

    def __init__(self, data: QueryDict | None) -> None:
        super().__init__(data, auto_id="tag-form-%s")

    def clean(self) -> None:
        """Sets `by` and `value`."""
        tag, sub_tag = self.cleaned_data.get("tag", ""), self.cleaned_data.get("sub_tag", "")
        if bool(tag) == bool(sub_tag):
            raise forms.ValidationError(_("Fill in TAG or SUB_TAG, one of the two."))
        self.by, self.value = ("tag", tag) if tag else ("sub_tag", sub_tag)


class ElsewhereForm(TagForm):
    """A TAG or SUB_TAG of one sender (the app when none is named) that the ledger does not know."""

    sender = forms.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)


class TargetForm(forms.Form):
    """What to take back: all that carries a TAG or SUB_TAG of one sender (the app when none is named), or rows of the ledger."""

    tag = forms.CharField(required=False)
    sub_tag = forms.CharField(required=False)
    sender = forms.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)

    by: ledger.By | Literal["row"] = "row"
    value = ""

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data)
        self._rows = data.getlist("row")

    @property
    def rows(self) -> list[int]:
        """The numbers of the rows, once the form is valid."""
        return [int(number) for number in self._rows]

    def clean(self) -> None:
        """Sets `by` and `value`; exactly one target has to be named."""
        targets: tuple[ledger.By, ...] = ("tag", "sub_tag")
        named = [(target, str(self.cleaned_data[target])) for target in targets if self.cleaned_data.get(target)]
        if len(named) + bool(self._rows) != 1 or not all(map(_ID.fullmatch, self._rows)):
            raise forms.ValidationError(_("Name a TAG, a SUB_TAG or notifications: exactly one of them."))
        if named:
            [(self.by, self.value)] = named


class NumbersForm(forms.Form):
    """The numbers of notifications in a feed: each once, in `ids`, whatever their kind."""

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data)
        self._given = [*data.getlist("id"), *data.getlist("ids"), *data.getlist("confirmations")]
        self.ids: list[int] = []

    def clean(self) -> None:
        """Sets `ids`; there has to be one at least."""
        if not self._given or not all(_ID.fullmatch(value) and int(value) <= LARGEST_ID for value in self._given):
            raise forms.ValidationError(_("No notification was chosen. Choose at least one."))
        self.ids = list(dict.fromkeys(map(int, self._given)))
