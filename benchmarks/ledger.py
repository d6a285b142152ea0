"""What the Sent page, its filters and its groups take on PostgreSQL with 1,000,000 rows in the ledger, over what they take with 1,000.

Both ledgers are of companies with the same number of people, each in a database of its own; beside the large one stands another company's
that is as large. Pages are asked of the app's own views in this process, in turn of the one and of the other.
"""

# ruff: noqa: E402 - Django has to be set up before its models are imported.

import json
import logging
import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ["DATABASE_URL"] = os.environ.get("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

from django.core.management import call_command
from django.db import OperationalError, connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from b24app.frame import session
from benchmarks import _ledger_data as data
from notifications.models import Notification

SMALL = [300, 100, 100, *[20] * 10, *[1] * 300]
LARGE = [*[20_000] * 15, *[2_000] * 150, *[200] * 1_000, *[20] * 7_000, *[1] * 60_000]

ROUNDS = 40
LIMIT = 1.5

ALL, OWN = "admin", "person"

# Name: who asks, and for what; `before` says which page.
CASES: dict[str, tuple[str, dict[str, str]]] = {
    "first page": (ALL, {}),
    "page far down": (ALL, {"before": "far"}),
    "TAG of thousands of dispatches": (ALL, {"tag": data.ORDER}),
    "TAG of one dispatch to all": (ALL, {"tag": data.TO_ALL}),
    "TAG and state": (ALL, {"tag": data.ORDER, "state": "deleted"}),
    "SUB_TAG": (ALL, {"sub_tag": data.SUB_TAGS[0]}),
    "person by name": (ALL, {"person": "Wilhelmina Xaver"}),
    "person by number": (ALL, {"person": "2"}),
    "people of a common name": (ALL, {"person": "Anna"}),
    "state": (ALL, {"state": "deleted"}),
    "state nobody is in": (ALL, {"state": "queued"}),
    "common word": (ALL, {"words": data.COMMON}),
    "common word far down": (ALL, {"words": data.COMMON, "before": "far"}),
    "rare word": (ALL, {"words": data.RARE}),
    "word nobody used": (ALL, {"words": data.NOBODYS}),
    "Cyrillic": (ALL, {"words": data.CYRILLIC}),
    "two words": (ALL, {"words": f"{data.COMMON} {data.CYRILLIC}"}),
    "word that is a name": (ALL, {"words": "Anna"}),
    "word and state": (ALL, {"words": data.COMMON, "state": "deleted"}),
    "by TAG": (ALL, {"view": "tag"}),
    "by TAG, next page": (ALL, {"view": "tag", "before": "next"}),
    "by TAG, state": (ALL, {"view": "tag", "state": "expired"}),
    "by TAG, person": (ALL, {"view": "tag", "person": "2"}),
    "by TAG, common word": (ALL, {"view": "tag", "words": data.COMMON}),
    "by TAG, rare word": (ALL, {"view": "tag", "words": data.RARE}),
    "by TAG, word nobody used": (ALL, {"view": "tag", "words": data.NOBODYS}),
    "by SUB_TAG": (ALL, {"view": "sub_tag"}),
    "by SUB_TAG, next page": (ALL, {"view": "sub_tag", "before": "next"}),
    "by SUB_TAG, common word": (ALL, {"view": "sub_tag", "words": data.COMMON}),
    "by SUB_TAG, rare word": (ALL, {"view": "sub_tag", "words": data.RARE}),
    "own: first page": (OWN, {}),
    "own: state": (OWN, {"state": "expired"}),
    "own: common word": (OWN, {"words": data.COMMON}),
    "own: by TAG": (OWN, {"view": "tag"}),
}


class Desk:
    """The pages of one of the two ledgers, which has a database of its own."""

    def __init__(self, name: str, companies: dict[str, tuple[list[int], int]]) -> None:
        """Write the ledgers anew; pages are asked for of the first company."""
        self._name = name
        self._on_server(f'DROP DATABASE IF EXISTS "{name}"', f'CREATE DATABASE "{name}"')
        server = connections["default"]
        self._connection = type(server)({**server.settings_dict, "NAME": name}, "default")
        self._client = Client()
        with self._in_use():
            call_command("migrate", verbosity=0)
            written = [data.company(each, sizes, seed, every) for seed, (each, (sizes, every)) in enumerate(companies.items())]
            data.index_and_count(written)
            self.rows = written[0].rows
            self._tokens = {ALL: session.issue(written[0].admin), OWN: session.issue(written[0].person)}
            rows = Notification.objects.filter(portal=written[0].portal).order_by("-dispatch", "-id")
            self._far = str(rows.values_list("id", flat=True)[self.rows * 4 // 5])
            self._asked = {case: (who, self._address(who, params)) for case, (who, params) in CASES.items()}

    def drop(self) -> None:
        """Remove the database: it takes more than a gigabyte."""
        self._connection.close()
        self._on_server(f'DROP DATABASE "{self._name}"')

    def milliseconds(self, case: str) -> float:
        """How long a page takes."""
        with self._in_use():
            start = time.perf_counter()
            self._page(*self._asked[case])
            return (time.perf_counter() - start) * 1000

    def look(self, case: str) -> tuple[int, int]:
        """How many queries a page takes, and how many rows it shows."""
        with self._in_use(), CaptureQueriesContext(connection) as queries:
            shown = self._page(*self._asked[case]).count('class="cell-message"')
            return len(queries), shown

    def _on_server(self, *statements: str) -> None:
        with connections["default"]._nodb_cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def _address(self, who: str, params: dict[str, str]) -> dict[str, str]:
        """The parameters of a case's request on this ledger."""
        if params.get("before") == "far":
            return params | {"before": self._far}
        if params.get("before") == "next":
            first = self._page(who, {name: value for name, value in params.items() if name != "before"})
            return params | {"before": first.split("before=")[1].split('"')[0]}
        return params

    def _page(self, who: str, params: dict[str, str]) -> str:
        headers = {"HX-Request": "true", "HX-Target": "sent-list", "Authorization": f"Bearer {self._tokens[who]}"}
        response = self._client.get("/frame/sent/", params, headers=headers)
        if response.status_code != 200:
            raise SystemExit(f"Sent answered {response.status_code}.")
        return response.content.decode()

    @contextmanager
    def _in_use(self) -> Iterator[None]:
        before = connections["default"]
        connections["default"] = self._connection
        try:
            yield
        finally:
            connections["default"] = before


def p95(samples: list[float]) -> float:
    return statistics.quantiles(samples, n=20, method="inclusive")[-1]


def measure(small: Desk, large: Desk, case: str) -> dict[str, Any]:
    """A case on both ledgers in turn, once each before it counts."""
    (queries_small, rows_small), (queries_large, rows_large) = small.look(case), large.look(case)
    samples: dict[Desk, list[float]] = {small: [], large: []}
    for _ in range(ROUNDS):
        for desk, taken in samples.items():
            taken.append(desk.milliseconds(case))
    of_small, of_large = p95(samples[small]), p95(samples[large])
    return {
        "small_ms": round(of_small, 1),
        "large_ms": round(of_large, 1),
        "ratio": round(of_large / of_small, 2),
        "queries": [queries_small, queries_large],
        "rows": [rows_small, rows_large],
    }


def main() -> None:
    logging.disable(logging.INFO)
    if connection.vendor != "postgresql":
        refuse("DATABASE_URL names another database than PostgreSQL.")
    try:
        small = Desk("benchmark_ledger_small", {"small": (SMALL, 2)})
        large = Desk("benchmark_ledger_large", {"large": (LARGE, 60), "other": (LARGE, 60)})
    except OperationalError as error:
        refuse(f"No PostgreSQL answers at {connection.settings_dict['HOST']}: {error}")
    cases = {}
    print(f"{'p95 in ms, rows in the ledger:':34}{small.rows:>9,}{large.rows:>11,}   ratio  queries  rows shown")
    for case in CASES:
        found = cases[case] = measure(small, large, case)
        print(f"{case:34}{found['small_ms']:9}{found['large_ms']:11}{found['ratio']:8}  {found['queries']}  {found['rows']}", flush=True)
    small.drop()
    large.drop()
    worst = max(cases, key=lambda case: cases[case]["ratio"])
    result = {
        "benchmark": "ledger",
        "rows": [small.rows, large.rows],
        "rounds": ROUNDS,
        "worst_ratio_p95": cases[worst]["ratio"],
        "worst": worst,
        "at_most": LIMIT,
        "queries_constant": all(found["queries"][0] == found["queries"][1] for found in cases.values()),
        "cases": cases,
    }
    print("RESULT", json.dumps(result))


def refuse(why: str) -> NoReturn:
    print(f"Not measured: {why} Name a PostgreSQL where databases may be created, e.g. DATABASE_URL=$(sh scripts/postgres.sh)")
    print("RESULT", json.dumps({"benchmark": "ledger", "measured": False, "why": why}))
    sys.exit(1)


if __name__ == "__main__":
    main()
