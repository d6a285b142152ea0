"""Whom a dispatch is for: people, departments, everyone, a pasted list, together and with exceptions; and who of those it comes to.

An Audience says what was chosen. A Sieve lets the portal's people through one by one: each once, none that was excepted, and none who
was dismissed or is not of the company unless such are asked for. It remembers whom it held back, and why.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from notifications.departments import Tree
from notifications.errors import InvalidInput
from notifications.people import Person
from notifications.shapes import LARGEST_ID, integer, mapping, members, text

MOST_AT_ONCE = 50
"""People named one by one who are sent to in the click itself."""

NOT_TO_MANY = gettext_lazy(
    "You may send only to people chosen one by one, 50 at most. An administrator of your portal can give you the right to send to many."
)

MOST_LISTED = 20_000
MOST_NAMES = 50
"""Names that are kept of those who were left out for one reason; the rest are counted."""

_ID = re.compile(r"[1-9]\d{0,18}", re.ASCII)
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")
_BETWEEN = re.compile(r"[\s,;]+")


class Reason(StrEnum):
    """Why somebody was left out."""

    DISMISSED = "dismissed"
    EXTERNAL = "external"
    EXCEPTED = "excepted"
    NOT_FOUND = "not_found"


@dataclass(frozen=True, slots=True)
class Branch:
    """A chosen department, with all departments below it or without them; `name` is what the page was told."""

    id: int
    name: str
    below: bool = True


@dataclass(frozen=True, slots=True)
class Audience:
    """What was chosen. `listed` are user ids and e-mail addresses as pasted; `pasted` counts them when they themselves are forgotten."""

    people: tuple[int, ...] = ()
    branches: tuple[Branch, ...] = ()
    everyone: bool = False
    listed: tuple[str, ...] = ()
    except_people: tuple[int, ...] = ()
    except_branches: tuple[Branch, ...] = ()
    also_gone: bool = False
    pasted: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether nobody at all was chosen."""
        return not (self.people or self.branches or self.everyone or self.listed)

    @property
    def is_handful(self) -> bool:
        """Whether it is nothing but people named one by one, few enough for one call."""
        more = self.branches or self.everyone or self.listed or self.except_people or self.except_branches
        return 0 < len(self.people) <= MOST_AT_ONCE and not more

    @property
    def needs_tree(self) -> bool:
        """Whether it takes the company's structure to know whom it means."""
        return any(branch.below for branch in (*self.branches, *self.except_branches))

    @property
    def ids(self) -> list[int]:
        """The user ids that were named, each once."""
        return list(dict.fromkeys((*self.people, *(int(entry) for entry in self.listed if _ID.fullmatch(entry)))))

    @property
    def emails(self) -> list[str]:
        """The addresses that were named, each once whatever its letters."""
        return list({entry.casefold(): entry for entry in self.listed if not _ID.fullmatch(entry)}.values())

    def check(self) -> None:
        """Raises InvalidInput, for the field `recipients`, when nobody was chosen, and for `listed` when an entry cannot be understood."""
        if self.is_empty:
            raise InvalidInput("recipients", _("Nobody is chosen. Choose at least one person."))
        if len(self.listed) > MOST_LISTED:
            raise InvalidInput("listed", _("The list can have %(limit)d entries at most. Shorten it.") % {"limit": MOST_LISTED})
        if wrong := [entry for entry in self.listed if not _is_understood(entry)]:
            raise InvalidInput(
                "listed",
                _("Neither a user id nor an e-mail address: %(entries)s. Correct or remove what is wrong.") % {"entries": _few(wrong)},
            )

    def to_json(self) -> dict[str, Any]:
        """What Dispatch.audience keeps: what is not empty."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items() if value}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Audience":
        """What `to_json` wrote."""
        return cls(
            people=_numbers(kept.get("people")),
            branches=_branches(kept.get("branches")),
            everyone=kept.get("everyone") is True,
            listed=tuple(map(text, members(kept.get("listed")))),
            except_people=_numbers(kept.get("except_people")),
            except_branches=_branches(kept.get("except_branches")),
            also_gone=kept.get("also_gone") is True,
            pasted=integer(kept.get("pasted")),
        )

    def forgetful(self) -> "Audience":
        """The same without the pasted entries: people's addresses are not kept once they have served."""
        return replace(self, listed=(), pasted=len(self.listed) or self.pasted)

    def said(self) -> list[str]:
        """What was chosen, in a person's words: the parts first, then the exceptions."""
        listed = len(self.listed) or self.pasted
        parts = [_("Everyone")] if self.everyone else []
        parts += [_said(branch) for branch in self.branches]
        if self.people:
            parts.append(ngettext("%(count)d person", "%(count)d people", len(self.people)) % {"count": len(self.people)})
        if listed:
            parts.append(ngettext("%(count)d entry of a list", "%(count)d entries of a list", listed) % {"count": listed})
        excepted = [_said(branch) for branch in self.except_branches]
        if self.except_people:
            number = len(self.except_people)
            excepted.append(ngettext("%(count)d person", "%(count)d people", number) % {"count": number})
        return parts + [_("except: %(who)s") % {"who": each} for each in excepted]


