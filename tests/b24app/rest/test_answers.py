"""How answers read, PHP's shapes included."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b24app.rest import answers
from b24app.rest.calls import Answer
from b24app.rest.errors import RestError
from b24app.rest.transport import Reply
from devportal import phpforms


def reply(content: Any, status: int = 200) -> Reply:
    return Reply(status, content, "", "")


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        ({"error": "expired_token", "error_description": "…"}, 401, "EXPIRED_TOKEN"),
        ({"error": "ERROR_CORE", "error_description": "…"}, 200, "ERROR_CORE"),
        ({"error": {"code": "ACCESS_DENIED", "message": "…"}}, 403, "ACCESS_DENIED"),
        ({"result": 1}, 500, "BAD_ANSWER"),
        ({"error": "a sentence with a t0k3n"}, 400, "BAD_ANSWER"),
        ({"error": ""}, 200, "BAD_ANSWER"),
        ({"error": []}, 200, "BAD_ANSWER"),
        ({}, 200, "BAD_ANSWER"),
        ([], 200, "BAD_ANSWER"),
        ("text", 200, "BAD_ANSWER"),
        (None, 502, "BAD_ANSWER"),
    ],
)
def test_what_is_a_failure(content: Any, status: int, code: str) -> None:
    """bitrix24.md 5: codes in either case, `error` in a 200, bodies that are no answer. Only the last kind leaves the outcome unknown."""
    failure = answers.failure(reply(content, status))
    assert failure is not None
    assert failure.code == code
    assert failure.unknown_outcome == (code == "BAD_ANSWER")
    assert failure.http_status == status


@pytest.mark.parametrize("result", [None, False, 0, [], {}, "", 7])
def test_any_result_is_a_success(result: Any) -> None:
    assert answers.failure(reply({"result": result, "time": {}})) is None


def test_paging_figures_come_as_numbers_or_text() -> None:
    assert answers.single({"result": [1], "total": "120", "next": 50}) == Answer([1], 120, 50)
    assert answers.single({"result": [1], "total": None, "next": "x"}) == Answer([1], None, None)


def shapes(section: dict[str, Any]) -> list[Any]:
    """The shapes PHP may give a section: `[]` when empty, a list when the keys run from 0, an object otherwise."""
    if not section:
        return [[], {}, None]
    return [section] if list(section) != [str(i) for i in range(len(section))] else [list(section.values()), section]


@pytest.mark.parametrize("names", [("a", "b", "c"), ("0", "1", "2"), ("2", "0", "1")])
@pytest.mark.parametrize("failed", [0, 1, 2, 3])
def test_batch_sections_in_every_shape(names: tuple[str, ...], failed: int) -> None:
    """bitrix24.md 5: each section is `[]` when empty, a list when its keys are consecutive from 0, otherwise an object [rec]."""
    good, bad = names[failed:], names[:failed]
    for results in shapes({name: f"result {name}" for name in good}):
        for errors in shapes({name: {"error": "id_error", "error_description": "…"} for name in bad}):
            for totals in shapes(dict.fromkeys(good, 5)):
                content = {"result": {"result": results, "result_error": errors, "result_total": totals, "result_next": []}}
                found = answers.batch(content, names, halt=False)
                assert list(found) == list(names)
                for name in good:
                    assert found[name] == Answer(f"result {name}", 5, None)
                for name in bad:
                    error = found[name]
                    assert isinstance(error, RestError)
                    assert error.code == "ID_ERROR"


def test_a_command_without_an_answer() -> None:
    content = {"result": {"result": {"a": 1}, "result_error": {"b": {"error": "X_ERROR"}}, "result_total": [], "result_next": []}}
    halted = answers.batch(content, ["a", "b", "c"], halt=True)["c"]
    lost = answers.batch(content, ["a", "b", "c"], halt=False)["c"]
    assert isinstance(halted, RestError)
    assert (halted.code, halted.unknown_outcome) == ("BATCH_HALTED", False)
    assert isinstance(lost, RestError)
    assert (lost.code, lost.unknown_outcome) == ("BAD_ANSWER", True)


@pytest.mark.parametrize("result", [[], None, "text", {"result": "text"}, {"result": [], "result_error": 5}])
def test_a_batch_of_another_shape(result: Any) -> None:
    with pytest.raises(RestError) as caught:
        answers.batch({"result": result}, ["a"], halt=False)
    assert caught.value.code == "BAD_ANSWER"
    assert caught.value.unknown_outcome


def test_the_time_a_method_is_paused_until_is_read_per_command() -> None:
    content = {
        "result": {
            "result": [],
            "result_error": {"a": {"error": "OPERATION_TIME_LIMIT", "error_description": "…"}},
            "result_time": {"a": {"operating_reset_at": "1795000000"}},
        }
    }
    error = answers.batch(content, ["a"], halt=False)["a"]
    assert isinstance(error, RestError)
    assert error.retry_at == 1795000000.0


def test_commands_are_encoded_with_phps_brackets() -> None:
    command = answers.command(
        "im.notify", {"USER_ID": 5, "MESSAGE": "ä & b=c?#", "ATTACH": [{"LINK": {"NAME": "x"}}], "FLAG": True, "NONE": None, "EMPTY": []}
    )
    parts = urlsplit(command)
    assert parts.path == "im.notify"
    assert parse_qsl(parts.query, keep_blank_values=True) == [
        ("USER_ID", "5"), ("MESSAGE", "ä & b=c?#"), ("ATTACH[0][LINK][NAME]", "x"), ("FLAG", "1"),
    ]  # fmt: skip
    assert answers.command("profile", {}) == "profile"


KEYS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ_", min_size=1, max_size=8)
VALUES = st.recursive(st.text(max_size=12), lambda inner: st.dictionaries(KEYS, inner, min_size=1, max_size=3), max_leaves=8)


@settings(deadline=None)
@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=4))
def test_a_command_reads_back_as_it_was(params: dict[str, Any]) -> None:
    query = urlsplit(f"//x/{answers.command('m', params)}").query
    assert phpforms.parse(parse_qsl(query, keep_blank_values=True)) == params
