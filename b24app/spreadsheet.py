"""Files of comma-separated values that every spreadsheet opens, and in which no text of anybody's is taken for a formula."""

import csv
from collections.abc import Iterable, Iterator

from django.utils.formats import get_format

BYTE_ORDER_MARK = "\ufeff"
"""Tells spreadsheets that the file is UTF-8."""

_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def lines(rows: Iterable[Iterable[str]], language: str) -> Iterator[str]:
    """The file row by row, its byte order mark first; separated as spreadsheets in this language expect it."""
    separator = ";" if get_format("DECIMAL_SEPARATOR", language) == "," else ","
    writer = csv.writer(_Passing(), delimiter=separator)
    yield BYTE_ORDER_MARK
    for row in rows:
        yield writer.writerow(map(cell, row))


def cell(value: str) -> str:
    """The value, so that no spreadsheet takes it for a formula, whoever wrote it."""
    return f"'{value}" if value.lstrip(" ").startswith(_STARTS_FORMULA) else value


class _Passing:
    """A file that hands back what is written to it: `writerow` returns that."""

    def write(self, text: str) -> str:
        return text
