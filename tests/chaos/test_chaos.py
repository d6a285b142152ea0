"""However often workers are killed, everybody gets exactly one copy. `make chaos` does the same for longer."""

import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest

from devportal import world
from devportal.server import Stand
from tests.chaos.havoc import Havoc, Plan

RECIPIENTS = int(os.environ.get("CHAOS_RECIPIENTS", "300"))
KILLS = int(os.environ.get("CHAOS_KILLS", "3"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))
SECONDS = float(os.environ.get("CHAOS_SECONDS", "90"))


@pytest.mark.django_db(transaction=True)
def test_killed_workers_lose_and_double_nothing(stand: Stand, app: world.App, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    havoc = Havoc(stand, stand.portals[2], app, Plan(RECIPIENTS, KILLS, SEED, SECONDS), tmp_path)
    told = havoc.run()
    with capsys.disabled():
        if "CHAOS_RECIPIENTS" in os.environ:
            print(f"\nRESULT {json.dumps(asdict(told))}")
    assert told.kills == KILLS, "It was over before everybody was killed who should have been."
    assert (told.notifications, told.doubles, told.lost, told.strangers) == (RECIPIENTS, 0, 0, 0)
    assert (told.state, told.ledger) == ("done", {"sent": RECIPIENTS})
