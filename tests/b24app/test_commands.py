"""The operator's commands: what they print, what they change, how they end; never a secret."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from cryptography.fernet import Fernet, InvalidToken
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from b24app import encryption
from b24app.models import Bucket, CallLog, MethodPause, Portal, PortalUser, Sender
from b24app.rest import budget
from devportal.server import Stand
from devportal.world import App
from devportal.world import Portal as StandPortal
from tests.b24app.conftest import Browser, rows
from tests.b24app.test_lifecycle import plant_ledger
from tests.test_settings import GOOD, ROOT

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    """What a command prints; CommandError is what ends it with 1."""
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def stored() -> Portal:
    return Portal.objects.get()


def secrets(portal: Portal) -> set[str]:
    people = [token for person in portal.people.all() for token in (person.access_token, person.refresh_token)]
    return {portal.application_token, *people, *portal.senders.values_list("webhook_url", flat=True)} - {""}


# --- Looking ---


def test_portals_without_any() -> None:
    assert run("portals") == "No portal.\n"


def test_portals_lists_them(installed: StandPortal) -> None:
    Portal.objects.create(member_id="gone", domain="gone.example", state="removed")
    failed = {"method": "im.notify", "request": {}, "code": "OVERLOAD_LIMIT", "milliseconds": 1}
    CallLog.objects.create(portal=Portal.objects.get(domain=installed.domain), **failed)
    head, first, second = run("portals").splitlines()
    assert head.split("  ")[0] == "number"
    for part in (installed.domain, installed.member_id, "active", "OVERLOAD_LIMIT"):
        assert part in first
    assert "gone.example" in second
    _head, *only = run("portals", "--state", "removed").splitlines()
    assert [line.split()[1] for line in only] == ["gone.example"]


@pytest.mark.parametrize("by", ["member_id", "domain", "DOMAIN"])
def test_portal_in_detail_without_its_secrets(by: str, installed: StandPortal, browser_of: Browser, app: App) -> None:
    browser_of.open(installed.launch(app, installed.admin))
    plant_ledger(installed.member_id)
    portal = stored()
    Portal.objects.update(state="suspended", suspended_code="PAYMENT_REQUIRED", suspended_at=timezone.now())
    Bucket.objects.update(level=40, measured_at=budget.now() + 60)
    MethodPause.objects.update(until=timezone.now() + timedelta(minutes=5))
    told = run("portal", {"member_id": portal.member_id, "domain": portal.domain, "DOMAIN": portal.domain.upper()}[by])
    for part in (
        portal.domain, portal.member_id, "suspended PAYMENT_REQUIRED", installed.admin.full_name, "40 of 50", "im.notify until",
        "Planted webhook", "events and links bound", " batch ",
    ):  # fmt: skip
        assert part in told
    assert len(secrets(portal)) >= 4
    assert [secret for secret in secrets(portal) if secret in told] == []


def test_portal_without_anything_says_what_to_do() -> None:
    Portal.objects.create(member_id="m", domain="new.example")
    told = run("portal", "m")
    for sentence in ("NOT bound", "NONE: an admin has to open the app", "NO: an admin has to open the app", "nothing counted yet"):
        assert sentence in told


def test_portal_asks_what_is_bound(installed: StandPortal, app: App, stand: Stand) -> None:
    told = run("portal", installed.member_id, "--ask")
    for part in ("ONAPPINSTALL", "ONAPPUPDATE", "ONAPPUNINSTALL", "REST_APP_URI", "http://testserver/events/"):
        assert part in told
    stand.faults.order(code="ACCESS_DENIED", status=403, times=5)
    with pytest.raises(CommandError, match="ACCESS_DENIED"):
        run("portal", installed.member_id, "--ask")


def test_a_name_of_the_portals_cannot_steer_the_terminal() -> None:
    portal = Portal.objects.create(member_id="m", domain="p.example")
    PortalUser.objects.create(portal=portal, user_id=1, name="Eve\x1b[2J\nforged", is_admin=True, token_state="valid")
    told = run("portal", "m")
    assert "\x1b" not in told
    assert "\nforged" not in told


def test_an_unknown_portal_and_an_ambiguous_one() -> None:
    with pytest.raises(CommandError, match="No portal has"):
        run("portal", "nobody.example")
    for number in range(2):
        Portal.objects.create(member_id=f"m{number}", domain="twice.example")
    with pytest.raises(CommandError, match="More than one"):
        run("rebind", "twice.example")


# --- Binding again ---


def test_rebind_binds_what_was_lost(installed: StandPortal, app: App) -> None:
    installation = installed.installations[app.client_id]
    installation.events.clear()
    installation.placements.clear()
    Portal.objects.update(bound_version=None)
    assert installed.domain in run("rebind", installed.domain)
    assert {bound.event for bound in installation.events} == {"ONAPPINSTALL", "ONAPPUPDATE", "ONAPPUNINSTALL"}
    assert len(installation.placements) == 1
    assert stored().bound_version == stored().version


def test_rebind_says_why_it_could_not(installed: StandPortal) -> None:
    PortalUser.objects.update(token_state="dead")
    with pytest.raises(CommandError, match="NO_USABLE_TOKEN"):
        run("rebind", installed.member_id)
    Portal.objects.update(state="removed")
    with pytest.raises(CommandError, match="not installed"):
        run("rebind", installed.member_id)


# --- Keys ---


@pytest.fixture
def keys(settings: Settings) -> tuple[str, str]:
    """An old key, and a new one that is not in TOKEN_KEYS yet."""
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.TOKEN_KEYS = [old]
    return old, new


def fill(people: int = 3) -> Portal:
    portal = Portal.objects.create(member_id="m", domain="p.example", application_token="the portal's")
    Portal.objects.create(member_id="empty", domain="empty.example")
    for number in range(people):
        PortalUser.objects.create(portal=portal, user_id=number, access_token=f"access{number}", refresh_token=f"refresh{number}")
    Sender.objects.create(portal=portal, kind="webhook", name="w", webhook_url="https://p.example/rest/1/secret/")
    return portal


def readable() -> list[dict[str, Any]]:
    held = rows()
    return [*held["b24app.Portal"], *held["b24app.PortalUser"], *held["b24app.Sender"]]


def test_every_encrypted_column_is_known() -> None:
    assert {str(column) for column in encryption.columns()} == {
        "b24app.Portal.application_token", "b24app.PortalUser.access_token", "b24app.PortalUser.refresh_token", "b24app.Sender.webhook_url",
    }  # fmt: skip


def test_rotation_until_the_old_key_can_go(keys: tuple[str, str], settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encryption, "_ROTATED_AT_ONCE", 2)
    old, new = keys
    fill()
    before = readable()
    assert "Only the first key" in run("rotate_keys", "--check")
    settings.TOKEN_KEYS = [new, old]
    with pytest.raises(CommandError, match=r"still needed\. Run rotate_keys"):
        run("rotate_keys", "--check")
    assert readable() == before
    told = run("rotate_keys")
    assert "Encrypted anew: 8." in told
    assert "Only the first key" in told
    assert "Encrypted anew: 0." in run("rotate_keys")
    settings.TOKEN_KEYS = [new]
    assert readable() == before
    settings.TOKEN_KEYS = [old]
    with pytest.raises(InvalidToken):
        readable()


def test_rotation_broken_off_goes_on_where_it_was(keys: tuple[str, str], settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = keys
    fill()
    settings.TOKEN_KEYS = [new, old]
    replaced, replace = [], encryption._replace

    def breaks(*arguments: Any) -> bool:
        if len(replaced) == 3:
            raise KeyboardInterrupt
        replaced.append(arguments)
        return replace(*arguments)

    monkeypatch.setattr(encryption, "_replace", breaks)
    with pytest.raises(KeyboardInterrupt):
        run("rotate_keys")
    monkeypatch.setattr(encryption, "_replace", replace)
    assert "Encrypted anew: 5." in run("rotate_keys")


def test_rotation_leaves_what_somebody_wrote_meanwhile(keys: tuple[str, str], settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refresh between our look and our write: the fresh token must stay, whichever key it was written with."""
    old, new = keys
    portal = fill(people=1)
    settings.TOKEN_KEYS = [new, old]
    replace = encryption._replace

    def meanwhile(column: encryption.Column, pk: object, token: str) -> bool:
        if column.name == "access_token":
            settings.TOKEN_KEYS = [old]
            PortalUser.objects.filter(pk=pk).update(access_token="refreshed by a process with the old keys")
            settings.TOKEN_KEYS = [new, old]
        return replace(column, pk, token)

    monkeypatch.setattr(encryption, "_replace", meanwhile)
    with pytest.raises(CommandError, match="Restart every process"):
        run("rotate_keys")
    assert portal.people.get().access_token == "refreshed by a process with the old keys"
    monkeypatch.setattr(encryption, "_replace", replace)
    assert "Encrypted anew: 1." in run("rotate_keys")


