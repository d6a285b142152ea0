"""What the app's page loads at its opening, as production serves it: compressed."""

import gzip
import re
from pathlib import Path

from django.contrib.staticfiles import finders

PAGE = (Path(__file__).resolve().parent.parent / "templates" / "app.html").read_text()
BUDGET = 60_000


def transferred(name: str) -> int:
    """Bytes of a static file as WhiteNoise compresses it."""
    path = finders.find(name)
    assert isinstance(path, str), name
    return len(gzip.compress(Path(path).read_bytes(), 9))


def test_own_css_and_script_are_light() -> None:
    names = re.findall(r"(?:href|src)=\"{% static '((?:css|js)/[^']+)' %}\"", PAGE)
    assert {"css/app.css", "js/ui.js", "js/frame.js"} <= set(names)
    sizes = {name: transferred(name) for name in names}
    assert sum(sizes.values()) < BUDGET, sizes


def test_no_style_waits_in_the_way_that_other_tabs_alone_need() -> None:
    """The browser paints the first view before it has the styles that stand below it."""
    head, body = PAGE.split("</head>")
    ahead = sum(transferred(name) for name in re.findall(r"css/[\w.]+", head))
    assert ahead < BUDGET / 4
    assert "css/" in body


def test_the_sdk_is_not_in_the_way() -> None:
    """It is ten times as large as all of ours, and frame.js loads it after the first paint."""
    assert not re.search(r"<script[^>]+b24jssdk", PAGE)
    assert "data-sdk-url" in PAGE
