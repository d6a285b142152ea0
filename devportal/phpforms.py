"""PHP's ways with forms and arrays."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

_KEY = re.compile(r"^([^\[]+)((?:\[[^\]]*\])*)$")
_PART = re.compile(r"\[([^\]]*)\]")


def parse(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Form pairs to nested dicts as PHP reads them: `a[b][]=c`. What PHP would call an array with keys 0, 1, 2… becomes a list."""
    root: dict[str, Any] = {}
    for key, value in pairs:
        _place(root, _path(key), value)
    return {key: _lists(value) for key, value in root.items()}


def flatten(value: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Nested structure to form pairs with PHP's bracket keys; True is 1, None is left out."""
    return [pair for key, inner in value.items() for pair in _pairs(key, inner)]


def php_array(value: Mapping[str, Any]) -> Any:
    """A PHP array as json_encode writes it: a list when its keys are 0, 1, 2… in order (so `[]` when empty), else an object."""
    if list(value) == [str(index) for index in range(len(value))]:
        return list(value.values())
    return dict(value)


def _path(key: str) -> list[str]:
    matched = _KEY.match(key)
    return [matched.group(1), *_PART.findall(matched.group(2))] if matched else [key]


def _place(node: dict[str, Any], path: list[str], value: str) -> None:
    for part, following in zip(path, [*path[1:], None], strict=True):
        name = part or _next_index(node)
        if following is None:
            node[name] = value
            return
        inner = node.get(name)
        if not isinstance(inner, dict):
            inner = node[name] = {}
        node = inner


def _next_index(node: dict[str, Any]) -> str:
    return str(max((int(key) for key in node if key.isdecimal()), default=-1) + 1)


def _lists(value: Any) -> Any:
    return php_array({key: _lists(inner) for key, inner in value.items()}) if isinstance(value, dict) else value


def _pairs(key: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        return [pair for inner_key, inner in value.items() for pair in _pairs(f"{key}[{inner_key}]", inner)]
    if isinstance(value, list | tuple):
        return [pair for index, inner in enumerate(value) for pair in _pairs(f"{key}[{index}]", inner)]
    if value is None:
        return []
    return [(key, str(int(value)) if isinstance(value, bool) else str(value))]
