"""However often workers are killed, everybody gets exactly one copy. `make chaos` does the same for longer."""

import json
import os
import signal
from dataclasses import asdict
from pathlib import Path

import pytest

from devportal import world
from devportal.server import Stand
from notifications.recording import MOST_ATTEMPTS
from tests.chaos.havoc import Havoc, Plan

RECIPIENTS = int(os.environ.get("CHAOS_RECIPIENTS", "300"))
KILLS = int(os.environ.get("CHAOS_KILLS", "3"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))
SECONDS = float(os.environ.get("CHAOS_SECONDS", "90"))


@pytest.mark.django_db(transaction=True)
def test_killed_workers_lose_and_double_nothing(stand: Stand, app: world.App, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = Havoc(stand, stand.portals[2], app, Plan(RECIPIENTS, KILLS, SEED, SECONDS), tmp_path).run()
    with capsys.disabled():
        if "CHAOS_RECIPIENTS" in os.environ:
            print(f"\nRESULT {json.dumps(asdict(told))}")
    assert told.kills == KILLS, "It was over before everybody was killed who should have been."
    assert (told.notifications, told.doubles, told.lost, told.strangers) == (RECIPIENTS, 0, 0, 0)
    # A batch whose worker was killed each of eight times is given up: its people have their copy, and the ledger says that it cannot know.
    given_up = told.ledger.pop("unknown", 0)
    assert not given_up or KILLS >= MOST_ATTEMPTS
    assert (told.state, told.ledger) == ("done", {"sent": RECIPIENTS - given_up})


@pytest.mark.django_db(transaction=True)
def test_workers_that_are_replaced_one_by_one_send_nothing_twice(stand: Stand, app: world.App, tmp_path: Path) -> None:
    """As a new version is rolled out: each finishes what is in flight, and another goes on at once."""
    told = Havoc(stand, stand.portals[2], app, Plan(300, 2, SEED, SECONDS, signal.SIGTERM), tmp_path).run()
    assert told.kills == 2
    assert told.batches == told.needed_batches
    assert (told.notifications, told.doubles, told.lost, told.strangers) == (300, 0, 0, 0)
    assert (told.state, told.ledger) == ("done", {"sent": 300})
