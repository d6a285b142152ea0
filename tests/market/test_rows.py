"""The list itself: every row has its test or its line on the release sheet, and the count at the end of a run tells the truth."""

import os
import re
import subprocess
import sys
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.market.counting import PROPERTY, count
from tests.market.rows import BY_HAND, ROWS, TESTED
from tests.test_settings import ROOT


def marked() -> set[str]:
    """The rows that tests anywhere in the suite speak for."""
    found: set[str] = set()
    for file in (ROOT / "tests").rglob("*.py"):
        for arguments in re.findall(r"mark\.market\(([^)]*)\)", file.read_text()):
            found.update(re.findall(r'"(M\d\d)"', arguments))
    return found


def test_the_list_is_whole() -> None:
    assert list(ROWS) == [f"M{number:02}" for number in range(1, 77)]
    assert (len(TESTED), len(BY_HAND)) == (52, 24)


def test_every_row_for_scripts_and_browsers_has_a_test() -> None:
    assert sorted(set(TESTED) - marked()) == []


def test_every_row_by_hand_is_on_the_release_sheet() -> None:
    sheet = (ROOT / "docs" / "release-sheet.md").read_text()
    assert re.findall(r"^\| (M\d\d) \|", sheet, re.MULTILINE) == BY_HAND


def report(when: str, *rows: str) -> pytest.TestReport:
    return cast(pytest.TestReport, SimpleNamespace(when=when, user_properties=[(PROPERTY, row) for row in rows]))


@pytest.mark.parametrize(
    ("reports", "passed"),
    [
        ([("passed", report("call", "M01", "M02"))], {"M01", "M02"}),
        ([("passed", report("call", "M01")), ("failed", report("call", "M01"))], set()),
        ([("passed", report("call", "M01")), ("error", report("teardown", "M01"))], set()),
        ([("passed", report("call", "M01")), ("skipped", report("setup", "M01"))], {"M01"}),
        ([("skipped", report("setup", "M01"))], set()),
        ([("passed", report("call"))], set()),
    ],
)
def test_a_row_has_passed_when_all_its_tests_have(reports: list[Any], passed: set[str]) -> None:
    assert count(reports)[1] == passed


def test_the_count_stands_at_the_end_of_a_run_on_several_processes() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "tests/b24app/test_opening.py", "-k", "curious", "-p", "no:cacheprovider"]
    # A run of its own, on SQLite: another server's test databases are this run's.
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL" and not name.startswith("PYTEST_")}
    printed = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False).stdout
    assert "Market rows: 1 passed of 52" in printed
