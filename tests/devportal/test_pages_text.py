"""Notification texts and attachments as the bell draws them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devportal.pages.attach import render_attach
from devportal.pages.dates import date_text
from devportal.pages.richtext import render_text

NOON = 1_795_348_800.0  # 2026-11-22 12:00 UTC


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("[b]a[/b] [i]b[/i] [U]c[/U] [s]d[/s]", "<strong>a</strong> <em>b</em> <u>c</u> <s>d</s>"),
        ("[b]a[i]b[/b]c", "<strong>a<em>b</em></strong>c"),
        ("[b]open", "<strong>open</strong>"),
        ("one\ntwo[br]three", "one<br>two<br>three"),
        ("[size=20][color=#f00]plain[/color][/size]", "plain"),
        ("[user=3]Вера[/user]", '<a href="/company/personal/user/3/">Вера</a>'),
        (
            "[url=/marketplace/view/x/?params[tag]=a&params[b][c]=1]open[/url]",
            '<a href="/marketplace/view/x/?params[tag]=a&amp;params[b][c]=1">open</a>',
        ),
        ("<b onclick=x>&", "&lt;b onclick=x&gt;&amp;"),
        ("[url=javascript:alert(1)]x[/url]", "x"),
        ("[url=//other.example/]x[/url]", "x"),
        ('[url=/"onmouseover=alert(1)]x[/url]', '<a href="/&#34;onmouseover=alert(1)">x</a>'),
    ],
)
def test_text_becomes_safe_html(text: str, html: str) -> None:
    assert render_text(text) == html


def test_addresses_become_links_that_open_elsewhere() -> None:
    opening = '<a href="https://a.example/?q=1" target="_blank" rel="noopener noreferrer">'
    assert render_text("see https://a.example/?q=1") == f"see {opening}https://a.example/?q=1</a>"
    assert render_text("[url]https://a.example/?q=1[/url]") == f"{opening}https://a.example/?q=1</a>"
    assert render_text("[url=https://a.example/?q=1]https://b.example[/url]") == f"{opening}https://b.example</a>"


@given(st.lists(st.sampled_from(["[b]", "[/b]", "[i]", "[/i]", "[url=/x/]", "[/url]", "[user=1]", "<script>", "\n", "a", '"', "["])))
def test_elements_are_balanced_whatever_the_codes(pieces: list[str]) -> None:
    html = render_text("".join(pieces))
    for element in ("strong", "em", "a"):
        assert html.count(f"<{element}>") + html.count(f"<{element} ") == html.count(f"</{element}>")
    assert "<script" not in html


def test_attachment_blocks_are_readable() -> None:
    html = render_attach(
        [
            {"MESSAGE": "[b]Order[/b]"},
            {"GRID": [{"NAME": "Amount", "VALUE": "12 €"}, {"NAME": "Shop", "VALUE": "Open", "LINK": "/shop/"}]},
            {"LINK": {"NAME": "Note", "LINK": "https://a.example/", "DESC": "signed"}},
            {"DELIMITER": {"SIZE": 200}},
        ]
    )
    assert "<strong>Order</strong>" in html
    assert '<dt>Amount</dt><dd>12 €</dd><dt>Shop</dt><dd><a href="/shop/">Open</a></dd>' in html
    assert 'rel="noopener noreferrer">Note</a><div class="attach-note">signed</div>' in html
    assert "<hr>" in html


@pytest.mark.parametrize(
    "attach",
    [
        '[{"MESSAGE": "text"}]',
        {"ID": 1, "COLOR": "#fff", "BLOCKS": [{"MESSAGE": "text"}]},
        {"0": {"MESSAGE": "text"}},
        [{"BLOCKS": {"0": {"MESSAGE": "text"}}}],
    ],
)
def test_every_form_of_an_attachment_is_read(attach: object) -> None:
    """A list of blocks, an object with BLOCKS, JSON text, and PHP's index-keyed maps (doc: im attachments; bitrix24.md 5)."""
    assert render_attach(attach) == "<div>text</div>"


@pytest.mark.parametrize("attach", [None, "", "not json", "{", [1, "x"], {"GRID": "x"}, {"LINK": None}])
def test_a_broken_attachment_does_not_break_the_bell(attach: object) -> None:
    assert "x" not in render_attach(attach)


def test_an_attachment_is_never_markup() -> None:
    html = render_attach(
        [{"LINK": {"NAME": "<img src=x>", "LINK": "javascript:alert(1)"}}, {"IMAGE": {"LINK": "data:text/html,x", "NAME": "<b>"}}]
    )
    assert "<img" not in html
    assert "javascript" not in html
    assert "<b>" not in html


@pytest.mark.parametrize(
    ("days", "text"),
    [(0, "today, 12:00 pm"), (1, "yesterday, 12:00 pm"), (2, "November 20, 12:00 pm"), (365, "November 22, 2025, 12:00 pm")],
)
def test_dates_as_the_portal_writes_them(days: int, text: str) -> None:
    """The forms of look.md, "Date and time"."""
    assert date_text(NOON - days * 86400, NOON) == text
