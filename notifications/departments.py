"""The company's structure: department.get, and the tree that it makes (scope `department`)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from django.core.cache import cache

from b24app.models import PortalUser
from b24app.rest.calls import Answer, Call
from b24app.rest.client import LARGEST_BATCH, PortalClient, as_person
from b24app.rest.errors import RestError
from notifications.shapes import integer, mapping, members, text

PAGE = 50
"""Departments in one answer (page departments/department-get)."""

CACHED_SECONDS = 60
MOST_FOUND = 50


@dataclass(frozen=True, slots=True)
class Department:
    """A department; `parent` is 0 for the company itself."""

    id: int
    name: str
    parent: int = 0
    sort: int = 500


class Tree:
    """The departments of a portal. What refers to a parent that is not among them stands at the top."""

    def __init__(self, found: Iterable[Department]) -> None:
        self.departments = {each.id: each for each in sorted(found, key=lambda each: (each.sort, each.name.casefold(), each.id))}
        self._children: dict[int, list[Department]] = {}
        for each in self.departments.values():
            above = each.parent if each.parent in self.departments else 0
            self._children.setdefault(above, []).append(each)

    def children(self, number: int) -> list[Department]:
        """The departments right below this one, in the portal's order; those at the top for 0."""
        return self._children.get(number, [])

    def with_below(self, number: int) -> set[int]:
        """This department and all below it."""
        found: set[int] = set()
        waiting = [number]
        while waiting:
            each = waiting.pop()
            if each not in found:
                found.add(each)
                waiting.extend(child.id for child in self.children(each))
        return found

    def path(self, department: Department) -> list[str]:
        """The names of what stands above, from the top."""
        names: list[str] = []
        passed = {department.id}
        above = self.departments.get(department.parent)
        # A portal's data could lead in a circle.
        while above and above.id not in passed:
            passed.add(above.id)
            names.insert(0, above.name)
            above = self.departments.get(above.parent)
        return names

    def search(self, words: str) -> list[Department]:
        """Departments whose name has every one of the words, those first that begin with them."""
        wanted = words.casefold().split()
        found = [each for each in self.departments.values() if all(word in each.name.casefold() for word in wanted)]
        return sorted(found, key=lambda each: not each.name.casefold().startswith(" ".join(wanted)))


@dataclass(frozen=True, slots=True)
class _Page:
    departments: tuple[Department, ...]
    total: int


def page(start: int = 0) -> Call[_Page]:
    """department.get: 50 departments from `start` on, by id, and how many there are."""
    return Call("department.get", {"sort": "ID", "order": "ASC", "START": start}, _page, repeatable=True)


def read(client: PortalClient) -> Tree:
    """All departments, in one request for the first fifty and one for each 2,500 more. Raises RestError."""
    first = client.run(page())
    found = list(first.departments)
    starts = list(range(PAGE, first.total, PAGE))
    for at in range(0, len(starts), LARGEST_BATCH):
        for outcome in client.run_batch({str(start): page(start) for start in starts[at : at + LARGEST_BATCH]}).values():
            if outcome.error is not None:
                raise outcome.error
            found.extend(cast(_Page, outcome.value).departments)
    return Tree(found)


def of(person: PortalUser) -> Tree:
    """The departments as this person's token shows them, kept for a minute. Raises RestError."""
    key = f"departments:{person.pk}"
    found: list[Department] | None = cache.get(key)
    if found is not None:
        return Tree(found)
    tree = read(as_person(person))
    cache.set(key, list(tree.departments.values()), CACHED_SECONDS)
    return tree


def _page(answer: Answer) -> _Page:
    if not isinstance(answer.result, list | dict):
        raise RestError("BAD_ANSWER")
    found = [_department(mapping(fields)) for fields in members(answer.result)]
    return _Page(tuple(each for each in found if each.id > 0), answer.total or 0)


def _department(fields: Mapping[str, Any]) -> Department:
    sort = integer(fields.get("SORT"))
    return Department(integer(fields.get("ID")), text(fields.get("NAME")), integer(fields.get("PARENT")), sort)
