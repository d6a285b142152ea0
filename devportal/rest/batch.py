"""The batch method (doc: settings/how-to-call-rest-api/batch)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from devportal import phpforms
from devportal.requestlog import Command
from devportal.rest.calls import Answer, RestError, truthy

MAX_COMMANDS = 50
_REFERENCE = re.compile(r"\$result((?:\[[^\]]+\])+)")
_PART = re.compile(r"\[([^\]]+)\]")


@dataclass
class Results:
    """What the commands of a batch gave, by command name."""

    result: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, Any] = field(default_factory=dict)
    total: dict[str, Any] = field(default_factory=dict)
    next: dict[str, Any] = field(default_factory=dict)
    time: dict[str, Any] = field(default_factory=dict)

    def answer(self) -> dict[str, Any]:
        """The five PHP arrays, each a list, an object or `[]` by its keys (recorded by fast_bitrix24)."""
        return {
            "result": phpforms.php_array(self.result),
            "result_error": phpforms.php_array(self.errors),
            "result_total": phpforms.php_array(self.total),
            "result_next": phpforms.php_array(self.next),
            "result_time": phpforms.php_array(self.time),
        }


def commands(cmd: Any) -> list[Command]:
    """The commands in their order; `cmd` is an object or a list of `method?query` strings. Their references are not resolved yet."""
    named = cmd.items() if isinstance(cmd, Mapping) else enumerate(cmd) if isinstance(cmd, list) else ()
    return [_command(str(name), text) for name, text in named if isinstance(text, str)]


def run(cmd: Any, halt: Any, execute: Callable[[str, Mapping[str, Any]], tuple[Answer, dict[str, Any]]]) -> dict[str, Any]:
    """Run the commands one after another. `execute(method, params)` gives answer and time or raises RestError.

    Commands past the fiftieth and nested batches end with their own error (doc: batch); `halt` stops at the first error.
    """
    results = Results()
    for index, command in enumerate(commands(cmd)):
        try:
            if index >= MAX_COMMANDS:
                raise RestError("ERROR_BATCH_LENGTH_EXCEEDED")
            if command.method == "batch":
                raise RestError("ERROR_BATCH_METHOD_NOT_ALLOWED")
            answer, time = execute(command.method, resolve(command.params, results.result))
        except RestError as error:
            results.errors[command.name] = error.body
            if truthy(halt):
                break
            continue
        _keep(results, command.name, answer, time)
    return results.answer()


def resolve(value: Any, results: Mapping[str, Any]) -> Any:
    """Parameters with `$result[name][field]` replaced. A reference alone keeps its type; a missing one becomes '' (a guess)."""
    if isinstance(value, Mapping):
        return {key: resolve(inner, results) for key, inner in value.items()}
    if isinstance(value, list):
        return [resolve(inner, results) for inner in value]
    if not isinstance(value, str):
        return value
    whole = _REFERENCE.fullmatch(value)
    if whole:
        return _referred(whole.group(1), results)
    return _REFERENCE.sub(lambda found: str(_referred(found.group(1), results)), value)


def _command(name: str, text: str) -> Command:
    method, _, query = text.partition("?")
    return Command(name, method.strip().lower(), phpforms.parse(parse_qsl(query, keep_blank_values=True)))


def _referred(path: str, results: Mapping[str, Any]) -> Any:
    found: Any = results
    for part in _PART.findall(path):
        if isinstance(found, Mapping) and part in found:
            found = found[part]
        elif isinstance(found, list) and part.isdecimal() and int(part) < len(found):
            found = found[int(part)]
        else:
            return ""
    return found


def _keep(results: Results, name: str, answer: Answer, time: dict[str, Any]) -> None:
    results.result[name] = answer.result
    results.time[name] = time
    if answer.total is not None:
        results.total[name] = answer.total
    if answer.next is not None:
        results.next[name] = answer.next
