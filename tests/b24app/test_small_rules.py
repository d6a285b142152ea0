"""Languages, roles, and the pages of errors."""

import pytest
from django.core.exceptions import SuspiciousOperation
from django.db import OperationalError, connection
from django.test import Client
from pytest_django.fixtures import Settings

from b24app import health
from b24app.languages import django_language, interface_language
from b24app.models import Portal, PortalUser
from b24app.pictures import picture
from b24app.roles import is_admin, may_see_all, may_send, may_send_to_many, may_take_back


@pytest.mark.parametrize(
    ("code", "ours"),
    [("ru", "ru"), ("RU", "ru"), ("en", "en"), ("la", "es"), ("br", "pt-br"), ("fr", "en"), ("", "en"), ("../ru", "en"), ("ua", "en")],
)
def test_languages_we_have_no_translation_for_are_english(code: str, ours: str) -> None:
    assert django_language(code) == ours


@pytest.mark.parametrize(
    ("code", "ours"),
    [
        ("la", "es"),
        ("br", "pt-br"),
        ("ua", "uk"),
        ("vn", "vi"),
        ("kz", "kk"),
        ("in", "hi"),
        ("sc", "zh-hans"),
        ("tc", "zh-hant"),
        ("de", "de"),
    ],
)
def test_the_portals_codes_are_not_bcp_47(code: str, ours: str, settings: Settings) -> None:
    """frame-protocol.md 5.5."""
    settings.LANGUAGES = [(ours, ours)]
    assert django_language(code) == ours


def test_the_portals_choice_wins_over_the_language_it_was_opened_in() -> None:
    assert interface_language(Portal(language="ru")) == "ru"
    assert interface_language(Portal(language="ru"), "fr") == "en"
    assert interface_language(Portal(language="de", interface_language="ru"), "en") == "ru"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://cdn.example/a.png", "https://cdn.example/a.png"),
        ("/upload/a.png", "https://portal.example/upload/a.png"),
        ("//cdn.example/a.png", ""),
        ("/\\cdn.example/a.png", ""),
        ("/bitrix/js/im/images/blank.gif", ""),
        ("https://portal.example/bitrix/js/im/images/blank.gif", ""),
        ("http://cdn.example/a.png", ""),
        ("mailto:a@portal.example", ""),
        ("javascript:alert(1)", ""),
        ("https://[", ""),
        ("https://cdn.example/\n", "https://cdn.example/"),
        ("https://cdn.example/a\n.png", ""),
        ("https://cdn.example/" + "a" * 500, ""),
        ("", ""),
    ],
)
def test_only_pictures_that_a_page_can_load_are_shown(address: str, shown: str, settings: Settings) -> None:
    """M19, M21: no dead pictures, and nothing that the page's own policy would block with an error in the console."""
    settings.B24_ALLOW_HTTP = False
    assert picture(address, "https://portal.example") == shown


def test_portals_over_plain_http_have_pictures_too(settings: Settings) -> None:
    settings.B24_ALLOW_HTTP = True
    assert picture("/upload/a.png", "http://portal.example") == "http://portal.example/upload/a.png"
    assert picture("/upload/a.png") == ""


@pytest.mark.parametrize(("admin", "setting", "may"), [(True, "admins", True), (False, "admins", False), (False, "everyone", True)])
def test_roles_follow_the_settings(admin: bool, setting: str, may: bool) -> None:
    portal = Portal(who_may_send=setting, who_may_send_to_many=setting, who_may_see_all=setting)
    person = PortalUser(portal=portal, is_admin=admin)
    assert (may_send(person), may_send_to_many(person), may_see_all(person), is_admin(person)) == (may, may, may, admin)


def test_sending_and_seeing_are_separate_rights() -> None:
    person = PortalUser(portal=Portal(who_may_send="everyone", who_may_see_all="admins"))
    assert (may_send(person), may_send_to_many(person), may_see_all(person), may_take_back(person)) == (True, False, False, True)


def test_who_may_send_to_many_may_send_to_one() -> None:
    person = PortalUser(portal=Portal(who_may_send="admins", who_may_send_to_many="everyone"))
    assert (may_send(person), may_send_to_many(person)) == (True, True)


@pytest.mark.parametrize(
    ("user_id", "departments", "may"), [(7, [], True), (8, [5], True), (8, [1, 6], True), (8, [4], False), (8, [], False)]
)
def test_a_right_can_be_given_to_people_and_departments(user_id: int, departments: list[int], may: bool) -> None:
    given = {"people": [{"id": 7, "name": "A"}], "departments": [{"id": 5, "name": "B", "below": True, "ids": [5, 6]}]}
    portal = Portal(who_may_send="chosen", chosen={"send": given, "see_all": given})
    person = PortalUser(portal=portal, user_id=user_id, departments=departments)
    assert (may_send(person), may_see_all(person)) == (may, False)


@pytest.mark.market("M22", "M23")
def test_a_broken_database_is_a_friendly_503(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """M22, M23: no database error and no traceback on a page."""
    client.raise_request_exception = False

    def broken(*args: object) -> None:
        raise OperationalError("no such table: secret_table")

    monkeypatch.setattr(connection, "cursor", broken)
    response = client.post("/app/", "AUTH_ID=abc&DOMAIN=a.example&member_id=abc", content_type="application/x-www-form-urlencoded")
    assert response.status_code == 503
    assert "Wait a minute" in response.content.decode()
    assert "secret_table" not in response.content.decode()


@pytest.mark.market("M22")
def test_our_own_error_is_a_friendly_500(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.raise_request_exception = False

    def broken(*args: object) -> None:
        raise ZeroDivisionError("inner workings")

    monkeypatch.setattr(health, "_works", broken)
    response = client.get("/readyz")
    assert response.status_code == 500
    assert "inner workings" not in response.content.decode()
    assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]


def test_an_unknown_address_is_a_friendly_404(client: Client) -> None:
    response = client.get("/nothing/here/")
    assert response.status_code == 404
    assert "There is no such page" in response.content.decode()


def test_a_suspicious_request_is_a_friendly_400(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def suspicious(*args: object) -> None:
        raise SuspiciousOperation("details")

    monkeypatch.setattr(health, "_works", suspicious)
    response = client.get("/readyz")
    assert response.status_code == 400
    assert "details" not in response.content.decode()


@pytest.mark.parametrize("path", ["/app/", "/nothing/here/", "/oauth/start/?domain=", "/oauth/callback/"])
def test_pages_outside_the_portal_speak_the_browsers_language(path: str, client: Client) -> None:
    """Inside it the portal says which language is spoken (LANG of the launch)."""
    russian = client.get(path, headers={"Accept-Language": "ru-RU,ru;q=0.9,en;q=0.5"})
    assert '<html lang="ru">' in russian.content.decode()
    english = client.get(path, headers={"Accept-Language": "fr"})
    assert '<html lang="en">' in english.content.decode()
