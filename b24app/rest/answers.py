"""How a portal's answers read: plain JSON, PHP's shapes, errors in either case, and what is no answer at all."""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from b24app.rest.budget import reset_time
from b24app.rest.calls import Answer
from b24app.rest.errors import RestError
from b24app.rest.transport import Reply

_CODE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


def failure(reply: Reply) -> RestError | None:
    """The error that `reply` carries, None when it is a successful answer.

    A 200 can carry `error`, and a body can be HTML (bitrix24.md 5). BAD_ANSWER leaves the outcome unknown: the work may be done.
    """
    content = reply.content
    code = _code(content.get("error")) if isinstance(content, dict) else ""
    if code:
        return RestError(code, _description(content), http_status=reply.status, retry_at=reset_time(content.get("time")))
    if isinstance(content, dict) and "result" in content and reply.status < 300:
        return None
    return RestError("BAD_ANSWER", http_status=reply.status, unknown_outcome=True)


def is_rest(reply: Reply) -> bool:
    """Whether this is an answer of a portal's REST at all, successful or not."""
    return isinstance(reply.content, dict) and ("result" in reply.content or "error" in reply.content)


def single(content: Mapping[str, Any]) -> Answer:
    """The Answer of a single call's content."""
    return Answer(content["result"], _number(content.get("total")), _number(content.get("next")))


def batch(content: Mapping[str, Any], names: Iterable[str], *, halt: bool) -> dict[str, Answer | RestError]:
    """What a batch's content says of each command: its Answer, or the RestError it ended with (doc: batch).

    Each part is `[]` when empty, a list when its keys run from 0, otherwise an object (recorded by fast_bitrix24).
    """
    result = content["result"]
    if not isinstance(result, dict):
        raise RestError("BAD_ANSWER", unknown_outcome=True)
    results, errors = _section(result, "result"), _section(result, "result_error")
    totals, nexts, times = _section(result, "result_total"), _section(result, "result_next"), _section(result, "result_time")
    found: dict[str, Answer | RestError] = {}
    for name in names:
        if name in errors:
            found[name] = _command_error(errors[name], times.get(name))
        elif name in results:
            found[name] = Answer(results[name], _number(totals.get(name)), _number(nexts.get(name)))
        elif halt and errors:
            found[name] = RestError("BATCH_HALTED")
        else:
            found[name] = RestError("BAD_ANSWER", unknown_outcome=True)
    return found


def times(content: Mapping[str, Any]) -> dict[str, Any]:
    """The `time` of each command of a batch that has one."""
    return _section(content["result"], "result_time")


def command(method: str, params: Mapping[str, Any]) -> str:
    """One command of a batch, `method?urlencoded-params` with PHP's brackets for what is nested; None and empty lists are left out."""
    query = "&".join(f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in _flat("", params))
    return f"{method}?{query}" if query else method


def _flat(prefix: str, value: Any) -> Iterable[tuple[str, str]]:
    if isinstance(value, Mapping | list | tuple):
        for key, item in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _flat(f"{prefix}[{key}]" if prefix else str(key), item)
    elif isinstance(value, bool):
        yield prefix, "1" if value else "0"
    elif value is not None:
        yield prefix, str(value)


def _section(result: Mapping[str, Any], name: str) -> dict[str, Any]:
    section = result.get(name)
    if isinstance(section, list):
        return {str(index): item for index, item in enumerate(section)}
    if section is None or isinstance(section, dict):
        return section or {}
    raise RestError("BAD_ANSWER", unknown_outcome=True)


def _command_error(error: Any, time_block: object) -> RestError:
    code = _code(error.get("error") if isinstance(error, Mapping) else error)
    if not code:
        return RestError("BAD_ANSWER", unknown_outcome=True)
    return RestError(code, _description(error), retry_at=reset_time(time_block))


def _code(error: Any) -> str:
    """The code of an `error` field: text, in newer methods an object with `code`. Empty when there is none, or no code's form."""
    if isinstance(error, Mapping):
        error = error.get("code")
    return error if isinstance(error, str) and _CODE.fullmatch(error) else ""


def _description(content: Any) -> str:
    return str(content.get("error_description") or "") if isinstance(content, Mapping) else ""


def _number(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return None
