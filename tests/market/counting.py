"""Counts the Market's rows: each test marked `market("M01")` speaks for its rows, and the end of the run says how many rows passed.

A row has passed when all tests of it that ran have passed. The marks travel with the reports, so that the count is the same however many
processes ran the tests.
"""

from collections.abc import Iterable, Iterator

import pytest

from tests.market.rows import ROWS, TESTED

PROPERTY = "market row"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for mark in item.iter_markers("market"):
            unknown = [row for row in mark.args if row not in ROWS]
            if unknown:
                raise pytest.UsageError(f"{item.nodeid}: no such rows of the Market's checklist: {unknown}")
            item.user_properties += [(PROPERTY, row) for row in mark.args]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [
        (name, report) for name, found in terminalreporter.stats.items() for report in found if isinstance(report, pytest.TestReport)
    ]
    seen, passed = count(reports)
    if not seen:
        return
    terminalreporter.section("The Market's checklist")
    for row in sorted(seen - passed):
        terminalreporter.write_line(f"{row} not passed: {ROWS[row].asks}")
    terminalreporter.write_line(f"Market rows: {len(passed)} passed of {len(TESTED)}")


def count(reports: Iterable[tuple[str, pytest.TestReport]]) -> tuple[set[str], set[str]]:
    """The rows whose tests ran, and those of which every test passed. Reports come with how they ended: "passed", "failed", "error"…"""
    seen, broken, good = set[str](), set[str](), set[str]()
    for ended, report in reports:
        rows = set(_rows(report))
        seen |= rows
        if ended == "passed" and report.when == "call":
            good |= rows
        elif ended in ("failed", "error"):
            broken |= rows
    return seen, good - broken


def _rows(report: pytest.TestReport) -> Iterator[str]:
    return (str(value) for name, value in report.user_properties if name == PROPERTY)
