"""The log of calls on the Activity tab: readable, without secrets, of one's own portal, and for admins alone."""

import json

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from b24app import call_log, exchanges
from b24app.exchanges import Filters
from b24app.models import CallLog, Portal, PortalUser, Sender
from b24app.rest.calls import Call
from b24app.rest.client import as_person
from notifications import revoking
from tests.notifications.browse import Browse
from tests.notifications.conftest import Send


@pytest.fixture
def browse(client: Client) -> Browse:
    return Browse(client)


def record(portal: Portal, method: str = "profile", **values: object) -> CallLog:
    """A row as a call leaves it."""
    given = {"user_id": None, "request": {}, "response": {"result": True}, "code": "", "http_status": 200, "milliseconds": 12, **values}
    call_log.record(portal, method, **given)  # type: ignore[arg-type]
    return CallLog.objects.latest("pk")


def found(admin: PortalUser, **chosen: object) -> list[str]:
    return [call.row.method for call in exchanges.page(admin.portal, Filters(**chosen), None).calls]  # type: ignore[arg-type]


def test_a_batch_is_told_command_by_command(browse: Browse, admin: PortalUser) -> None:
    calls = {
        "first": Call("im.notify.personal.add", {"USER_ID": 3, "MESSAGE": "Read <this>"}, lambda answer: answer.result),
        "second": Call("im.notify.read.list", {"IDS": []}, lambda answer: answer.result),
    }
    as_person(admin).run_batch(calls)
    row = CallLog.objects.filter(method="batch").latest("pk")
    assert row.failed_commands == 1
    listed = browse.get(admin, "activity/calls/")
    assert "1 command failed" in listed
    assert admin.name in listed
    page = browse.get(admin, f"activity/calls/{row.pk}/")
    assert (
        page.index('im.notify.personal.add <span class="muted">first')
        < page.index('im.notify.read.list <span class="muted">second')
        < page.index("PARAMS_ERROR")
    )
    assert "Read &lt;this&gt;" in page
    assert page.count("<details") == 2
    parts = exchanges.parts(row)
    assert [bool(part.code) for part in parts] == [False, True]
    assert isinstance(parts[0].answered, int)
    assert parts[1].answered["error"] == parts[1].code


def test_a_call_of_its_own_is_told_as_one(browse: Browse, admin: PortalUser, post: Send) -> None:
    post([3], tag="invoice", sub_tag="finance")
    revoking.delete(admin, "tag", "invoice")
    row = CallLog.objects.latest("pk")
    (part,) = exchanges.parts(row)
    assert (part.method, part.code) == (row.method, "")
    assert "No answer came." not in browse.get(admin, f"activity/calls/{row.pk}/")


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ({"cmd": {"a": {"method": "profile", "params": {}}}}, None),
        ({"cmd": {"a": {"method": "profile", "params": {}}}}, {"error": "QUERY_LIMIT_EXCEEDED"}),
        ({"cmd": {"a": "odd"}}, {"result": {"result": [], "result_error": []}}),
        ({"cmd": {"0": {"method": "profile"}}}, {"result": {"result": [7], "result_error": []}}),
        ({"cmd": "odd"}, {"result": "odd"}),
        ({"text": "x" * 30_000}, {"text": "y" * 30_000}),
        ({}, ["odd"]),
        ({}, {"text": "<html>", "location": None}),
    ],
)
def test_whatever_came_is_shown_and_exported(browse: Browse, admin: PortalUser, asked: object, answered: object) -> None:
    row = record(admin.portal, "batch", request=asked, response=answered)
    assert 'role="region"' in browse.get(admin, f"activity/calls/{row.pk}/")
    assert json.loads(browse.answer(admin, f"activity/calls/{row.pk}/file/").content)["call"] == row.pk