def test_rotation_tells_of_values_that_no_key_opens(keys: tuple[str, str], settings: Settings) -> None:
    old, new = keys
    portal = fill(people=1)
    portal.people.update(is_admin=True, token_state="valid")
    settings.TOKEN_KEYS = [new]
    for arguments in (("rotate_keys",), ("rotate_keys", "--check")):
        with pytest.raises(CommandError, match="Add the missing key"):
            run(*arguments)
    assert "p.example" in run("portals"), "a lost key must not hide a portal from its operator"
    assert "p.example" in run("portal", "m")
    run("purge", "empty", "--yes", "--force")
    settings.TOKEN_KEYS = [new, old]
    assert "Encrypted anew: 4." in run("rotate_keys")


def test_rotation_prints_no_secret(keys: tuple[str, str], settings: Settings) -> None:
    old, new = keys
    portal = fill()
    settings.TOKEN_KEYS = [new, old]
    told = run("rotate_keys")
    assert [text for text in {*secrets(portal), old, new} if text in told] == []


# --- Erasing ---


def test_purge_refuses_an_installed_portal(installed: StandPortal) -> None:
    before = rows()
    with pytest.raises(CommandError, match="still installed"):
        run("purge", installed.member_id, "--yes")
    with pytest.raises(CommandError, match="Add --yes"):
        run("purge", installed.member_id, "--force")
    with pytest.raises(CommandError, match="No portal"):
        run("purge", installed.domain, "--yes", "--force")
    assert rows() == before


