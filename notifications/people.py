"""People of a portal as recipients: their rows, and their names from user.get."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from b24app.models import Portal, PortalUser
from b24app.rest.calls import Answer, Call
from b24app.rest.errors import RestError
from notifications.shapes import flag, integer, mapping, members, text

PAGE = 50
"""People in one answer of user.get (bitrix24.md 7)."""


@dataclass(frozen=True, slots=True)
class Found:
    """A colleague whom a search found."""

    id: int
    name: str
    photo: str
    position: str


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


def store_names(portal: Portal, found: dict[int, tuple[str, str]]) -> None:
    """Write names and photos into the rows of these people."""
    known = list(PortalUser.objects.filter(portal=portal, user_id__in=found))
    for person in known:
        person.name, person.photo = (value[:limit] for value, limit in zip(found[person.user_id], (255, 500), strict=True))
    PortalUser.objects.bulk_update(known, ["name", "photo"])


def _names(answer: Answer) -> dict[int, tuple[str, str]]:
    if not isinstance(answer.result, list | dict):
        raise RestError("BAD_ANSWER")
    people = map(mapping, members(answer.result))
    return {integer(fields.get("ID")): (_full_name(fields), text(fields.get("PERSONAL_PHOTO"))) for fields in people}


def _colleagues(answer: Answer) -> list[Found]:
    if not isinstance(answer.result, list | dict):
        raise RestError("BAD_ANSWER")
    found = [fields for fields in map(mapping, members(answer.result)) if _is_colleague(fields)]
    return [
        Found(integer(fields.get("ID")), _full_name(fields), text(fields.get("PERSONAL_PHOTO")), text(fields.get("WORK_POSITION")))
        for fields in found
    ]


def _is_colleague(fields: Mapping[str, Any]) -> bool:
    """Whether this is somebody who can receive notifications: active and of this company (bitrix24.md 6.12)."""
    return integer(fields.get("ID")) > 0 and flag(fields.get("ACTIVE")) and text(fields.get("USER_TYPE")) in ("", "employee")


def _full_name(fields: Mapping[str, Any]) -> str:
    return f"{text(fields.get('NAME'))} {text(fields.get('LAST_NAME'))}".strip() or text(fields.get("EMAIL"))
