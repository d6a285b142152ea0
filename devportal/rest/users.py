"""user.*, profile and department.get (doc: api-reference/user, common/users, departments)."""

import re
from collections.abc import Callable, Mapping
from operator import eq, ge, gt, le, lt
from typing import Any

from devportal.rest.calls import USER_SCOPES, Answer, Call, Params, intval, listed, method, truthy, values
from devportal.world import Department, Person

_OPERATOR = re.compile(r"^(!=%|!%=|=%|%=|!%|!@|!=|>=|<=|>|<|@|%|=|!)?(.*)$")
_LIKE = {"%", "=%", "%="}
_NUMERIC = {"ID", "UF_DEPARTMENT", "PARENT", "UF_HEAD", "SORT"}
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {"=": eq, ">": gt, ">=": ge, "<": lt, "<=": le}
_HIDDEN = {"user": frozenset[str](), "user_basic": frozenset({"LAST_LOGIN", "PERSONAL_WWW"})}
_HIDDEN["user_brief"] = _HIDDEN["user_basic"] | {"EMAIL"}
_SEARCHED = ("NAME", "LAST_NAME", "WORK_POSITION")


def user_fields(person: Person) -> dict[str, Any]:
    """A user as user.get shows it; numbers are strings, a photo is there only when one was uploaded."""
    fields: dict[str, Any] = {
        "ID": str(person.id),
        "ACTIVE": person.active,
        "NAME": person.name,
        "LAST_NAME": person.last_name,
        "SECOND_NAME": person.second_name,
        "EMAIL": person.email,
        "LAST_LOGIN": person.registered.isoformat(),
        "DATE_REGISTER": person.registered.isoformat(),
        "TIME_ZONE": person.time_zone,
        "IS_ONLINE": "Y" if person.active else "N",
        "TIMESTAMP_X": [],
        "LAST_ACTIVITY_DATE": [],
        "PERSONAL_GENDER": person.gender,
        "PERSONAL_WWW": "",
        "PERSONAL_BIRTHDAY": "",
        "WORK_POSITION": person.position,
        "UF_EMPLOYMENT_DATE": "",
        "UF_DEPARTMENT": list(person.departments),
        "USER_TYPE": "extranet" if person.external else "employee",
    }
    if person.photo:
        fields["PERSONAL_PHOTO"] = person.photo
    return fields


def _hidden(call: Call) -> frozenset[str]:
    """Fields that the widest granted scope leaves out, in filters as in answers, without an error (doc: user/user-scope)."""
    return next(_HIDDEN[name] for name in reversed(USER_SCOPES) if name in call.caller.scope)


def _visible(call: Call, person: Person) -> dict[str, Any]:
    hidden = _hidden(call)
    return {name: value for name, value in user_fields(person).items() if name not in hidden}


@method("user.get", "user")
def user_get(call: Call) -> Answer:
    """Users by FILTER (or by fields beside it), sorted, 50 a page."""
    given = call.params.get("FILTER")
    wanted = given if isinstance(given, Mapping) else {key: value for key, value in call.params.items() if _is_field(key)}
    hidden = _hidden(call)
    wanted = {key: value for key, value in wanted.items() if _name(key) not in hidden}
    people = _within_ids(list(call.portal.people.values()), wanted)
    found = [fields for fields in (_visible(call, person) for person in people) if _matches(fields, wanted)]
    return listed([_selected(fields, call.params) for fields in _sorted(found, call.params, "ID")], call.params.integer("START"))


@method("user.search", "user")
def user_search(call: Call) -> Answer:
    """Active users by FIND over name, last name, position and department, or by single fields (prefixes of words; a guess)."""
    given = call.params.get("FILTER")
    wanted = Params(given if isinstance(given, Mapping) else call.params)
    departments = call.portal.departments
    found = [_visible(call, person) for person in call.portal.people.values() if person.active and _found(person, wanted, departments)]
    return listed([_selected(fields, call.params) for fields in _sorted(found, call.params, "ID")], call.params.integer("START"))


@method("user.current", "user")
def user_current(call: Call) -> dict[str, Any]:
    """The caller."""
    return _visible(call, call.caller.person)


@method("user.admin")
def user_admin(call: Call) -> bool:
    """May the caller manage applications?"""
    return call.caller.person.admin


@method("profile")
def profile(call: Call) -> dict[str, Any]:
    """The caller's basic data, without any scope."""
    person = call.caller.person
    fields = user_fields(person)
    shown = {"ID": fields["ID"], "ADMIN": person.admin, "NAME": person.name, "LAST_NAME": person.last_name}
    shown |= {"PERSONAL_GENDER": person.gender, "TIME_ZONE": person.time_zone}
    return shown | ({"PERSONAL_PHOTO": person.photo} if person.photo else {})


