"""Giving rights: what the admins of a portal chose is stored so that asking for a right takes no call (b24app.roles)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction

from b24app import activity, roles
from b24app.models import Portal, PortalUser
from b24app.roles import Chosen, ChosenDepartment, ChosenPerson, Right
from notifications import departments
from notifications.audience import Branch
from notifications.departments import Tree

LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class Given:
    """To whom a right is given: `who` is a Portal.Who; `people` (id and name) and `branches` count while that is CHOSEN."""

    who: str
    people: Sequence[tuple[int, str]] = ()
    branches: Sequence[Branch] = ()


def give(person: PortalUser, rights: Mapping[Right, Given]) -> list[Right]:
    """Store all of the rights for the person's portal and return those that are others now.

    Asks the portal for its structure where sub-departments are meant; raises RestError, and nothing is stored, when it does not tell.
    """
    tree = departments.of(person) if any(branch.below for given in rights.values() for branch in given.branches) else None
    chosen = {right.value: _chosen(given, tree).to_json() for right, given in rights.items()}
    who = {f"who_may_{right}": given.who for right, given in rights.items()}
    with transaction.atomic():
        before = Portal.objects.select_for_update().get(pk=person.portal_id)
        Portal.objects.filter(pk=before.pk).update(chosen=before.chosen | chosen, **who)
        after = Portal.objects.get(pk=before.pk)
        changed = [each for each in rights if _is_another(each, before, after)]
        if changed:
            activity.note(person, activity.Kind.SETTINGS, settings={f"who_may_{each}": rights[each].who for each in changed})
    return changed


def _is_another(right: Right, before: Portal, after: Portal) -> bool:
    column = f"who_may_{right}"
    return getattr(before, column) != getattr(after, column) or roles.chosen(before, right) != roles.chosen(after, right)


def _chosen(given: Given, tree: Tree | None) -> Chosen:
    return Chosen(
        tuple(ChosenPerson(number, name[:LONGEST_NAME]) for number, name in given.people),
        tuple(_department(branch, tree) for branch in given.branches),
    )


def _department(branch: Branch, tree: Tree | None) -> ChosenDepartment:
    ids = tree.with_below(branch.id) if branch.below and tree else {branch.id}
    return ChosenDepartment(branch.id, branch.name[:LONGEST_NAME], branch.below, sorted(ids))
