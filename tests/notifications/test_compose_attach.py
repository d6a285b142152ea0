"""ATTACH as typed. Shapes: pages chat-bots-v2/imbot.v2/messages/attachments (index, block-collections/*)."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications import attach_input
from notifications.errors import InvalidInput

LINK = {"LINK": {"NAME": "Open", "LINK": "https://example.com/a?b=1"}}
WHOLE = [
    {"MESSAGE": "[b]New[/b]"},
    LINK,
    {"IMAGE": {"LINK": "/upload/1.png"}},
    {"IMAGE": [{"LINK": "https://example.com/1.png"}, {"LINK": "https://example.com/2.png", "NAME": "Two"}]},
    {"FILE": {"LINK": "https://example.com/f.pdf", "NAME": "f.pdf"}},
    {"GRID": [{"DISPLAY": "ROW", "NAME": "Sum", "VALUE": "5"}, {"DISPLAY": "ROW", "VALUE": 7}]},
    {"DELIMITER": {"SIZE": 200, "COLOR": "#c6c6c6"}},
    {"USER": {"NAME": "Somebody"}},
    {"LINK": {"NAME": "A colleague", "USER_ID": 3}},
]


@pytest.mark.parametrize("attach", [WHOLE, {"ID": 1, "COLOR_TOKEN": "primary", "COLOR": "#29619b", "BLOCKS": WHOLE}])
def test_both_documented_forms_come_back_as_they_are(attach: Any) -> None:
    assert attach_input.read(json.dumps(attach)) == attach


@pytest.mark.parametrize("typed", ["", "  \n "])
def test_nothing_typed_is_no_attachment(typed: str) -> None:
    assert attach_input.read(typed) is None


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("{", "This is not JSON: look at line 1, character 2."),
        ('[{"MESSAGE": "a"},\n]', "line 2"),
        ("5", "a list of blocks"),
        ('"text"', "a list of blocks"),
        ('{"MESSAGE": "a"}', "a list of blocks"),
        ('{"BLOCKS": {"0": 1}}', "a list of blocks"),
        ("[]", "has no blocks"),
        ('{"BLOCKS": []}', "has no blocks"),
        ("[5]", "Block 1 is empty."),
        ("[{}]", "Block 1 is empty."),
        ('[{"MESSAGE": "a"}, {"VIDEO": "x"}]', "Block 2: Bitrix24 knows no block VIDEO."),
        ('[{"MESSAGE": " "}]', "Block 1: the text is empty."),
        ('[{"MESSAGE": ["a"]}]', "Block 1: the text is empty."),
        ('[{"LINK": {"NAME": "a"}}]', "Block 1: the address is missing."),
        ('[{"LINK": "https://example.com"}]', "Block 1: the address is missing."),
        ('[{"LINK": {"LINK": "javascript:alert(1)"}}]', "has to begin with https://"),
        ('[{"LINK": {"LINK": "mailto:a@example.com"}}]', "has to begin with https://"),
        ('[{"LINK": {"LINK": "//example.com"}}]', "has to begin with https://"),
        ('[{"IMAGE": {"NAME": "a"}}]', "Block 1: the address is missing."),
        ('[{"IMAGE": [{"LINK": "https://example.com/1.png"}, {}]}]', "Block 1: the address is missing."),
        ('[{"FILE": {"LINK": "ftp://example.com"}}]', "has to begin with https://"),
        ('[{"GRID": []}]', "the table has no rows"),
        ('[{"GRID": [{"NAME": " ", "DISPLAY": "ROW"}]}]', "neither name nor value"),
        ('[{"GRID": [{"NAME": "a", "LINK": "data:x"}]}]', "has to begin with https://"),
        ('{"COLOR_TOKEN": "pink", "BLOCKS": [{"MESSAGE": "a"}]}', "primary, secondary, alert, base"),
        ('{"COLOR": "red", "BLOCKS": [{"MESSAGE": "a"}]}', "#29619b"),
        ('[{"MESSAGE": "a\\u0000b"}]', "cannot store"),
        ('[{"MESSAGE": "\\ud800"}]', "cannot store"),
        ('[{"DELIMITER": {"SIZE": 1e999}}]', "cannot store"),
        ('[{"DELIMITER": {"SIZE": NaN}}]', "cannot store"),
        ("[" * 100_000, "cannot store"),
        ('[{"DELIMITER": ' + "9" * 5000 + "}]", "cannot store"),
    ],
)
def test_what_breaks_the_shapes_is_refused_and_named(typed: str, sentence: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        attach_input.read(typed)
    assert refused.value.field == "attach"
    assert sentence in str(refused.value.message)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_any_json_is_either_taken_as_it_is_or_refused(value: Any) -> None:
    with suppress(InvalidInput):
        assert attach_input.read(json.dumps(value)) in (value, None)


def test_colours_are_only_the_documented_ones() -> None:
    assert attach_input.colours({"COLOR_TOKEN": "alert", "COLOR": "#ABC"}) == ("alert", "#ABC")
    assert attach_input.colours({"COLOR_TOKEN": "x", "COLOR": "url(x)"}) == ("", "")
    assert attach_input.colours([{"MESSAGE": "a"}]) == ("", "")
