"""The Settings tab."""

import json
from datetime import timedelta
from html import unescape

import pytest
from django.http import HttpResponse
from django.utils import timezone

from b24app.models import Bucket, Portal, PortalUser
from b24app.rest import budget
from b24app.rest.errors import RestError
from devportal.server import Stand
from devportal.world import App
from devportal.world import Portal as StandPortal
from tests.b24app.conftest import Browser, rows

pytestmark = pytest.mark.django_db

FORM = {"default_type": "personal", "warns_admins": "on", "interface_language": "ru", "retention_days": "90"}


class Page:
    """The tab, as the installer's page reaches it."""

    def __init__(self, browser: Browser, token: str) -> None:
        self._browser = browser
        self._token = token

    def show(self) -> str:
        response = self._browser.frame("/frame/settings/", self._token, method="get")
        assert response.status_code == 200
        return response.content.decode()

    def save(self, **changed: str) -> HttpResponse:
        return self._browser.frame("/frame/settings/", self._token, {**FORM, **changed})

    def check(self) -> HttpResponse:
        return self._browser.frame("/frame/settings/check/", self._token)


@pytest.fixture
def tab(installed: StandPortal, app: App, browser_of: Browser) -> Page:
    return Page(browser_of, str(browser_of.open(installed.launch(app, installed.admin)).context["frame_token"]))


def said(response: HttpResponse) -> tuple[str, str]:
    told = json.loads(response.headers["HX-Trigger"])["toast"]
    return told["kind"], told["text"]


def test_saving_stores_everything_and_says_what(tab: Page) -> None:
    response = tab.save()
    assert response.status_code == 200
    portal = Portal.objects.get()
    assert (portal.interface_language, portal.retention_days) == ("ru", 90)
    kind, text = said(response)
    assert kind == "ok"
    assert "Interface language" in text
    assert "Keep the list" in text


def test_defaults_and_limits_are_saved_and_shown(tab: Page) -> None:
    page = tab.show()
    assert 'placeholder="50"' in page
    assert 'placeholder="2"' in page
    plan = "Your portal's plan has 50 requests in reserve and 2 per second."
    assert plan in unescape(page)
    wanted = {"default_type": "system", "tag_prefix": "hr-", "bucket_capacity": "250", "bucket_drain": "2.5", "interface_language": "en"}
    text = said(tab.save(**wanted))[1]
    for label in ("Type of new notifications", "TAG begins with", "Requests in reserve", "Requests per second"):
        assert label in text
    portal = Portal.objects.get()
    assert (portal.default_type, portal.tag_prefix, portal.bucket_capacity, portal.bucket_drain) == ("system", "hr-", 250, 2.5)
    assert budget.limits(portal) == budget.Limits(250, 2.5)
    assert plan in unescape(tab.show())
    tab.save(bucket_capacity="", bucket_drain="")
    assert budget.limits(Portal.objects.get()) == budget.Limits(50, 2)


@pytest.mark.parametrize(
    ("license_family", "counted", "said"),
    [("ent", True, "250 requests in reserve and 5 per second"), ("ent", False, "does not limit requests"), ("", None, "50 requests in")],
)
def test_the_limits_of_the_plan_are_told(tab: Page, license_family: str, counted: bool | None, said: str) -> None:
    Portal.objects.update(license_family=license_family)
    Bucket.objects.update_or_create(portal=Portal.objects.get(), defaults={"counted": counted})
    assert said in tab.show()


def test_saving_nothing_new_says_so(tab: Page) -> None:
    tab.save(interface_language="")
    before = rows()
    assert "Nothing was changed" in said(tab.save(interface_language=""))[1]
    assert rows() == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"retention_days": "29"}, {"retention_days": "3651"}, {"retention_days": "soon"}, {"retention_days": ""},
        {"interface_language": "xx"}, {"retention_days": "9" * 400}, {"default_type": "loud"}, {"default_type": ""},
        {"bucket_capacity": "9"}, {"bucket_capacity": "1001"}, {"bucket_capacity": "nan"}, {"bucket_drain": "0.4"}, {"bucket_drain": "101"},
        {"bucket_drain": "inf"}, {"tag_prefix": "x" * 51}, {"tag_prefix": "a\nb"},
    ],
)  # fmt: skip
def test_a_wrong_value_saves_nothing_and_keeps_what_was_typed(wrong: dict[str, str], tab: Page) -> None:
    before = rows()
    response = tab.save(**wrong)
    assert response.status_code == 200
    assert "HX-Trigger" not in response.headers
    assert rows() == before
    text = response.content.decode()
    assert 'class="error"' in text
    typed = {**FORM, **wrong}["retention_days"]
    assert f'value="{typed}"' in text or not typed


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"retention_days": "29"}, "Type 30 or more."),
        ({"bucket_drain": "0.4"}, "Type 0.5 or more."),
        ({"bucket_capacity": "1001"}, "or less."),
    ],
)
def test_a_number_out_of_bounds_is_told_the_bound(wrong: dict[str, str], said: str, tab: Page) -> None:
    assert said in tab.save(**wrong).content.decode()


