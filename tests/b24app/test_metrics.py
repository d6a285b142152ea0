"""/metrics: who may read it, what it says, and that it stays cheap."""

import ipaddress
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django.fixtures import Settings

from b24app import metrics
from b24app.models import Bucket, CallLog, MethodPause, Portal, PortalUser, Sender
from b24app.networks import client_address, read_networks
from b24app.queue import make_queue
from b24app.rest import budget
from notifications.models import Answer, ConfirmationRequest, Dispatch, Lane, Notification

pytestmark = pytest.mark.django_db

Figures = dict[tuple[str, ...], float]


@pytest.fixture
def allowed(settings: Settings) -> None:
    """The test's own address may read the figures."""
    settings.METRICS_ALLOW = read_networks("METRICS_ALLOW", ["127.0.0.0/8"])


def scrape(client: Client) -> Figures:
    """What Prometheus' own parser reads: (name, values of the labels in the order of their names) -> value; without the process."""
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(response.content.decode())
    samples = [sample for family in families for sample in family.samples if not sample.name.startswith("process_")]
    return {(sample.name, *sample.labels.values()): sample.value for sample in samples}


def make_portal(number: int, **values: object) -> Portal:
    return Portal.objects.create(**{"member_id": f"m{number}", "domain": f"p{number}.example", "state": "active"} | values)


# --- Who may read ---


def test_nobody_without_a_setting(client: Client) -> None:
    response = client.get("/metrics")
    assert response.status_code == 404
    assert response.content == client.get("/nothing").content, "nobody learns that there is something"


@pytest.mark.usefixtures("allowed")
def test_only_those_who_are_named(client: Client) -> None:
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="10.0.0.1").status_code == 404
    assert client.post("/metrics").status_code == 405


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Forwarded-Proto", "Forwarded", "X-Real-IP", "Via"])
def test_the_world_behind_a_proxy_on_this_machine_is_not_this_machine(header: str, client: Client) -> None:
    assert client.get("/metrics", headers={header: "127.0.0.1"}).status_code == 404


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("10.0.0.1", None, "10.0.0.1"),
        ("::ffff:10.0.0.1", None, "10.0.0.1"),
        ("fd00::1", None, "fd00::1"),
        ("", None, None),
        ("10.0.0.1", "192.0.2.1", None),
        ("127.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("127.0.0.1", "10.0.0.1, 192.0.2.1", "192.0.2.1"),
        ("127.0.0.1", "192.0.2.1, 172.16.0.9", "192.0.2.1"),
        ("127.0.0.1", "10.0.0.1, nonsense", None),
        ("127.0.0.1", "10.0.0.1, nonsense, 172.16.0.9", None),
        ("127.0.0.1", "172.16.0.9", None),
        ("127.0.0.1", "", None),
        ("127.0.0.1", None, None),
    ],
)
def test_where_a_request_comes_from(peer: str, forwarded: str | None, expected: str | None) -> None:
    """127.0.0.1 and 172.16/12 are our proxies; what stands left of the last foreign address anybody can have written."""
    request = RequestFactory().get("/", REMOTE_ADDR=peer, headers={} if forwarded is None else {"X-Forwarded-For": forwarded})
    found = client_address(request, read_networks("TRUSTED_PROXIES", ["127.0.0.1", "172.16.0.0/12"]))
    assert found == (ipaddress.ip_address(expected) if expected else None)


def test_a_wrong_network_stops_the_start() -> None:
    with pytest.raises(ImproperlyConfigured, match="METRICS_ALLOW"):
        read_networks("METRICS_ALLOW", ["10.0.0.0/99"])


# --- What it says ---


@pytest.mark.usefixtures("allowed")
def test_portals_and_tokens(client: Client) -> None:
    served, lost = make_portal(1), make_portal(2)
    make_portal(3, state="removed")
    PortalUser.objects.create(portal=served, user_id=1, is_admin=True, token_state="valid")
    PortalUser.objects.create(portal=served, user_id=2, token_state="dead")
    PortalUser.objects.create(portal=served, user_id=3)
    PortalUser.objects.create(portal=lost, user_id=1, is_admin=True, token_state="dead")
    PortalUser.objects.create(portal=lost, user_id=2, token_state="valid")
    told = scrape(client)
    assert [told["b24_portals", state] for state in Portal.State.values] == [0, 2, 0, 1]
    assert told["b24_portals_without_admin_token",] == 1
    tokens = {key[1:]: value for key, value in told.items() if key[0] == "b24_tokens"}
    assert tokens == {("yes", "valid"): 1, ("no", "valid"): 1, ("yes", "dead"): 1, ("no", "dead"): 1}


@pytest.mark.usefixtures("allowed")
def test_calls_of_the_last_minutes_by_method_and_code(client: Client) -> None:
    portal = make_portal(1)
    for code in ("", "", "QUERY_LIMIT_EXCEEDED", "A_PORTALS_OWN_1", "A_PORTALS_OWN_2"):
        CallLog.objects.create(portal=portal, method="im.notify", request={}, code=code, milliseconds=250)
    old = CallLog.objects.create(portal=portal, method="im.notify", request={}, milliseconds=250)
    CallLog.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(minutes=6))
    told = scrape(client)
    calls = {key[1:]: value for key, value in told.items() if key[0] == "b24_calls_recent"}
    assert calls == {("", "im.notify"): 2, ("QUERY_LIMIT_EXCEEDED", "im.notify"): 1, ("OTHER", "im.notify"): 2}
    assert told["b24_calls_recent_seconds", "im.notify"] == 1.25


