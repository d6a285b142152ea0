"""The form of a new notification. The platform's limits stand with the use cases, which refuse what breaks them; here shapes are read."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from django import forms
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from b24app.models import Sender
from notifications import api, attach_input, sending
from notifications.ask_form import AskForm
from notifications.audience_form import AudienceForm
from notifications.errors import InvalidInput
from notifications.models import Notification


def _line(suggestions: str) -> forms.TextInput:
    """A one-line field that offers the values of the datalist with this id."""
    return forms.TextInput(attrs={"class": "control", "autocomplete": "off", "spellcheck": "false", "list": suggestions})


def _area(rows: int) -> forms.Textarea:
    return forms.Textarea(attrs={"class": "control", "rows": rows})


class AttachField(forms.CharField):
    """The JSON text of an ATTACH; its value is the ATTACH itself, None when the field is blank."""

    def to_python(self, value: Any) -> Any:
        """Raises ValidationError naming what is wrong."""
        try:
            return attach_input.read(value or "")
        except InvalidInput as error:
            raise forms.ValidationError(str(error.message)) from None

    def run_validators(self, value: Any) -> None:
        """CharField's own validators are for text, and this value is none any more."""


class NewForm(forms.Form):
    """A notification to write. `to` says whom it is for, kept as chips whatever else is wrong.

    `senders` are those that can be chosen from, the app first; `asks` is what is asked of the recipients. What is not valid yet can be
    read all the same, for the preview.
    """

    key = forms.UUIDField(widget=forms.HiddenInput)
    sender = forms.TypedChoiceField(required=False, label=_("Sender"), coerce=int, widget=forms.Select(attrs={"class": "control"}))
    type = forms.ChoiceField(
        label=_("Type"),
        choices=Notification.Type.choices,
        widget=forms.Select(attrs={"class": "control"}),
        help_text=_("Personal comes from you; System comes from the app and shows its name."),
    )
    message = forms.CharField(
        label=_("Message"), strip=False, widget=_area(6), error_messages={"required": _("The message is empty. Write something.")}
    )
    message_out = forms.CharField(
        required=False,
        strip=False,
        label=_("Other text for e-mail"),
        widget=_area(3),
        help_text=_("Whoever gets notifications by e-mail reads this instead. Leave it empty to send the same text."),
    )
    tag = forms.CharField(
        required=False,
        label=_("TAG"),
        widget=_line("used-tags"),
        help_text=_("Sending again with the same TAG replaces the earlier notification. Take it back any time by its TAG."),
    )
    sub_tag = forms.CharField(
        required=False,
        label=_("SUB_TAG"),
        widget=_line("used-sub-tags"),
        help_text=_("Groups notifications with different TAGs, to take them all back at once."),
    )
    attach = AttachField(
        required=False,
        label=_("Attachment as JSON"),
        widget=forms.Textarea(attrs={"class": "control", "rows": 8, "spellcheck": "false", "aria-describedby": "attach-state"}),
    )

    longest_message = api.LONGEST_MESSAGE
    largest_attach = api.LARGEST_ATTACH

    def __init__(self, senders: Sequence[Sender], data: QueryDict | None = None) -> None:
        portal = senders[0].portal
        super().__init__(data, auto_id="new-%s", initial={"key": uuid4(), "type": portal.default_type, "tag": portal.tag_prefix})
        # The draft with nothing but this in it is an empty one.
        self.fields["tag"].widget.attrs["data-prefix"] = portal.tag_prefix
        self._prefix = portal.tag_prefix
        if len(senders) > 1:
            self.fields["sender"].choices = [(sender.pk, str(sender)) for sender in senders]  # type: ignore[attr-defined]
            self.fields["sender"].widget.attrs["aria-describedby"] = "sender-note"
        else:
            # Nothing to choose: the app sends by itself.
            del self.fields["sender"]
        self.asks = AskForm(portal, data)
        self._senders = senders
        self._posted = data if data is not None else QueryDict()
        self.to = AudienceForm(self._posted)

    @property
    def sender_choice(self) -> forms.BoundField | None:
        """The field to choose a sender with; None when there is nothing to choose."""
        return self["sender"] if "sender" in self.fields else None

    @property
    def chosen_sender(self) -> Sender:
        """The chosen sender; the app itself while none of those that can be chosen is named."""
        return next((sender for sender in self._senders if str(sender.pk) == self.typed("sender")), self._senders[0])

    def typed(self, name: str) -> str:
        """A field as it was posted, valid or not."""
        return self._posted.get(name, "")

    @property
    def typed_tag(self) -> str:
        """The TAG as it was typed or prefilled; the portal's prefix with nothing added is none: it would replace what others sent so."""
        typed = self.typed("tag").strip()
        return "" if typed == self._prefix else typed

    def clean_tag(self) -> str:
        """As `typed_tag`."""
        tag: str = self.cleaned_data["tag"]
        return "" if tag == self._prefix else tag

    def draft(self) -> sending.Draft:
        """What is to be sent, once the form is valid."""
        names = ("type", "message", "tag", "sub_tag", "message_out", "attach")
        return sending.Draft(**{name: self.cleaned_data[name] for name in names}, ask=self.asks.ask())

    def is_complete(self) -> bool:
        """Whether there is everything that a notification needs; what is missing is named beside its field."""
        complete = self.is_valid() & self.asks.is_valid() & self.to.is_valid()
        if "key" in self.errors:
            self.renew_key()
            self.add_error(None, _("This page was out of date. Press Send again."))
        return complete

    def refuse(self, field: str | None, message: Promise | str) -> None:
        """Show a use case's refusal beside the field it is about, or above the form."""
        if field in ("recipients", "listed"):
            self.to.errors[field] = message
        else:
            self.add_error(field if field in self.fields else None, str(message))

    def renew_key(self) -> None:
        """Make the next attempt a new act of sending: the present key stands for one that has ended."""
        self.data = self._posted.copy()
        self.data["key"] = str(uuid4())
