"""One refresh, however many callers, in however many processes: on SQLite, and on PostgreSQL when DATABASE_URL names it."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable

import pytest
from django.conf import settings

from b24app.models import Bucket, PortalUser
from devportal import world
from devportal.server import Stand
from tests.b24app.floor import meet, run_out
from tests.processes import environment

# Each thread has a database connection of its own, and a PostgreSQL server allows 100 unless told otherwise.
THREADS = 50 if "sqlite" in settings.DATABASES["default"]["ENGINE"] else 40
PROCESSES = 2

pytestmark = pytest.mark.django_db(transaction=True)


def storm(stand: Stand, person: PortalUser) -> Counter[str]:
    """THREADS calls at once from each of PROCESSES processes on this test's database; what came of them."""
    command = [sys.executable, "-m", "tests.b24app.storm", str(person.pk), str(THREADS)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    running = [subprocess.Popen(command, env=environment(stand), text=True, **pipes) for _ in range(PROCESSES)]
    try:
        for process in running:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        return _released(running)
    finally:
        for process in running:
            process.kill()


def _released(running: Iterable[subprocess.Popen[str]]) -> Counter[str]:
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    came: Counter[str] = Counter()
    for process in running:
        out, _err = process.communicate(timeout=120)
        came.update(json.loads(out))
    return came


@pytest.fixture
def person(portal: world.Portal, app: world.App) -> PortalUser:
    """Somebody of a portal that counts no requests, so that all calls really are parallel."""
    portal.limits = "self-hosted"
    met = meet(portal, app, portal.person)
    Bucket.objects.create(portal=met.portal, counted=False)
    return met


@pytest.mark.parametrize("known", [True, False], ids=["we know that it expired", "only the portal knows"])
def test_a_hundred_calls_with_an_expired_token_make_one_refresh(
    stand: Stand, portal: world.Portal, person: PortalUser, known: bool
) -> None:
    """design.md 5; anchors.md part 2, thread 1: two simultaneous refreshes lose the tokens."""
    portal.expire_tokens()
    if known:
        run_out(person)
    assert storm(stand, person) == {str(portal.person.id): THREADS * PROCESSES}
    assert stand.log.count("oauth.token") == 1
    assert stand.world.refreshes == 1
    row = PortalUser.objects.get(pk=person.pk)
    assert row.access_token != person.access_token
    assert row.refresh_token != person.refresh_token
    assert row.refresh_claimed_at is None


def test_a_hundred_calls_with_a_dead_refresh_token_ask_once(stand: Stand, portal: world.Portal, person: PortalUser) -> None:
    portal.revoke_tokens()
    run_out(person)
    came = storm(stand, person)
    assert set(came) <= {"INVALID_GRANT", "NO_USABLE_TOKEN"}
    assert (came["INVALID_GRANT"], came.total()) == (1, THREADS * PROCESSES)
    assert stand.log.count("oauth.token") == 1
    assert PortalUser.objects.get(pk=person.pk).token_state == PortalUser.TokenState.DEAD


def test_the_processes_share_the_tests_secrets() -> None:
    """Without the same TOKEN_KEYS the storm would fail for another reason than the one under test."""
    assert os.environ["TOKEN_KEYS"].split(",") == settings.TOKEN_KEYS
