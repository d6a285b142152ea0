"""People and departments as the pages show them."""

from dataclasses import dataclass, field

from devportal.people import Department, Person


@dataclass(frozen=True)
class Face:
    """One person for a template or a picker's list. `colour` is the last digit of the id, as the portal colours avatars."""

    id: int
    name: str
    position: str
    email: str
    departments: str
    admin: bool
    active: bool
    external: bool

    @property
    def initials(self) -> str:
        """First letters of the first two words of the name."""
        return "".join(word[0] for word in self.name.split()[:2]).upper()

    @property
    def colour(self) -> int:
        return self.id % 10

    @property
    def url(self) -> str:
        """The person's page on this portal."""
        return f"/company/personal/user/{self.id}/"


@dataclass
class Branch:
    """A department with its children and how many active people work directly in it."""

    id: int
    name: str
    count: int
    children: list["Branch"] = field(default_factory=list)


def face(person: Person, departments: dict[int, Department]) -> Face:
    """The person as the pages show them."""
    names = [departments[id_].name for id_ in person.departments if id_ in departments]
    return Face(
        id=person.id,
        name=person.full_name,
        position=person.position,
        email=person.email,
        departments=", ".join(names),
        admin=person.admin,
        active=person.active,
        external=person.external,
    )


def matches(person: Person, text: str) -> bool:
    """Whether a search for `text` finds the person: by name, position or exact id; an empty text finds everybody."""
    text = text.casefold()
    return text in person.full_name.casefold() or text in person.position.casefold() or text == str(person.id)


def tree(departments: dict[int, Department], people: list[Person]) -> list[Branch]:
    """The departments as a tree."""
    counts = {id_: sum(person.active and id_ in person.departments for person in people) for id_ in departments}
    branches = {id_: Branch(id_, department.name, counts[id_]) for id_, department in departments.items()}
    for id_, department in departments.items():
        if department.parent in branches:
            branches[department.parent].children.append(branches[id_])
    return [branches[id_] for id_, department in departments.items() if department.parent not in branches]
