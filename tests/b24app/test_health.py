"""/healthz and /readyz: what a load balancer may believe."""

from pathlib import Path

import pytest
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from b24app.queue import make_queue

READY = {"database": "ok", "queue": "ok", "migrations": "ok"}


@pytest.mark.django_db
def test_ready_when_all_parts_are(client: Client) -> None:
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (200, READY)
    assert client.head("/readyz").status_code == 200


@pytest.mark.django_db
def test_it_costs_two_small_queries(client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    client.get("/readyz")
    with django_assert_num_queries(2):
        client.get("/readyz")


@pytest.mark.django_db
@pytest.mark.parametrize("app", ["b24app", "notifications"])
def test_not_ready_before_the_migrations(app: str, client: Client) -> None:
    """A new version that is started before `migrate` must get no requests."""
    applied = MigrationRecorder(connection).migration_qs.filter(app=app)
    applied.filter(name=applied.order_by("-name").first().name).delete()
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (503, READY | {"migrations": "pending"})


@pytest.mark.django_db
def test_an_older_version_stays_ready_while_the_next_ones_migrations_are_there(client: Client) -> None:
    MigrationRecorder(connection).record_applied("notifications", "9999_of_a_later_version")
    assert client.get("/readyz").json() == READY


@pytest.mark.django_db
def test_not_ready_without_the_queue(client: Client, settings: Settings, tmp_path: Path) -> None:
    settings.HUEY = make_queue(f"sqlite:///{tmp_path / 'queue.sqlite3'}", immediate=False)
    assert client.get("/readyz").status_code == 200
    settings.HUEY.storage.close()
    for file in tmp_path.iterdir():
        file.write_bytes(b"no database any more " * 100)
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (503, READY | {"queue": "unavailable"})


def test_not_ready_without_the_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise OperationalError("host db.internal user secret_name")

    monkeypatch.setattr(connection, "cursor", broken)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == READY | {"database": "unavailable", "migrations": "unknown"}
    assert "secret_name" not in response.content.decode()
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_asked_from_inside_past_the_tls_proxy(path: str, client: Client, settings: Settings, db: None) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert client.get(path).status_code != 301
    assert client.get("/app/").status_code == 301