def test_filters(admin: PortalUser, colleague: PortalUser) -> None:
    record(admin.portal, "im.notify.personal.add", user_id=colleague.user_id)
    record(admin.portal, "batch", user_id=admin.user_id, response={"result": {"result_error": {"a": {"error": "X"}}}})
    record(admin.portal, "user.get", user_id=4711, code="ACCESS_DENIED", http_status=403)
    assert found(admin) == ["user.get", "batch", "im.notify.personal.add"]
    assert found(admin, method="NOTIFY") == ["im.notify.personal.add"]
    assert found(admin, failed=True) == ["user.get", "batch"]
    assert found(admin, person=colleague.name.split()[0]) == ["im.notify.personal.add"]
    assert found(admin, person="4711") == ["user.get"]
    assert found(admin, person="9" * 30) == []


def test_page_by_page_in_two_queries(browse: Browse, admin: PortalUser, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for number in range(51):
        record(admin.portal, f"method.{number}", user_id=admin.user_id)
    with django_assert_num_queries(2):
        page = exchanges.page(admin.portal, Filters(method="method"), None)
        assert {str(call.person) for call in page.calls} == {admin.name}
    assert "method.0<" not in browse.get(admin, "activity/calls/", method="method")
    rows = browse.get(admin, "activity/calls/", before=page.next_before, method="method")
    assert "method.0<" in rows
    assert "Load more" not in rows
    assert "Nothing matches" in browse.get(admin, "activity/calls/", target="calls-list", method="no such")


def test_only_admins_and_only_their_own_portal(browse: Browse, admin: PortalUser, colleague: PortalUser, stranger: PortalUser) -> None:
    row = record(admin.portal, "ours.alone")
    for path in ("activity/calls/", f"activity/calls/{row.pk}/", f"activity/calls/{row.pk}/file/"):
        assert browse.status(colleague, path) == 403
    assert "ours.alone" not in browse.get(stranger, "activity/calls/")
    assert browse.status(stranger, f"activity/calls/{row.pk}/") == browse.status(stranger, f"activity/calls/{row.pk}/file/") == 404


def test_an_exported_exchange_has_what_support_asks_for(browse: Browse, admin: PortalUser) -> None:
    row = record(
        admin.portal, "user.get", user_id=7, request={"ID": 5}, response={"error": "ACCESS_DENIED"}, code="ACCESS_DENIED", http_status=403
    )
    answer = browse.answer(admin, f"activity/calls/{row.pk}/file/")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="exchange-{row.pk}.json"'
    exchange = json.loads(answer.content)
    assert {
        name: exchange[name] for name in ("portal", "method", "user_id", "http_status", "error", "milliseconds", "request", "response")
    } == {
        "portal": admin.portal.domain,
        "method": "user.get",
        "user_id": 7,
        "http_status": 403,
        "error": "ACCESS_DENIED",
        "milliseconds": 12,
        "request": {"ID": 5},
        "response": {"error": "ACCESS_DENIED"},
    }
    assert exchange["started_at"] < exchange["answered_at"] <= timezone.now().isoformat()


def test_no_secret_leaves_even_if_it_was_logged(browse: Browse, admin: PortalUser, webhook_sender: Sender) -> None:
    """Written past the log's own masking: the file and the page mask again."""
    Portal.objects.update(application_token="planted-application-token")
    admin.refresh_from_db()
    webhook = str(webhook_sender.webhook_url)
    planted = {
        "application": "planted-application-token",
        "client": settings.B24_CLIENT_SECRET,
        "access": admin.access_token,
        "refresh": admin.refresh_token,
        "webhook": webhook,
        "bare": webhook.rstrip("/").rpartition("/")[2],
        "auth": "planted-auth",
        "address": "https://p.example/rest/1/planted-code/x?access_token=planted-query",
    }
    # A token that nobody knows here is known by the name before it alone.
    texts = [text for name, text in planted.items() if name != "auth"]
    row = CallLog.objects.create(
        portal=admin.portal, user_id=admin.user_id, method="batch", request={"cmd": {"a": {"method": "x", "params": planted}}},
        response={"result": {"result": {"a": texts}, "result_error": []}}, milliseconds=1,
    )  # fmt: skip
    secrets = [*texts[:4], texts[5], "planted-auth", "planted-code", "planted-query"]
    for path in ("file/", ""):
        shown = browse.answer(admin, f"activity/calls/{row.pk}/{path}").content.decode()
        assert "***" in shown
        assert [secret for secret in secrets if secret in shown] == []