def test_the_page_shows_the_connection(tab: Page, installed: StandPortal) -> None:
    text = tab.show()
    assert installed.domain in text
    assert installed.admin.full_name in text
    for name in ("department", "im", "placement", "user_basic"):
        assert f">{name}<" in text
    assert "missing" not in text
    assert "/oauth/start/" not in text


def test_missing_rights_and_dead_tokens_are_named_with_a_remedy(tab: Page, installed: StandPortal, app: App, browser_of: Browser) -> None:
    browser_of.open(installed.launch(app, installed.second_admin))
    PortalUser.objects.filter(user_id=installed.second_admin.id).update(token_state="dead")
    Portal.objects.update(scope="im,user,department", bound_version=None)
    text = tab.show()
    assert "placement: missing" in text
    assert installed.second_admin.full_name in text
    assert "opens the app again" in text
    assert f"http://testserver/oauth/start/?domain=localhost%3A{installed.port}" in text
    assert "Not bound" in text


def test_a_suspended_portal_is_shown_with_the_reason(tab: Page) -> None:
    Portal.objects.update(state="suspended", suspended_code="PAYMENT_REQUIRED")
    assert RestError("PAYMENT_REQUIRED").message in unescape(tab.show())


def test_check_connection_binds_what_is_missing_in_one_batch(tab: Page, installed: StandPortal, app: App, stand: Stand) -> None:
    installation = installed.installations[app.client_id]
    installation.placements.clear()
    installation.events = [binding for binding in installation.events if binding.event != "ONAPPUNINSTALL"]
    stand.log.clear()
    response = tab.check()
    assert said(response)[0] == "ok"
    assert [entry.method for entry in stand.log.entries] == ["batch"]
    assert "ONAPPUNINSTALL" in {binding.event for binding in installation.events}
    assert [binding.placement for binding in installation.placements] == ["REST_APP_URI"]


def test_check_connection_leaves_what_is_being_typed_beside_it(tab: Page) -> None:
    text = tab.check().content.decode()
    assert 'id="connection"' in text
    assert "<form" not in text


def test_check_connection_says_what_could_not_be_bound(tab: Page, stand: Stand) -> None:
    stand.faults.order(method="placement.bind", code="insufficient_scope", inside_batch=True)
    kind, text = said(tab.check())
    assert (kind, "links into the app" in text) == ("bad", True)
    assert Portal.objects.get().bound_version is None


def test_check_connection_says_why_the_portal_refuses(tab: Page, stand: Stand) -> None:
    stand.faults.order(method="batch", code="OVERLOAD_LIMIT")
    response = tab.check()
    assert said(response) == ("bad", RestError("OVERLOAD_LIMIT").message)
    assert RestError("OVERLOAD_LIMIT").message in unescape(response.content.decode())
    assert "The portal answers." not in response.content.decode()


def test_check_connection_lifts_a_suspension_and_says_so(tab: Page) -> None:
    Portal.objects.update(state="suspended", suspended_code="PAYMENT_REQUIRED", bound_version=None)
    text = unescape(tab.check().content.decode())
    for sentence in ("The portal answers.", "it works again", "Events and links were not bound; they are now."):
        assert sentence in text
    assert Portal.objects.get().state == "active"
    assert RestError("PAYMENT_REQUIRED").message not in text


def test_check_connection_renews_an_access_that_ran_out(tab: Page) -> None:
    PortalUser.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    assert "Your access had run out and was renewed." in tab.check().content.decode()


def test_check_connection_names_what_is_left_to_people(tab: Page, installed: StandPortal, app: App, browser_of: Browser) -> None:
    browser_of.open(installed.launch(app, installed.second_admin))
    PortalUser.objects.filter(user_id=installed.second_admin.id).update(token_state="dead")
    Portal.objects.update(scope="im,user,department")
    response = tab.check()
    text = unescape(response.content.decode())
    assert "The portal answers." in text
    assert "has not given the app these rights: placement." in text
    assert f"has ended: {installed.second_admin.full_name}." in text
    assert said(response)[0] == "bad"


def test_check_connection_uses_another_admins_access(tab: Page, installed: StandPortal, app: App, browser_of: Browser) -> None:
    browser_of.open(installed.launch(app, installed.second_admin))
    PortalUser.objects.filter(user_id=installed.admin.id).update(token_state="dead")
    Portal.objects.update(bound_version=None)
    text = unescape(tab.check().content.decode())
    assert "another administrator's was used" in text
    assert "Events and links were not bound; they are now." in text
    assert f"has ended: {installed.admin.full_name}." in text


def test_the_page_shows_the_last_call_and_the_last_error(tab: Page, stand: Stand) -> None:
    stand.faults.order(method="batch", code="OVERLOAD_LIMIT")
    tab.check()
    tab.check()
    text = tab.show()
    assert "OVERLOAD_LIMIT" in text
    assert ">batch<" in text