@method("department.get", "department")
def department_get(call: Call) -> Answer:
    """Departments by their fields, 50 a page."""
    wanted = {key: value for key, value in call.params.items() if key in {"ID", "NAME", "PARENT", "UF_HEAD"}}
    found = [fields for fields in map(_department_fields, call.portal.departments.values()) if _matches(fields, wanted)]
    return listed(_sorted(found, call.params, "ID"), call.params.integer("START"))


def _department_fields(department: Department) -> dict[str, Any]:
    fields: dict[str, Any] = {"ID": str(department.id), "NAME": department.name, "SORT": department.sort}
    if department.parent is not None:
        fields["PARENT"] = str(department.parent)
    if department.head is not None:
        fields["UF_HEAD"] = str(department.head)
    return fields


def _within_ids(people: list[Person], wanted: Mapping[str, Any]) -> list[Person]:
    """Those whom the conditions on ID leave: what a database's index does, before the other conditions are looked at."""
    for key, value in wanted.items():
        if key.upper() in (">=ID", "<ID"):
            compare, bound = (ge, intval(value)) if key.startswith(">") else (lt, intval(value))
            people = [person for person in people if compare(person.id, bound)]
        elif key.upper() == "ID":
            named = values(value)
            ids = set(map(intval, named if named is not None else [value]))
            people = [person for person in people if person.id in ids]
    return people


def _is_field(key: str) -> bool:
    return _name(key) in _FILTER_FIELDS


def _name(key: str) -> str:
    """The field of a filter's key, without its operator."""
    matched = _OPERATOR.match(key)
    return matched.group(2).upper() if matched else ""


def _matches(fields: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(_condition(fields, key.upper(), value) for key, value in wanted.items())


def _condition(fields: Mapping[str, Any], key: str, value: Any) -> bool:
    matched = _OPERATOR.match(key)
    operator, name = (matched.group(1) or "=", matched.group(2)) if matched else ("=", key)
    if name == "NAME_SEARCH":
        return str(value).casefold() in f"{fields['NAME']} {fields['LAST_NAME']}".casefold()
    negated = operator.startswith("!")
    positive = operator.lstrip("!") or "="
    found = any(_compare(_comparable(name, actual), positive, value, name) for actual in _actual(fields, name))
    return found != negated


def _actual(fields: Mapping[str, Any], name: str) -> list[Any]:
    actual = fields.get(name, "")
    return actual if isinstance(actual, list) and actual else [actual]


def _comparable(name: str, value: Any) -> Any:
    if name == "ACTIVE":
        return truthy(value)
    return intval(value) if name in _NUMERIC else str(value).casefold()


def _compare(actual: Any, operator: str, value: Any, name: str) -> bool:
    choices = values(value)
    wanted = [_comparable(name, choice) for choice in (choices if choices is not None else [value])]
    if operator in _LIKE:
        return any(_like(str(actual), str(choice), whole=operator != "%") for choice in wanted)
    compare = _COMPARISONS.get(operator, _COMPARISONS["="])
    return any(compare(actual, choice) for choice in wanted)


def _like(actual: str, pattern: str, *, whole: bool) -> bool:
    if not whole:
        return pattern in actual
    return re.fullmatch(".*".join(map(re.escape, pattern.split("%"))), actual) is not None


def _sorted(found: list[dict[str, Any]], params: Params, default: str) -> list[dict[str, Any]]:
    key = params.text("SORT").upper() or default
    backwards = params.text("ORDER").upper() == "DESC"
    return sorted(found, key=lambda fields: _comparable(key, fields.get(key, "")), reverse=backwards)


def _selected(fields: dict[str, Any], params: Params) -> dict[str, Any]:
    select = values(params.get("SELECT"))
    if not select or "*" in select:
        return fields
    return {key: value for key, value in fields.items() if key in select or ("UF_*" in select and key.startswith("UF_"))}


def _found(person: Person, wanted: Params, departments: Mapping[int, Department]) -> bool:
    fields = user_fields(person)
    fields["UF_DEPARTMENT_NAME"] = " ".join(departments[id_].name for id_ in person.departments if id_ in departments)
    if wanted.text("FIND"):
        everything = " ".join(str(fields[key]) for key in (*_SEARCHED, "UF_DEPARTMENT_NAME"))
        return all(_word_starts(everything, word) for word in wanted.text("FIND").split())
    asked = [key for key in (*_SEARCHED, "UF_DEPARTMENT_NAME", "USER_TYPE") if wanted.text(key)]
    return all(_word_starts(str(fields[key]), wanted.text(key)) for key in asked)


def _word_starts(text: str, start: str) -> bool:
    whole, wanted = text.casefold(), start.casefold()
    return any(word.startswith(wanted) for word in (whole, *re.split(r"[\s-]+", whole)))


_FILTER_FIELDS = frozenset({*user_fields(Person(0, "", "", "")), "PERSONAL_PHOTO", "NAME_SEARCH"})
