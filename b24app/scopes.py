"""The rights that the app asks portals for: those on the Market's card and no others, and what a portal's own choice comes to."""

from collections.abc import Collection

# `user` comes in three widths. user_basic is the narrowest one with e-mail addresses, by which recipients of a pasted list are found; a
# self-hosted portal with a module `rest` before 21.600.0 has `user` alone (page user/user-scope).
PEOPLE = ("user_basic", "user")
PEOPLE_WITHOUT_ADDRESSES = "user_brief"
NEEDED = ("department", "im", "placement", PEOPLE[0])


def missing(granted: Collection[str]) -> list[str]:
    """What the app needs and the portal has not given."""
    return [name for name in NEEDED if name not in granted and not (name in PEOPLE and any(each in granted for each in PEOPLE))]


def opens_people(granted: Collection[str]) -> bool:
    """Whether the app may ask who somebody is, with addresses or without."""
    return any(name in granted for name in (*PEOPLE, PEOPLE_WITHOUT_ADDRESSES))
