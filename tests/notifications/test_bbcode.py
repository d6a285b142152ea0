"""BB codes as safe HTML. Codes: page chat-bots-v2/imbot.v2/messages/message-formatting."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.bbcode import plain, render, safe_link

ORIGIN = "https://portal.example"
LINK = '<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>'


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("[b]bold[/b] [I]italic[/I] [u]under[/u] [s]struck[/s]", "<b>bold</b> <i>italic</i> <u>under</u> <s>struck</s>"),
        ("one[br]two\nthree#BR#four", "one<br>two<br>three<br>four"),
        ("[url=https://a.example/x]site[/url]", LINK.format("https://a.example/x", "site")),
        ("[url]https://a.example[/url]", LINK.format("https://a.example", "https://a.example")),
        (
            "see https://a.example/?a=1&b=2 now",
            "see " + LINK.format("https://a.example/?a=1&amp;b=2", "https://a.example/?a=1&amp;b=2") + " now",
        ),
        ("(https://a.example/x).", "(" + LINK.format("https://a.example/x", "https://a.example/x") + ")."),
        ("[url=/crm/deal/5/]deal[/url]", LINK.format(f"{ORIGIN}/crm/deal/5/", "deal")),
        ("[url=mailto:anna@mail.example]write[/url]", LINK.format("mailto:anna@mail.example", "write")),
        ("[call=+49 (30) 1]ring[/call]", LINK.format("tel:+49 (30) 1", "ring")),
        ("[user=7]Anna[/user] and [user=all]all[/user]", LINK.format(f"{ORIGIN}/company/personal/user/7/", "Anna") + " and all"),
        ("[chat=4]room[/chat][color=#f00]red[/color][size=20]big[/size]", "roomredbig"),
        ("[send=/help]Help[/send][put=/x]Put[/put]", "HelpPut"),
        ("[code]a [b]<x>[/b]\n>>y[/code]", "<pre><code>a [b]&lt;x&gt;[/b]\n&gt;&gt;y</code></pre>"),
        (">>first\n>>second\nanswer", "<blockquote>first<br>second</blockquote>answer"),
        ("------\nAnna\nhello\n------\nanswer", "<blockquote>Anna<br>hello<br></blockquote>answer"),
        ("above\n------\nbelow", "above<br>------\nbelow"),
        ("[quote]q[/quote]", "<blockquote>q</blockquote>"),
        ("[list]\n[*]one\n[*]two\n[/list]", "<ul><li>one<br></li><li>two<br></li></ul>"),
        ("[timestamp=0 format=SHORT_TIME_FORMAT]", "01/01/1970 midnight"),
        ("[b][i]crossed[/b] codes[/i]", "<b><i>crossed</i></b> codes"),
        ("[b]never closed", "<b>never closed</b>"),
        ("closed[/b] never opened", "closed never opened"),
        ("[code]never closed", "[code]never closed"),
        ("[unknown]x[/unknown] [1]", "[unknown]x[/unknown] [1]"),
        ("[url=https://a.example][url=https://b.example]x[/url][/url]", LINK.format("https://a.example", "x")),
        ("<script>alert(1)</script> & \"'", "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;&#x27;"),
    ],
)
def test_codes_become_html(text: str, html: str) -> None:
    assert render(text, ORIGIN) == html


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "java\tscript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "//evil.example/x",
        "/\\evil.example",
        "https:",
        "http:///x",
        "mailto:",
        "relative/path",
        "www.site.example",
        "",
        "http://[broken",
        "https://a.example/\x00x",
        "https://a.ex\tample/",
        "/crm\n/deal/",
    ],
)
def test_an_unsafe_address_is_never_linked(address: str) -> None:
    assert safe_link(address, ORIGIN) == ""
    assert "<a" not in render(f"[url={address}]text[/url]", ORIGIN)


def test_portal_paths_need_a_portal() -> None:
    assert safe_link("/crm/deal/5/") == ""
    assert render("[url=/crm/deal/5/]deal[/url] [user=7]Anna[/user]") == "deal Anna"


def test_plain_is_one_line_without_codes() -> None:
    assert plain("[b]Hi[/b] Anna,\n>>old\nread [url=https://a.example]this[/url] & <that>") == "Hi Anna, old read this & <that>"


class _Tags(HTMLParser):
    """Checks that elements are balanced and of the known kinds."""

    allowed = {"b", "i", "u", "s", "a", "br", "pre", "code", "blockquote", "ul", "li"}

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.hrefs: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in self.allowed
        assert {name for name, _ in attrs} <= ({"href", "target", "rel"} if tag == "a" else set())
        self.hrefs += [value or "" for name, value in attrs if name == "href"]
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


pieces = st.sampled_from(
    [f"[{close}{name}]" for name in ("b", "i", "url", "user", "quote", "list", "*", "code", "chat", "call") for close in ("", "/")]
    + [
        "[url=javascript:x]",
        "[url=https://a.example/]",
        "[url=/x]",
        "[user=3]",
        "\n",
        ">>",
        "------\n",
        "<img onerror=x>",
        '"',
        "'",
        "[",
        "]",
        "=",
        "https://",
    ]
) | st.text(max_size=8)


@given(st.lists(pieces, max_size=30).map("".join))
def test_whatever_the_text_the_html_is_balanced_and_safe(text: str) -> None:
    parser = _Tags()
    parser.feed(render(text, ORIGIN))
    parser.close()
    assert parser.open == []
    assert all(href.startswith(("https://", "http://", "mailto:", "tel:")) for href in parser.hrefs)