def test_purge_erases_a_removed_portal_with_rows_in_every_table(
    installed: StandPortal, browser_of: Browser, app: App, other_portal: StandPortal, install: Callable[..., str]
) -> None:
    install(other_portal)
    browser_of.deliver()
    browser_of.open(installed.launch(app, installed.admin))
    plant_ledger(installed.member_id)
    installed.uninstall(app, clean=False)
    browser_of.deliver()
    assert installed.domain in run("purge", installed.member_id, "--yes")
    assert [portal.member_id for portal in Portal.objects.all()] == [other_portal.member_id]
    assert not any(held for table, held in rows().items() if table.startswith("notifications."))
    connection.check_constraints()


def test_purge_erases_an_installed_portal_when_forced(installed: StandPortal) -> None:
    run("purge", installed.member_id, "--yes", "--force")
    assert not Portal.objects.exists()


# --- As an operator starts them ---


@pytest.mark.parametrize("command", ["portals", "portal", "rebind", "rotate_keys", "purge"])
def test_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command(command, "--help")
    assert ended.value.code == 0
    assert f" {command} " in capsys.readouterr().out


def test_a_failure_ends_with_1_and_one_sentence(tmp_path: Any) -> None:
    environment = os.environ | GOOD | {"DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite3'}", "DJANGO_SETTINGS_MODULE": "b24app.settings"}

    def manage(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert manage("migrate", "--verbosity", "0").returncode == 0
    told = manage("purge", "nobody", "--yes")
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr == "CommandError: No portal has this member_id. `portals` lists them all.\n"


# --- The log of calls, for the vendor's support ---


@pytest.mark.market("M17")
def test_exchanges_of_a_range(installed: StandPortal) -> None:
    """market-checklist M17: method, parameters, answer and time of what was called between two moments."""
    portal, noon = stored(), timezone.now().replace(microsecond=0)
    CallLog.objects.all().delete()
    for hours in (3, 2, 1):
        row = CallLog.objects.create(
            portal=portal, method=f"im.call.{hours}", request={"ID": hours}, response={"result": hours}, milliseconds=5, user_id=1
        )
        CallLog.objects.filter(pk=row.pk).update(created_at=noon - timedelta(hours=hours))
    since, until = (noon - timedelta(hours=hours, minutes=30) for hours in (2, 0))
    printed = [
        json.loads(line)
        for line in run("exchanges", portal.domain, "--since", since.isoformat(), "--until", until.isoformat()).splitlines()
    ]
    told = [(each["method"], each["request"], each["response"], each["answered_at"]) for each in printed]
    assert told == [
        (f"im.call.{hours}", {"ID": hours}, {"result": hours}, (noon - timedelta(hours=hours)).isoformat(timespec="milliseconds"))
        for hours in (2, 1)
    ]
    naive = since.replace(tzinfo=None).isoformat()
    assert len(run("exchanges", portal.member_id, "--since", naive, "--method", "call.1").splitlines()) == 1
    assert run("exchanges", portal.domain, "--failed") == ""


def test_exchanges_print_no_secret(installed: StandPortal) -> None:
    portal = stored()
    kept = secrets(portal)
    CallLog.objects.create(portal=portal, method="x", request={"texts": sorted(kept)}, milliseconds=1, user_id=installed.admin.id)
    printed = run("exchanges", portal.domain)
    assert kept
    assert [secret for secret in kept if secret in printed] == []


def test_exchanges_of_no_time(installed: StandPortal) -> None:
    for wrong in ("yesterday", "2026-13-01T10:00"):
        with pytest.raises(CommandError, match="is no date and time"):
            run("exchanges", installed.domain, "--since", wrong)
