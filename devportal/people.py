"""Fictional people and departments. Every name is invented; the same portal always gets the same people."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache

FOUNDED = datetime(2024, 3, 1, 9, 0, tzinfo=UTC)


@dataclass
class Department:
    """One department of a portal. `parent` is None for the company itself; `head` is a person's id."""

    id: int
    name: str
    parent: int | None = None
    head: int | None = None
    sort: int = 500


@dataclass
class Person:
    """One user of a portal, as user.get knows it. `muted` holds client_ids of apps whose notifications the person switched off."""

    id: int
    name: str
    last_name: str
    email: str
    position: str = ""
    second_name: str = ""
    gender: str = "F"
    time_zone: str = "Europe/Berlin"
    departments: list[int] = field(default_factory=lambda: [1])
    admin: bool = False
    active: bool = True
    external: bool = False
    photo: str = ""
    registered: datetime = FOUNDED
    muted: set[str] = field(default_factory=set)

    @property
    def full_name(self) -> str:
        """Name and last name, as the portal shows them."""
        return f"{self.name} {self.last_name}".strip()


_DEPARTMENTS = (
    (1, "{company}", None),
    (3, "Sales", 1),
    (5, "Support", 1),
    (8, "Entwicklung", 1),
    (11, "Бухгалтерия", 1),
    (14, "Support Süd", 5),
)

_MANY = 100
_FIRST_TEAM, _TEAMS = 20, 60

_FEW = (
    ("Marta", "Quellenbach", "F", "Head of operations", 1),
    ("Ilmari", "Vuorenkoski", "M", "System administrator", 8),
    ("Вера", "Листопадова", "F", "Главный бухгалтер", 11),
    ("Jörg", "Tannenwälder", "M", "Entwickler", 8),
    ("Céline", "Bruyèrelle", "F", "Account manager", 3),
    ("Тимур", "Заозёрцев", "M", "Бухгалтер", 11),
    ("Núria", "Camposolar", "F", "Support lead", 5),
    ("Øyvind", "Fjellbekkdal", "M", "Support engineer", 5),
    ("Агата", "Полынникова", "F", "Менеджер по продажам", 3),
    ("Dilek", "Gümüşdağlı", "F", "Support engineer", 14),
    ("Bram", "van der Hazelhoek", "M", "Sales manager", 3),
    ("Zofia", "Wrzosowicka", "F", "Developer", 8),
)

# A name is of one script, and its family name fits women and men alike.
_SCRIPTS = (
    (
        (
            ("Anneli", "F"), ("Borys", "M"), ("Dorian", "M"), ("Eluned", "F"), ("Fjodor", "M"), ("Greta", "F"), ("Hákon", "M"),
            ("Joaquim", "M"), ("Kirsi", "F"), ("Mireia", "F"), ("Niilo", "M"), ("Oksana", "F"), ("Pelle", "M"), ("Szymon", "M"),
            ("Tülay", "F"), ("Umberto", "M"),
        ),
        ("Birken", "Stein", "Morgen", "Silber", "Haver", "Nord", "Ruis", "Åker", "Jezior"),
        ("thal", "brück", "lund", "feld", "niemi", "ström", "linna", "dahl"),
    ),
    (
        (("Светозара", "F"), ("Ирма", "F"), ("Лука", "M"), ("Рогнеда", "F")),
        ("Север", "Лес", "Вишн", "Полын"),
        ("ович", "енко", "нюк", "юк"),
    ),
)  # fmt: skip
_OF_TEN_LATIN = 8


def departments(company: str, people: int = 0) -> dict[int, Department]:
    """The departments of a portal by id; the first is the company itself. With many people there are teams below, and teams of teams."""
    made = {id_: Department(id_, name.format(company=company), parent) for id_, name, parent in _DEPARTMENTS}
    for number in range(_TEAMS if people >= _MANY else 0):
        parent = made[_DEPARTMENTS[1:][number % 5][0] if number < 20 else _FIRST_TEAM + number - 20]
        made[_FIRST_TEAM + number] = Department(_FIRST_TEAM + number, f"{parent.name}-{number // 5 + 1}", parent.id)
    for person_id, department_id in ((1, 1), (2, 8), (3, 11), (7, 5), (11, 3)):
        made[department_id].head = person_id
    return made


def staff(count: int, *, domain: str, seed: int) -> dict[int, Person]:
    """`count` people by id. Ids 1 and 2 are admins, 3 an ordinary person; beyond twelve the names are put together by `seed`."""
    made: dict[int, Person] = {}
    for id_, (name, last_name, gender, position, department) in enumerate(_FEW[:count], start=1):
        made[id_] = Person(id_, name, last_name, f"person{id_}@{domain}", position, gender=gender, departments=[department], admin=id_ <= 2)
    for id_, (name, last_name, gender, department) in enumerate(_made_up(count - len(_FEW), seed), start=len(_FEW) + 1):
        place = _FIRST_TEAM + id_ // 4 % _TEAMS if count >= _MANY and id_ % 4 == 0 else department
        made[id_] = Person(id_, name, last_name, f"person{id_}@{domain}", "Specialist", gender=gender, departments=[place])
    return made


@cache
def _made_up(count: int, seed: int) -> tuple[tuple[str, str, str, int], ...]:
    """Name, last name, gender and department; kept, because tests start a world over again and again."""
    chance = random.Random(seed)
    made = []
    for _ in range(count):
        given, start, end = _SCRIPTS[chance.randrange(10) >= _OF_TEN_LATIN]
        name, gender = chance.choice(given)
        last_name = chance.choice(start) + chance.choice(end)
        made.append((name, last_name, gender, chance.choice(_DEPARTMENTS[1:])[0]))
    return tuple(made)
