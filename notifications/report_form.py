"""What narrows the people of a confirmation request's report."""

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from notifications import reporting
from notifications.models import ConfirmationRequest

MOST_PAGES = 1_000_000


class PeopleForm(forms.Form):
    """An answer, words of a name, and the page. All fields may be empty; one that cannot be read narrows nothing."""

    answer = forms.ChoiceField(required=False)
    name = forms.CharField(
        required=False,
        max_length=200,
        label=pgettext_lazy("of a person", "Name"),
        widget=forms.SearchInput(
            attrs={"class": "control", "autocomplete": "off", "spellcheck": "false", "placeholder": _("Search by name")}
        ),
    )
    page = forms.IntegerField(required=False, min_value=1, max_value=MOST_PAGES)

    def __init__(self, data: QueryDict, request: ConfirmationRequest) -> None:
        super().__init__(data, auto_id="request-%s")
        self.fields["answer"] = forms.ChoiceField(required=False, choices=[("", _("Everybody")), *reporting.answers(request)])
        self.full_clean()

    def people(self, request: ConfirmationRequest) -> reporting.PeoplePage:
        """The page of people that it asks for."""
        asked = self.cleaned_data
        return reporting.people(request, asked.get("answer", ""), asked.get("name", ""), asked.get("page") or 1)