@pytest.mark.usefixtures("allowed")
def test_buckets_as_they_are_by_now(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    now = budget.now()
    monkeypatch.setattr(budget, "now", lambda: now)
    full, half, idle, uncounted = (make_portal(number) for number in range(4))
    Bucket.objects.create(portal=full, level=50, measured_at=now - 5)
    Bucket.objects.create(portal=half, level=24, measured_at=now)
    Bucket.objects.create(portal=idle, level=50, measured_at=now - 3600)
    Bucket.objects.create(portal=uncounted, level=50, measured_at=now, counted=False)
    MethodPause.objects.create(portal=full, method="im.notify", until=timezone.now() + timedelta(minutes=1))
    MethodPause.objects.create(portal=half, method="im.notify", until=timezone.now() - timedelta(minutes=1))
    told = scrape(client)
    assert {key[1]: value for key, value in told.items() if key[0] == "b24_bucket_fill"} == {str(full.pk): 0.8}
    assert told["b24_bucket_fill_highest",] == 0.8
    assert told["b24_methods_paused", "im.notify"] == 1


def ledger_row(portal: Portal, dispatch: Dispatch, person: PortalUser, **values: object) -> Notification:
    sender = dispatch.sender
    return Notification.objects.create(
        portal=portal, sender=sender, dispatch=dispatch, author=person, recipient=person, type="personal", wire_tag=str(uuid4()), **values
    )


@pytest.mark.usefixtures("allowed")
def test_what_is_under_way(client: Client) -> None:
    now = timezone.now()
    portal = make_portal(1)
    person = PortalUser.objects.create(portal=portal, user_id=1)
    sender = Sender.objects.create(portal=portal, kind="app", name="App")

    def dispatch(state: str, **values: object) -> Dispatch:
        return Dispatch.objects.create(
            portal=portal, sender=sender, author=person, key=uuid4(), type="personal", message="x", state=state, **values
        )

    running, done = dispatch("running"), dispatch("done", finished_at=now)
    dispatch("paused")
    for state, lease in (("queued", None), ("queued", None), ("sending", 60), ("unknown", -90), ("sent", None)):
        ledger_row(portal, running, person, state=state, lease_until=lease and now + timedelta(seconds=lease))
    sent = ledger_row(portal, done, person, state="confirmed")
    Lane.objects.create(portal=portal, owner="a", lease_until=now + timedelta(minutes=1))
    asked = ConfirmationRequest.objects.create(dispatch=done, buttons=[])
    Answer.objects.create(request=asked, notification=sent, value="y", label="Yes", answered_at=now, tidy_after=now - timedelta(seconds=1))
    told = scrape(client)
    assert [told["notifications_dispatches", state] for state in ("queued", "running", "paused")] == [0, 1, 1]
    assert ("notifications_dispatches", "done") not in told
    assert [told["notifications_under_way", state] for state in ("queued", "sending", "unknown")] == [2, 1, 1]
    assert 90 <= told["notifications_oldest_due_seconds",] < 120
    assert told["notifications_lanes",] == told["notifications_answers_to_tidy",] == 1


@pytest.mark.usefixtures("allowed")
def test_the_queue(client: Client, settings: Settings, tmp_path: Path) -> None:
    settings.HUEY = make_queue(f"sqlite:///{tmp_path / 'queue.sqlite3'}", immediate=False)
    settings.HUEY.storage.enqueue(b"one")
    told = scrape(client)
    assert (told["queue_tasks", "waiting"], told["queue_tasks", "scheduled"]) == (1, 0)
    settings.HUEY.storage.close()


@pytest.mark.usefixtures("allowed")
def test_a_source_that_fails_takes_no_other_with_it(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def half() -> object:
        yield metrics.gauge("b24_half", "told before it broke", 1)
        raise DatabaseError("host db.internal user secret_name")

    monkeypatch.setitem(metrics._sources, "tokens", half)
    told = scrape(client)
    assert (told["metrics_source_up", "tokens"], told["metrics_source_up", "portals"]) == (0, 1)
    assert ("b24_half",) not in told
    assert ("b24_portals", "active") in told


@pytest.mark.usefixtures("allowed")
def test_figures_of_the_process_bear_its_number(client: Client) -> None:
    assert 'process_resident_memory_bytes{pid="' in client.get("/metrics").content.decode()


@pytest.mark.usefixtures("allowed")
def test_the_ledger_is_never_counted_as_a_whole(client: Client) -> None:
    """Every question to the two tables that grow for ever names what one of their partial indexes is about."""
    with CaptureQueriesContext(connection) as asked:
        client.get("/metrics")
    for table, narrow in (("notifications_notification", ("lease_until", "dispatch_id")), ("notifications_dispatch", ("finished_at",))):
        queries = [query["sql"] for query in asked if f'FROM "{table}"' in query["sql"]]
        assert queries
        assert all(any(f'"{column}" I' in sql for column in narrow) for sql in queries), queries
