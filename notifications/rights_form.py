"""The form by which admins give rights: for each right to whom, and the people and departments chosen, kept as chips whatever is wrong."""

from collections.abc import Sequence

from django import forms
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from b24app.models import Portal
from b24app.roles import Right
from b24app.roles import chosen as chosen_for
from notifications import audience_form
from notifications.audience import Branch
from notifications.audience_form import Chosen
from notifications.rights import Given

MOST_CHOSEN = 200
"""People and departments together that one right can be given to by name."""

NAMES: dict[Right, Promise] = {
    Right.SEND: _("Who may send to people chosen one by one"),
    Right.SEND_TO_MANY: _("Who may send to many"),
    Right.SEE_ALL: _("Who may see and take back what others sent"),
}

_HELP: dict[Right, Promise] = {
    Right.SEND: _("To 50 people at once, and to take it back again."),
    Right.SEND_TO_MANY: _("To departments, to everyone, or to a pasted list. Whoever may do this may also send to people one by one."),
    Right.SEE_ALL: _("Others see what they sent or received themselves."),
}


class RightForm(forms.Form):
    """To whom one right is given."""

    who = forms.ChoiceField(choices=Portal.Who.choices, widget=forms.Select(attrs={"class": "control"}))

    def __init__(self, right: Right, portal: Portal, posted: QueryDict | None) -> None:
        super().__init__(posted, prefix=right.value, auto_id="right-%s", initial={"who": getattr(portal, f"who_may_{right}")})
        self.fields["who"].label = str(NAMES[right])
        self.fields["who"].help_text = str(_HELP[right])
        self.right = right
        self.people, self.branches = _stored(portal, right) if posted is None else _posted(posted, right)

    @property
    def into(self) -> str:
        """The name of the fields of chosen departments; that of other fields begins alike."""
        return f"{self.right}_departments"

    @property
    def wanted(self) -> Given:
        """What was chosen, once the form is valid."""
        return Given(self.cleaned_data["who"], [(each.id, each.name) for each in self.people], self.branches)

    def clean(self) -> None:
        """A right for chosen ones needs somebody who is chosen, and not so many that every question for it becomes slow."""
        number = len(self.people) + len(self.branches)
        if number > MOST_CHOSEN:
            self.add_error("who", str(_("Choose %(limit)d people and departments at most.") % {"limit": MOST_CHOSEN}))
        if self.cleaned_data.get("who") == Portal.Who.CHOSEN and not number:
            self.add_error("who", str(_("Nobody is chosen. Choose people or departments, or leave it to the administrators.")))


class RightsForm:
    """All rights of a portal, saved together or not at all."""

    def __init__(self, portal: Portal, posted: QueryDict | None = None) -> None:
        self.rights = [RightForm(right, portal, posted) for right in Right]

    def is_valid(self) -> bool:
        """Whether every right has somebody it is given to; what is wrong stands beside it."""
        return not [right for right in self.rights if not right.is_valid()]

    def wanted(self) -> dict[Right, Given]:
        """What was chosen, once the form is valid."""
        return {each.right: each.wanted for each in self.rights}


def _stored(portal: Portal, right: Right) -> tuple[Sequence[Chosen], Sequence[Branch]]:
    given = chosen_for(portal, right)
    people = [Chosen(each.id, each.name) for each in given.people]
    return people, [Branch(each.id, each.name, each.below) for each in given.departments]


def _posted(posted: QueryDict, right: Right) -> tuple[Sequence[Chosen], Sequence[Branch]]:
    people = audience_form.chosen(posted, f"{right}_people", f"{right}_people_names")
    return people, audience_form.branches(posted, f"{right}_departments", f"{right}_department_names", f"{right}_below")
