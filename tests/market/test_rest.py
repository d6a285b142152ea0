"""The rows about what the app asks the portal, and how: through the stand-in, over HTTP."""

import ast
import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from b24app import call_log
from b24app.models import CallLog, Portal, PortalUser
from b24app.rest.client import as_person
from devportal import world
from devportal.rest.calls import METHODS
from devportal.rest.users import user_fields
from devportal.server import Stand
from notifications import api, dispatching, lane, people, preparing, revoking
from notifications.audience import Audience
from notifications.models import Dispatch, Notification
from notifications.sending import Draft
from tests.b24app.conftest import Browser
from tests.notifications.browse import Browse
from tests.notifications.conftest import Join, Send
from tests.notifications.test_views_new import form
from tests.test_settings import ROOT

pytestmark = pytest.mark.django_db


@pytest.mark.market("M10")
def test_m10_a_self_hosted_portal(join: Join, portal: world.Portal, browse: Browse) -> None:
    """A domain of its own, no limits and no `operating` in the answers: send, see, take back."""
    portal.limits = "self-hosted"
    admin = join(portal, portal.admin)
    assert "bitrix24" not in portal.domain
    browse.post(admin, "new/", **form(recipients=["3"], names=["Three"], message="Hello", tag="boxed"))
    assert [item.text for item in portal.feed(portal.person)] == ["Hello"]
    assert "boxed" in browse.get(admin, "sent/")
    browse.post(admin, "sent/delete/", tag="boxed")
    assert portal.feed(portal.person) == []


@pytest.mark.market("M13")
@pytest.mark.parametrize("code", ["INVALID_REQUEST", "ERROR_METHOD_NOT_FOUND", "PARAMS_ERROR"])
def test_m13_a_malformed_request_is_not_made_again(code: str, admin: PortalUser, post: Send, stand: Stand, browse: Browse) -> None:
    post([3], tag="invoice")
    stand.faults.order(method="im.notify.delete", code=code, times=None)
    answered = browse.post(admin, "sent/delete/", tag="invoice").content.decode()
    assert stand.log.count("im.notify.delete") == 1
    assert 'role="alert"' in answered
    assert f"Code: {code}" in answered
    assert len(re.sub(r"<[^>]*>", "", answered)) > 60, "what happened and what to do, in sentences"


@pytest.mark.market("M14")
def test_m14_five_screens_ask_nobody_who_the_person_is(admin: PortalUser, stand: Stand, browse: Browse) -> None:
    """Who it is and what stays the same was learned when the app was opened."""
    browse.get(admin, "inbox/")
    stand.log.clear()
    for screen in ("sent/", "inbox/", "new/", "activity/", "settings/"):
        browse.get(admin, screen)
    asked = [command.method for method in METHODS for command in stand.log.commands(method)]
    assert asked == ["im.notify.get"], "the inbox alone is read from the portal, because it changes"


@pytest.mark.market("M15")
@pytest.mark.django_db(transaction=True)
def test_m15_a_run_of_calls_is_made_in_batches(join: Join, stand: Stand) -> None:
    """120 notifications in three requests; the names of the 120 people came in one before."""
    large = stand.portals[2]
    admin = join(large, large.admin)
    audience = Audience(people=tuple(range(1, 121)))
    dispatch = preparing.prepare(admin, Draft("personal", "For 120 of you", tag="many"), uuid4(), None, audience)
    preparing.fill(dispatch.pk)
    assert Dispatch.objects.get().total == 120
    stand.log.clear()
    dispatching.start(admin, dispatch.pk)
    lane.run(admin.portal.pk, others_wait=lambda: False)
    assert Notification.objects.filter(state="sent").count() == 120
    requests = [entry.method for entry in stand.log.entries if any(each.method.startswith("im.notify") for each in entry.commands)]
    assert requests == ["batch"] * 3
    assert stand.log.count() == 3


@pytest.mark.market("M16")
def test_m16_what_was_asked_71_hours_ago_is_still_there(admin: PortalUser, post: Send) -> None:
    post([3])
    CallLog.objects.update(created_at=timezone.now() - timezone.timedelta(hours=71))
    assert call_log.forget_old() == 0
    assert CallLog.objects.filter(method="batch").exists()


