"""The part of a new notification's form that says whom it is for."""

import re
from dataclasses import dataclass

from django.http import QueryDict
from django.utils.functional import Promise

from notifications import audience
from notifications.audience import Audience, Branch
from notifications.errors import InvalidInput
from notifications.shapes import LARGEST_ID

_ID = re.compile(r"[1-9]\d{0,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A chosen person: the name is what the page was told, by the portal's dialog or by our own search."""

    id: int
    name: str


class AudienceForm:
    """What was chosen, kept as chips whatever else is wrong: `people` and `branches` are recipients, the `except_…` ones are not.

    Entries that are no ids are left out, doubles count once. `errors` has the sentence for `recipients` or `listed`.
    """

    most_at_once = audience.MOST_AT_ONCE

    def __init__(self, posted: QueryDict) -> None:
        self.people = chosen(posted, "recipients", "names")
        self.except_people = chosen(posted, "except_recipients", "except_names")
        self.branches = branches(posted, "departments", "department_names", "below")
        self.except_branches = branches(posted, "except_departments", "except_department_names", "except_below")
        self.everyone = bool(posted.get("everyone"))
        self.also_gone = bool(posted.get("also_gone"))
        self.listed = posted.get("listed", "")
        self.errors: dict[str, Promise | str] = {}

    @property
    def has_exceptions(self) -> bool:
        """Whether anybody is excepted."""
        return bool(self.except_people or self.except_branches)

    def value(self) -> Audience:
        """The audience as it was chosen."""
        return Audience(
            people=tuple(person.id for person in self.people),
            branches=tuple(self.branches),
            everyone=self.everyone,
            listed=audience.entries(self.listed),
            except_people=tuple(person.id for person in self.except_people),
            except_branches=tuple(self.except_branches),
            also_gone=self.also_gone,
        )

    def is_valid(self) -> bool:
        """Whether somebody is chosen and a pasted list can be understood; what is wrong stands in `errors`."""
        try:
            self.value().check()
        except InvalidInput as error:
            self.errors[error.field] = error.message
        return not self.errors


def chosen(posted: QueryDict, numbers: str, names: str) -> list[Chosen]:
    """The chips of these two fields, each id once; what is no id is left out."""
    pairs = zip(posted.getlist(numbers), posted.getlist(names), strict=False)
    return list({int(number): Chosen(int(number), name) for number, name in pairs if _is_id(number)}.values())


def branches(posted: QueryDict, numbers: str, names: str, below: str) -> list[Branch]:
    """The departments of these two fields; `below` names those that are meant with their sub-departments."""
    with_below = set(posted.getlist(below))
    return [Branch(each.id, each.name, str(each.id) in with_below) for each in chosen(posted, numbers, names)]


def _is_id(number: str) -> bool:
    return bool(_ID.fullmatch(number)) and int(number) <= LARGEST_ID
