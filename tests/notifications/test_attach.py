"""ATTACH in all its shapes. Blocks: pages chat-bots-v2/imbot.v2/messages/attachments/*."""

import pytest

from notifications import attach
from notifications.attach import Cell, Divider, File, Grid, Link, Message, Person, Picture

ORIGIN = "https://portal.example"
MESSAGE = {"MESSAGE": "[b]New[/b]"}


@pytest.mark.parametrize(
    "shape",
    [
        {"ID": 1, "BLOCKS": [MESSAGE]},
        {"ID": 1, "BLOCKS": {"0": MESSAGE}},
        [MESSAGE],
        {"0": MESSAGE},
        [{"ID": 1, "BLOCKS": [MESSAGE]}],
    ],
)
def test_every_shape_reads_the_same(shape: object) -> None:
    assert attach.read(shape) == (Message("[b]New[/b]"),)


def test_all_seven_blocks() -> None:
    blocks = [
        {"LINK": {"NAME": "Open", "LINK": "/crm/deal/5/", "DESC": "note", "HTML": "<b>richer</b>", "PREVIEW": "https://a.example/p.png"}},
        {"USER": {"NAME": "Anna", "AVATAR": "https://a.example/a.png", "LINK": "https://a.example/anna"}},
        {"GRID": [{"NAME": "Sum", "VALUE": "5", "LINK": "https://a.example", "DISPLAY": "LINE"}, {"VALUE": 7}]},
        {
            "IMAGE": [
                {"LINK": "https://a.example/1.png", "NAME": "One"},
                {"LINK": "https://a.example/2.png", "PREVIEW": "https://a.example/s.png"},
            ]
        },
        {"FILE": {"LINK": "https://a.example/f.pdf", "NAME": "f.pdf", "SIZE": "1024"}},
        {"DELIMITER": {"SIZE": 200}},
    ]
    assert attach.read(blocks, ORIGIN) == (
        Link("Open", f"{ORIGIN}/crm/deal/5/", "richer", "https://a.example/p.png"),
        Person("Anna", "https://a.example/anna", "https://a.example/a.png"),
        Grid("line", (Cell("Sum", "5", "https://a.example"), Cell("", "7", ""))),
        Picture("One", "https://a.example/1.png", "https://a.example/1.png"),
        Picture("", "https://a.example/2.png", "https://a.example/s.png"),
        File("f.pdf", "https://a.example/f.pdf", 1024),
        Divider(),
    )


def test_unsafe_addresses_are_dropped_and_the_text_stays() -> None:
    assert attach.read([{"LINK": {"NAME": "x", "LINK": "javascript:alert(1)", "PREVIEW": "data:image/svg+xml,x"}}]) == (
        Link("x", "", "", ""),
    )


@pytest.mark.parametrize(
    "broken", [None, False, "", "text", 5, [], {}, [5, None], {"BLOCKS": "x"}, [{"UNKNOWN": 1}], [{"GRID": "x"}], [{"LINK": "x"}]]
)
def test_what_cannot_be_read_is_left_out(broken: object) -> None:
    assert attach.read(broken) == ()
