"""What every REST method shares: the call, its caller and parameters, its errors, and the list of methods."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from devportal.faults import DOCUMENTED, METHOD_ERROR_STATUS
from devportal.world import App, Installation, Person, Portal, World

PAGE = 50


class RestError(Exception):
    """A documented REST error: its code, text, HTTP status and further keys of the answer."""

    def __init__(self, code: str, description: str | None = None, status: int | None = None, **more: str) -> None:
        known_status, known_text = DOCUMENTED.get(code, (METHOD_ERROR_STATUS, code))
        super().__init__(code)
        self.code = code
        self.description = description or known_text
        self.status = status or known_status
        self.more = more

    @property
    def body(self) -> dict[str, str]:
        """The answer's JSON."""
        return {"error": self.code, "error_description": self.description, **self.more}


@dataclass(frozen=True)
class Caller:
    """Who calls: over OAuth (with `app` and `installation`), by webhook, or from a portal page's session."""

    kind: Literal["oauth", "webhook", "session"]
    person: Person
    scope: tuple[str, ...]
    budget_key: str
    app: App | None = None
    installation: Installation | None = None


@dataclass(frozen=True)
class Answer:
    """A method's result; list methods also say how many there are and where the next page starts."""

    result: Any
    total: int | None = None
    next: int | None = None


class Params(Mapping[str, Any]):
    """Parameters with names in any case, as the platform takes them (observed in server source)."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._values = {key.upper(): value for key, value in given.items()}

    def __getitem__(self, key: str) -> Any:
        return self._values[key.upper()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def text(self, key: str) -> str:
        """The parameter as text, '' when it is missing or is no scalar."""
        value = self.get(key)
        return str(value) if isinstance(value, str | int | float) else ""

    def integer(self, key: str) -> int:
        """The parameter as PHP's intval reads it."""
        return intval(self.get(key))

    def flag(self, key: str) -> bool:
        """True for PHP's and Bitrix24's ways to say yes."""
        return truthy(self.get(key))


@dataclass(frozen=True)
class Call:
    """One call of one method."""

    world: World
    portal: Portal
    caller: Caller
    params: Params


Handler = Callable[[Call], Any]


@dataclass(frozen=True)
class Method:
    """A method: the scope it needs (None: basic) and what runs it."""

    name: str
    scope: str | None
    run: Handler


METHODS: dict[str, Method] = {}

USER_SCOPES = ("user_brief", "user_basic", "user")
"""Three widths of one scope: each reads what the ones before it read, and more (doc: user/user-scope)."""


def opens(granted: Collection[str], scope: str | None) -> bool:
    """Whether the granted scopes open a method of `scope`; any width of `user` opens those that read people."""
    return scope is None or any(name in granted for name in (USER_SCOPES if scope == "user" else (scope,)))


def method(name: str, scope: str | None = None) -> Callable[[Handler], Handler]:
    """Register a REST method."""

    def register(run: Handler) -> Handler:
        METHODS[name] = Method(name, scope, run)
        return run

    return register


def application(call: Call) -> Installation:
    """The calling application's installation; methods that need one refuse webhooks and sessions (doc: event.bind, placement.bind)."""
    if call.caller.installation is None:
        raise RestError("WRONG_AUTH_TYPE", "Current authorization type is denied for this method Application context required", 403)
    return call.caller.installation


def intval(value: Any) -> int:
    """PHP's intval: leading digits count, anything else is 0."""
    if isinstance(value, bool | int | float):
        return int(value)
    text = value.strip() if isinstance(value, str) else ""
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    leading = digits[: len(digits) - len(digits.lstrip("0123456789"))]
    return sign * int(leading) if leading.isascii() and leading else 0


def truthy(value: Any) -> bool:
    """True for true, 1, "1", "Y", "true"."""
    return value is True or value == 1 or str(value).upper() in {"Y", "TRUE", "1"}


def values(value: Any) -> list[Any] | None:
    """The values of a PHP array (list or object); None when it is neither."""
    if isinstance(value, Mapping):
        return list(value.values())
    return list(value) if isinstance(value, list) else None


def listed(items: list[Any], start: int) -> Answer:
    """One page of `items` from `start` on. A negative start leaves out the count (doc: list-methods-pecularities)."""
    if start < 0:
        return Answer(items[:PAGE])
    following = start + PAGE if start + PAGE < len(items) else None
    return Answer(items[start : start + PAGE], total=len(items), next=following)