@dataclass
class LeftOut:
    """Who was left out for one reason: how many, and the first of their names."""

    count: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, name: str, *, counted: bool = False) -> None:
        """One more; `counted` when the number has them already."""
        self.count += not counted
        if len(self.names) < MOST_NAMES:
            self.names.append(name)


class Sieve:
    """Lets through who is a recipient. `tree` is needed where departments are meant together with those below them."""

    def __init__(self, audience: Audience, tree: Tree | None = None) -> None:
        self._audience = audience
        self._excepted = frozenset(audience.except_people)
        self._chosen_departments = departments_of(audience.branches, tree)
        self._excepted_departments = departments_of(audience.except_branches, tree)
        self._seen: set[int] = set()
        self.left_out = {reason: LeftOut() for reason in Reason}

    @property
    def departments(self) -> list[int]:
        """The numbers of all departments whose people were chosen."""
        return sorted(self._chosen_departments)

    def sift(self, people: Iterable[Person]) -> list[Person]:
        """Those of the people who are recipients and did not come before. Somebody who was left out is left out once."""
        passed = []
        for person in people:
            if person.id in self._seen:
                continue
            self._seen.add(person.id)
            if reason := self._reason(person):
                self.left_out[reason].add(_name(person), counted=reason is not Reason.EXCEPTED and self._is_counted(person))
            else:
                passed.append(person)
        return passed

    def missing(self, names: Iterable[str]) -> None:
        """Note what was named but not found."""
        for name in names:
            self.left_out[Reason.NOT_FOUND].add(name)

    def count(self, reason: Reason, number: int) -> None:
        """Note how many of the departments, or of everyone, were not even read, for this reason."""
        self.left_out[reason].count += max(0, number)

    def has_seen(self, user_id: int) -> bool:
        """Whether this person came by, recipient or not."""
        return user_id in self._seen

    def _reason(self, person: Person) -> Reason | None:
        if not self._audience.also_gone and not person.is_active:
            return Reason.DISMISSED
        if not self._audience.also_gone and not person.is_employee:
            return Reason.EXTERNAL
        if person.id in self._excepted or person.departments & self._excepted_departments:
            return Reason.EXCEPTED
        return None

    def _is_counted(self, person: Person) -> bool:
        """Whether the count of everyone or of the departments (Sieve.count) has this person."""
        return self._audience.everyone or bool(person.departments & self._chosen_departments)


def departments_of(branches: Iterable[Branch], tree: Tree | None) -> frozenset[int]:
    """The numbers of the departments that are meant."""
    found: set[int] = set()
    for branch in branches:
        found |= tree.with_below(branch.id) if branch.below and tree else {branch.id}
    return frozenset(found)


def entries(pasted: str) -> tuple[str, ...]:
    """The entries of a pasted list: between them stand spaces, line breaks, commas or semicolons. Angle brackets around one are dropped."""
    return tuple(dict.fromkeys(entry.strip("<>\"'") for entry in _BETWEEN.split(pasted) if entry.strip("<>\"'")))


REASONS = {
    Reason.DISMISSED: gettext_lazy("Dismissed"),
    Reason.EXTERNAL: gettext_lazy("Not of this company"),
    Reason.EXCEPTED: gettext_lazy("Excepted"),
    Reason.NOT_FOUND: gettext_lazy("Not found"),
}


def _is_understood(entry: str) -> bool:
    return int(entry) <= LARGEST_ID if _ID.fullmatch(entry) else bool(_EMAIL.fullmatch(entry))


def _few(wrong: list[str]) -> str:
    shown = ", ".join(_("“%(text)s”") % {"text": entry[:40]} for entry in wrong[:5])
    return shown if len(wrong) <= 5 else f"{shown}, …"


def _numbers(kept: Any) -> tuple[int, ...]:
    return tuple(map(integer, members(kept)))


def _branches(kept: Any) -> tuple[Branch, ...]:
    fields = map(mapping, members(kept))
    return tuple(Branch(integer(each.get("id")), text(each.get("name")), each.get("below") is True) for each in fields)


def _said(branch: Branch) -> str:
    return _("%(department)s and sub-departments") % {"department": branch.name} if branch.below else branch.name


def _name(person: Person) -> str:
    return person.name or f"#{person.id}"
