"""People of a portal as recipients: their rows, and their names from user.get."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from b24app.models import Portal, PortalUser
from b24app.pictures import picture
from b24app.rest.calls import Answer, Call
from b24app.rest.errors import RestError
from notifications.shapes import LARGEST_ID, flag, integer, mapping, members, text

PAGE = 50
"""People in one answer of user.get (bitrix24.md 7)."""

STORED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Found:
    """A colleague whom a search found."""

    id: int
    name: str
    photo: str
    position: str


@dataclass(frozen=True, slots=True)
class Person:
    """A person as user.get tells: `email` and `departments` are empty unless they were asked for."""

    id: int
    name: str
    photo: str = ""
    is_active: bool = True
    is_employee: bool = True
    email: str = ""
    departments: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Page:
    """Up to 50 people, and how many fit the conditions in all (None where that was not counted)."""

    people: tuple[Person, ...]
    total: int | None


def rows(portal: Portal, user_ids: Sequence[int]) -> dict[int, PortalUser]:
    """The rows of these people by user id; whoever the app has not met yet gets a nameless row."""
    PortalUser.objects.bulk_create((PortalUser(portal=portal, user_id=user_id) for user_id in user_ids), ignore_conflicts=True)
    return {person.user_id: person for person in PortalUser.objects.filter(portal=portal, user_id__in=user_ids)}


def names(user_ids: Iterable[int]) -> Call[dict[int, tuple[str, str]]]:
    """user.get for up to 50 ids: name and photo address by user id; people the caller may not see are missing (page user/user-get)."""
    return Call("user.get", {"FILTER": {"ID": list(user_ids)}}, _names, repeatable=True)


def search(name: str) -> Call[dict[int, tuple[str, str]]]:
    """user.search by the beginnings of a person's names: name and photo address by user id, the first page only (page user/user-search)."""
    return Call("user.search", {"FILTER": {"FIND": name}}, _names, repeatable=True)


def colleagues(words: str) -> Call[list[Found]]:
    """user.search by name, last name, position or department: the active colleagues among the first page of what it finds.

    Page user/user-search: FIND allows no other filter beside it, so who left or is not of this company is dropped here.
    """
    fields = ["ID", "ACTIVE", "NAME", "LAST_NAME", "EMAIL", "WORK_POSITION", "PERSONAL_PHOTO", "USER_TYPE"]
    return Call("user.search", {"FILTER": {"FIND": words}, "select": fields}, _colleagues, repeatable=True)


def page(conditions: Mapping[str, Any], *also: str, newest_first: bool = False, counted: bool = True) -> Call[Page]:
    """user.get: people who fit `conditions` (its filter), by id; `also` names fields beyond those that every Person has.

    Page user/user-get: operators are prefixes of a filter's names, values may be lists; bots and users of Open Channels are never listed.
    Uncounted (start = -1, page settings/performance/huge-data) it is cheaper for the portal.
    """
    fields = ["ID", "ACTIVE", "NAME", "LAST_NAME", "PERSONAL_PHOTO", "USER_TYPE", *also]
    params = {"FILTER": dict(conditions), "SORT": "ID", "ORDER": "DESC" if newest_first else "ASC", "select": fields}
    return Call("user.get", params if counted else {**params, "start": -1}, _page if counted else _uncounted, repeatable=True)


def store(portal: Portal, found: Sequence[Person]) -> dict[int, int]:
    """Write names and photos of these people into their rows, whoever was not known gets one; returns the rows' numbers by user id.

    A person without a name keeps the one that is known. At most STORED_AT_ONCE people.
    """
    people = [PortalUser(portal=portal, user_id=person.id, name=person.name[:255], photo=person.photo) for person in found]
    PortalUser.objects.bulk_create(
        (person for person in people if person.name),
        update_conflicts=True,
        unique_fields=["portal", "user_id"],
        update_fields=["name", "photo"],
    )
    PortalUser.objects.bulk_create((person for person in people if not person.name), ignore_conflicts=True)
    known = PortalUser.objects.filter(portal=portal, user_id__in=[person.id for person in found])
    return dict(known.values_list("user_id", "pk"))


def store_names(portal: Portal, found: dict[int, tuple[str, str]]) -> None:
    """Write names and photos into the rows of these people."""
    known = list(PortalUser.objects.filter(portal=portal, user_id__in=found))
    for person in known:
        name, person.photo = found[person.user_id]
        person.name = name[:255]
    PortalUser.objects.bulk_update(known, ["name", "photo"])


def _names(answer: Answer) -> dict[int, tuple[str, str]]:
    if not isinstance(answer.result, list | dict):
        raise RestError("BAD_ANSWER")
    people = map(mapping, members(answer.result))
    return {integer(fields.get("ID")): (_full_name(fields), picture(text(fields.get("PERSONAL_PHOTO")))) for fields in people}


def _page(answer: Answer) -> Page:
    return Page(_people(answer), answer.total)


def _uncounted(answer: Answer) -> Page:
    # The documentation shows a total of 0 here, which means nothing.
    return Page(_people(answer), None)


def _people(answer: Answer) -> tuple[Person, ...]:
    if not isinstance(answer.result, list | dict):
        raise RestError("BAD_ANSWER")
    return tuple(_person(fields) for fields in map(mapping, members(answer.result)) if 0 < integer(fields.get("ID")) <= LARGEST_ID)


def _person(fields: Mapping[str, Any]) -> Person:
    return Person(
        id=integer(fields.get("ID")),
        name=f"{text(fields.get('NAME'))} {text(fields.get('LAST_NAME'))}".strip(),
        photo=picture(text(fields.get("PERSONAL_PHOTO"))),
        is_active=flag(fields.get("ACTIVE")),
        is_employee=text(fields.get("USER_TYPE")) in ("", "employee"),
        email=text(fields.get("EMAIL")).strip().casefold(),
        departments=frozenset(map(integer, members(fields.get("UF_DEPARTMENT")))),
    )


def _colleagues(answer: Answer) -> list[Found]:
    if not isinstance(answer.result, list | dict):
        raise RestError("BAD_ANSWER")
    found = [fields for fields in map(mapping, members(answer.result)) if _is_colleague(fields)]
    return [
        Found(integer(fields.get("ID")), _full_name(fields), picture(text(fields.get("PERSONAL_PHOTO"))), text(fields.get("WORK_POSITION")))
        for fields in found
    ]


def _is_colleague(fields: Mapping[str, Any]) -> bool:
    """Whether this is somebody who can receive notifications: active and of this company (bitrix24.md 6.12)."""
    return integer(fields.get("ID")) > 0 and flag(fields.get("ACTIVE")) and text(fields.get("USER_TYPE")) in ("", "employee")


def _full_name(fields: Mapping[str, Any]) -> str:
    return f"{text(fields.get('NAME'))} {text(fields.get('LAST_NAME'))}".strip() or text(fields.get("EMAIL"))
