"""Who may do what on a portal. Every rule about rights stands here and is asked on the server.

Three rights are the portal's to give: to send to people chosen one by one, to send to many, and to see and take back what others sent.
Administrators have all of them. Each can be given to everyone, or to chosen people and departments (Portal.chosen).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from b24app.models import Portal, PortalUser


class Right(StrEnum):
    """What a portal's admins can allow others; each has a column `who_may_…` of this name."""

    SEND = "send"
    SEND_TO_MANY = "send_to_many"
    SEE_ALL = "see_all"


@dataclass(frozen=True, slots=True)
class ChosenPerson:
    """A person whom the admins chose; `name` is what the page was told."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class ChosenDepartment:
    """A department that the admins chose. `ids` are the departments meant: itself, and with `below` those that stood below it then."""

    id: int
    name: str
    below: bool
    ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Whom the admins gave one right."""

    people: tuple[ChosenPerson, ...] = ()
    departments: tuple[ChosenDepartment, ...] = ()

    def to_json(self) -> dict[str, object]:
        """What Portal.chosen keeps under the right's name."""
        return asdict(self)


def chosen(portal: Portal, right: Right) -> Chosen:
    """Whom the admins of the portal chose for this right, whether or not it is for chosen ones now."""
    kept = portal.chosen.get(right.value, {})
    return Chosen(
        tuple(ChosenPerson(**each) for each in kept.get("people", ())),
        tuple(ChosenDepartment(**each) for each in kept.get("departments", ())),
    )


def nameless(kept: Mapping[str, Any]) -> dict[str, Any]:
    """Portal.chosen with numbers in place of people's names: what a removal leaves of the rights."""
    return {
        right: {**given, "people": [{**each, "name": f"#{each['id']}"} for each in given.get("people", ())]}
        for right, given in kept.items()
    }


def is_admin(person: PortalUser) -> bool:
    """Whether the portal said that this person administers it."""
    return person.is_admin


def may_send(person: PortalUser) -> bool:
    """Whether this person may send notifications to people chosen one by one. Who may send to many may do that as well."""
    return _has(person, Right.SEND) or may_send_to_many(person)


def may_send_to_many(person: PortalUser) -> bool:
    """Whether this person may send to more people than can be chosen one by one for one click, to departments, or to everyone."""
    return _has(person, Right.SEND_TO_MANY)


def may_see_all(person: PortalUser) -> bool:
    """Whether this person sees and may take back everything the app sent on the portal, or sees only what they sent or received."""
    return _has(person, Right.SEE_ALL)


def may_take_back(person: PortalUser) -> bool:
    """Whether this person may take back notifications: their own, or anybody's who may see all."""
    return may_send(person) or may_see_all(person)


def _has(person: PortalUser, right: Right) -> bool:
    if person.is_admin:
        return True
    who = getattr(person.portal, f"who_may_{right}")
    return who == Portal.Who.EVERYONE or (who == Portal.Who.CHOSEN and _is_chosen(person, chosen(person.portal, right)))


def _is_chosen(person: PortalUser, given: Chosen) -> bool:
    departments = {number for department in given.departments for number in department.ids}
    return any(each.id == person.user_id for each in given.people) or not departments.isdisjoint(person.departments)