@pytest.mark.market("M24")
def test_m24_every_script_comes_back_as_it_was_typed(admin: PortalUser, portal: world.Portal, browse: Browse) -> None:
    typed = "Проверка: größer, ¿señor?, não — 日本語, עברית 🎉"
    browse.post(admin, "new/", **form(recipients=["1"], names=["Я"], message=typed, tag="тег-ü-🎉"))
    assert portal.feed(portal.admin)[0].text == typed
    assert as_person(admin).run(api.get()).items[0].text == typed
    answer = browse.answer(admin, "sent/")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert typed in answer.content.decode()
    assert typed in browse.get(admin, "inbox/")
    assert revoking.delete(admin, "tag", "тег-ü-🎉").deleted == 1
    assert portal.feed(portal.admin) == []


@pytest.mark.market("M24")
def test_m24_every_page_says_how_it_is_encoded() -> None:
    whole = [file for file in (ROOT / "templates").rglob("*.html") if "<!doctype" in file.read_text()]
    assert len(whole) >= 5
    assert [file.name for file in whole if '<meta charset="utf-8">' not in file.read_text()] == []


def calls_in_code() -> Iterator[str]:
    """The methods of REST that code of ours can call: the first argument of every Call(…) and of what makes one."""
    for folder in ("b24app", "notifications"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in METHODS:
                    yield node.value


@pytest.mark.market("M31")
def test_m31_only_scopes_that_this_version_uses(listing: dict[str, Any], app: world.App) -> None:
    """Each method in the code needs a scope of the card, and each scope of the card is needed by a method."""
    called = set(calls_in_code())
    assert {"im.notify.personal.add", "user.get", "department.get", "placement.bind", "event.bind", "profile"} <= called
    needed = {METHODS[name].scope for name in called} - {None}
    declared = {"user" if scope.startswith("user_") else scope for scope in listing["scopes"]}
    assert needed == declared
    assert set(app.scope) == set(listing["scopes"]), "the stand-in's registration is the card's"


@pytest.mark.market("M32")
def test_m32_the_narrowest_users_scope_that_will_do(listing: dict[str, Any], portal: world.Portal) -> None:
    """user_brief has no EMAIL, by which the people of a pasted list are found; all else that is read is in user_basic (user/user-scope)."""
    known = {*user_fields(portal.person), "PERSONAL_PHOTO"}
    source = ast.parse((ROOT / people.__name__.replace(".", "/")).with_suffix(".py").read_text())
    read = {node.value for node in ast.walk(source) if isinstance(node, ast.Constant) and node.value in known}
    assert "EMAIL" in read
    assert read.isdisjoint({"LAST_LOGIN", "PERSONAL_WWW", "PERSONAL_ICQ"}), "what only the widest scope has"
    assert [scope for scope in listing["scopes"] if scope.startswith("user")] == ["user_basic"]


@pytest.mark.market("M35")
def test_m35_what_is_bound_is_what_the_card_names(listing: dict[str, Any], installed: world.Portal, app: world.App) -> None:
    installation = installed.installations[app.client_id]
    assert [binding.placement for binding in installation.placements] == listing["placements"]
    assert {binding.event for binding in installation.events} == set(listing["events"])
    assert listing["options"]["widgets"] is bool(listing["placements"])


@pytest.mark.market("M36")
def test_m36_only_administrators_install(listing: dict[str, Any], portal: world.Portal, browser_of: Browser, app: world.App) -> None:
    """An ordinary person would meet an error, so the option is off, and the installer says why."""
    portal.install(app, portal.person)
    page = browser_of.open(portal.launch(app, portal.person, installer=True))
    answer = browser_of.frame("/frame/install/", page.context["frame_token"]).json()
    assert answer == {"ok": False, "message": "Only an administrator of the portal can install the app."}
    assert Portal.objects.get().state == "installing"
    assert listing["options"]["any_user_may_install"] is False


@pytest.mark.market("M42")
def test_m42_no_advertising_mail_and_so_no_consent_to_it() -> None:
    """Nothing in the app sends mail or asks for an address to send it to."""
    sources = [file for folder in ("b24app", "notifications") for file in (ROOT / folder).rglob("*.py")]
    mails = re.compile(r"\b(?:smtplib|send_mail|send_mass_mail|EmailMessage|django\.core\.mail|newsletter|unsubscribe)\b")
    assert [file.name for file in sources if mails.search(file.read_text())] == []
    pages = [*(ROOT / "templates" / "frame").rglob("*.html"), *(ROOT / "templates" / "install").rglob("*.html")]
    assert [file.name for file in pages if re.search(r"newsletter|consent|type=.email", file.read_text())] == []
