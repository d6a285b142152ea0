"""Webhook senders on the Settings tab: added after one call, shown masked, marked when refused, and their tags their own."""

import hashlib
import html
import logging
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.db import connection
from django.http import HttpResponse
from pytest_django.fixtures import Settings

from b24app import senders
from b24app.models import CallLog, Portal, PortalUser, Sender
from b24app.rest.client import as_webhook
from b24app.rest.errors import RestError
from devportal.server import Stand
from devportal.world import App
from devportal.world import Portal as StandPortal
from notifications import api, revoking, sending
from notifications.models import Notification
from tests.b24app.conftest import Browser, rows
from tests.b24app.floor import plain

pytestmark = pytest.mark.django_db

PROBE = "im.notify.schema.get"


class Admin:
    """The Settings tab in an admin's hands."""

    def __init__(self, browser: Browser, token: str, portal: StandPortal) -> None:
        self.browser, self.token, self.portal = browser, token, portal
        self.bodies: list[str] = []

    def get(self, path: str) -> HttpResponse:
        return self._kept(self.browser.frame(path, self.token, method="get"))

    def post(self, path: str, **data: Any) -> HttpResponse:
        return self._kept(self.browser.frame(path, self.token, data))

    def add(self, address: str, name: str = "Warehouse", client_id: str = "warehouse", **more: Any) -> HttpResponse:
        return self.post("/frame/senders/add/", name=name, client_id=client_id, address=address, **more)

    def webhook(self, **kwargs: Any) -> str:
        return self.portal.webhook(self.portal.admin, **kwargs)

    def _kept(self, response: HttpResponse) -> HttpResponse:
        self.bodies.append(f"{response.headers} {response.content.decode()}")
        return response


@pytest.fixture
def admin(install: Callable[..., str], browser_of: Browser, portal: StandPortal, stand: Stand) -> Admin:
    """The portal's admin with the app installed; no request counted yet."""
    cache.clear()
    token = install(portal)
    stand.log.clear()
    return Admin(browser_of, token, portal)


@pytest.fixture
def added(admin: Admin, stand: Stand) -> Sender:
    """A webhook sender with CLIENT_ID "warehouse"."""
    assert not is_refused(admin.add(admin.webhook()))
    stand.log.clear()
    return webhook_sender()


def webhook_sender() -> Sender:
    return Sender.objects.select_related("portal").get(kind="webhook")


def secret_of(address: str) -> str:
    return address.rstrip("/").rpartition("/")[2]


def text(response: HttpResponse) -> str:
    return html.unescape(response.content.decode())


def is_refused(response: HttpResponse) -> bool:
    """Whether the form came back with an error, and without the toast and the list that an added sender brings."""
    is_error = 'class="error"' in response.content.decode()
    assert is_error is ("HX-Trigger" not in response.headers)
    return response.status_code == 200 and is_error


def revoke(portal: StandPortal, address: str) -> None:
    """What the webhook's owner does in the portal: delete it."""
    del portal.webhooks[secret_of(address)]


def person(portal: StandPortal) -> PortalUser:
    return PortalUser.objects.select_related("portal").get(portal__member_id=portal.member_id, user_id=portal.admin.id)


def draft(tag: str) -> sending.Draft:
    return sending.Draft(Notification.Type.PERSONAL, "The pallet has arrived", tag)


# Adding


def test_a_good_webhook_is_added_after_one_call(admin: Admin, stand: Stand) -> None:
    address = admin.webhook()
    response = admin.add(address)
    assert not is_refused(response)
    assert "Warehouse is added" in response.headers["HX-Trigger"]
    assert [entry.method for entry in stand.log.entries] == [PROBE]
    sender = webhook_sender()
    assert (sender.name, sender.client_id, sender.webhook_url, sender.broken_code) == ("Warehouse", "warehouse", address, "")
    card = text(admin.get("/frame/senders/"))
    assert f"/rest/{admin.portal.admin.id}/••••••/" in card
    assert sender.namespace in card
    assert [each.kind for each in senders.usable(sender.portal)] == ["app", "webhook"]


@pytest.mark.parametrize(
    "typed", ["{0}", " {0}\n", "{1}", "{1}/profile.json", "{1}/im.notify.json?USER_ID=1&MESSAGE=Hello", "{2}\r\n  {3}", "{4}"]
)
def test_a_pasted_address_may_carry_what_bitrix24_and_editors_add(admin: Admin, typed: str) -> None:
    address = admin.webhook()
    bare = address.rstrip("/")
    shapes = (address, bare, bare[:20], bare[20:], address.replace("http://localhost", "HTTP://LocalHost"))
    assert not is_refused(admin.add(typed.format(*shapes)))
    assert webhook_sender().webhook_url == address


@pytest.mark.parametrize(
    "typed",
    [
        "hello",
        "{portal}",
        "{portal}/rest/",
        "{portal}/rest/7/",
        "{portal}/rest/0/abc123/",
        "{portal}/rest/7/profile.json",
        "{portal}/rest/me/abc123/",
        "{portal}/marketplace/rest/7/abc123/",
        "{portal}/rest/7/abc123/a/b/",
        "{portal}@attacker.example/rest/7/abc123/",
        "ftp://{host}/rest/7/abc123/",
        "javascript:alert(1)",
    ],
)
def test_what_is_no_webhook_address_is_refused_without_a_call(admin: Admin, stand: Stand, typed: str) -> None:
    before = rows()
    response = admin.add(typed.format(portal=admin.portal.url, host=admin.portal.domain))
    assert is_refused(response)
    assert "This is not the address of an inbound webhook" in text(response) or "belongs to another portal" in text(response)
    assert stand.log.entries == []
    assert rows() == before


def test_a_webhook_of_another_portal_is_refused_without_a_call(admin: Admin, stand: Stand, other_portal: StandPortal) -> None:
    response = admin.add(other_portal.webhook(other_portal.admin))
    assert is_refused(response)
    assert f"This webhook belongs to another portal. Create one on {admin.portal.domain}" in text(response)
    assert stand.log.entries == []
    assert not Sender.objects.filter(kind="webhook").exists()


def test_a_secure_portals_webhook_is_not_called_in_the_clear(admin: Admin, stand: Stand) -> None:
    Portal.objects.update(client_endpoint=f"https://{admin.portal.domain}/rest/")
    response = admin.add(admin.webhook())
    assert is_refused(response)
    assert "has to begin with https://" in text(response)
    assert stand.log.entries == []


def test_a_private_host_is_refused_unless_allowed(admin: Admin, stand: Stand, settings: Settings) -> None:
    """design.md 6: hosts are resolved and refused when private."""
    settings.B24_ALLOW_PRIVATE_HOSTS = False
    # An open connection has been checked when it was made: this one is to be a new one.
    domain = f"127.0.0.1:{admin.portal.domain.partition(':')[2]}"
    Portal.objects.update(domain=domain)
    response = admin.add(admin.webhook().replace(admin.portal.domain, domain))
    assert is_refused(response)
    assert "may not connect to this portal's address" in text(response)
    assert stand.log.entries == []
    assert not Sender.objects.filter(kind="webhook").exists()


def test_a_revoked_webhook_is_refused(admin: Admin) -> None:
    address = admin.webhook()
    revoke(admin.portal, address)
    response = admin.add(address)
    assert is_refused(response)
    assert "Bitrix24 does not accept this webhook" in text(response)
    assert not Sender.objects.filter(kind="webhook").exists()


def test_a_webhook_without_the_permission_is_refused(admin: Admin) -> None:
    response = admin.add(admin.webhook(scope=("user",)))
    assert is_refused(response)
    assert "give it the permission “Chat and Notifications (im)”" in text(response)
    assert not Sender.objects.filter(kind="webhook").exists()


def test_a_portal_that_cannot_be_asked_changes_nothing_and_touches_no_field(admin: Admin, stand: Stand) -> None:
    stand.faults.order(method=PROBE, code="OVERLOAD_LIMIT")
    before = rows()["b24app.Sender"]
    response = admin.add(admin.webhook())
    assert response.status_code == 502
    assert response.headers["HX-Reswap"] == "none"
    assert rows()["b24app.Sender"] == before


def test_a_client_id_belongs_to_one_sender(admin: Admin, added: Sender, stand: Stand) -> None:
    """Tags of one CLIENT_ID are one namespace (bitrix24.md 6.2)."""
    response = admin.add(admin.webhook(), name="Office")
    assert is_refused(response)
    assert "“Warehouse” already has this CLIENT_ID" in text(response)
    assert stand.log.entries == []
    assert not is_refused(admin.add(admin.webhook(), name="Office", client_id="office"))


def test_two_admins_adding_the_same_client_id_at_once_get_one_sender(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other admin is done while the portal answers this one."""
    tried = senders._try

    def slowly(sender: Sender) -> None:
        tried(sender)
        Sender.objects.create(portal=sender.portal, kind="webhook", name="Faster", client_id="warehouse", webhook_url=admin.webhook())

    monkeypatch.setattr(senders, "_try", slowly)
    response = admin.add(admin.webhook())
    assert is_refused(response)
    assert "“Faster” already has this CLIENT_ID" in text(response)
    assert webhook_sender().name == "Faster"


def test_without_client_id_the_admin_decides_knowing_what_it_means(admin: Admin, stand: Stand) -> None:
    """im.notify.delete by webhook without CLIENT_ID answers ACCESS_DENIED "Client ID not specified" (bitrix24.md 6.2)."""
    address = admin.webhook()
    response = admin.add(address, client_id="  ")
    assert is_refused(response)
    assert "Bitrix24 will never let anybody take them back by TAG or SUB_TAG" in text(response)
    assert stand.log.entries == []
    assert not is_refused(admin.add(address, client_id="  ", without_client_id="on"))
    assert webhook_sender().client_id == ""
    assert "Without CLIENT_ID: what it sends cannot be taken back" in text(admin.get("/frame/senders/"))
    with pytest.raises(RestError) as refused:
        as_webhook(webhook_sender()).run(api.delete(tag="pallet-7"))
    assert refused.value.code == "ACCESS_DENIED"
    assert "Client ID not specified" in refused.value.description


def test_what_was_typed_stays_and_the_address_is_left_to_the_page(admin: Admin) -> None:
    """The page keeps the very field with the address (hx-preserve); the server never sends it back."""
    address = admin.webhook()
    admin.add(address)
    response = admin.add(address, name="<b>Office</b>", client_id="warehouse", without_client_id="on")
    body = response.content.decode()
    assert is_refused(response)
    assert 'value="&lt;b&gt;Office&lt;/b&gt;"' in body
    assert 'value="warehouse"' in body
    assert "checked" in body
    assert 'hx-preserve="true"' in body
    assert secret_of(address) not in body
    assert 'hx-preserve="true"' not in admin.add(admin.webhook(), name="Office", client_id="office").content.decode()


# Who may


def test_only_admins_and_only_with_a_token(admin: Admin, added: Sender, app: App, stand: Stand) -> None:
    token = str(admin.browser.open(admin.portal.launch(app, admin.portal.person)).context["frame_token"])
    stand.log.clear()
    before = rows()
    for method, path in (
        ("get", "/frame/senders/"),
        ("post", "/frame/senders/add/"),
        ("get", f"/frame/senders/{added.pk}/remove/"),
        ("post", f"/frame/senders/{added.pk}/remove/"),
        ("post", f"/frame/senders/{added.pk}/check/"),
    ):
        data = {"name": "Mine", "client_id": "mine", "address": admin.webhook()}
        assert admin.browser.frame(path, token, data if method == "post" else None, method).status_code == 403
        assert admin.browser.frame(path, "", data if method == "post" else None, method).status_code == 401
    assert stand.log.entries == []
    assert rows() == before


def test_another_portals_sender_is_neither_seen_nor_touched(
    admin: Admin, added: Sender, install: Callable[..., str], other_portal: StandPortal, stand: Stand
) -> None:
    stranger = Admin(admin.browser, install(other_portal), other_portal)
    stand.log.clear()
    before = rows()
    assert "••••••" not in text(stranger.get("/frame/senders/"))
    assert stranger.get(f"/frame/senders/{added.pk}/remove/").status_code == 404
    assert stranger.post(f"/frame/senders/{added.pk}/remove/").status_code == 404
    assert stranger.post(f"/frame/senders/{added.pk}/check/").status_code == 404
    assert stand.log.entries == []
    assert rows() == before
    # The same CLIENT_ID on another portal is another sender.
    assert not is_refused(stranger.add(stranger.webhook()))
    assert Sender.objects.filter(kind="webhook", client_id="warehouse").count() == 2


def test_the_app_itself_cannot_be_removed_or_checked(admin: Admin) -> None:
    app_sender = Sender.objects.get(kind="app")
    assert admin.post(f"/frame/senders/{app_sender.pk}/remove/").status_code == 404
    assert admin.post(f"/frame/senders/{app_sender.pk}/check/").status_code == 404


# Secrets


def test_the_secret_is_nowhere_but_encrypted_in_its_row(
    admin: Admin, stand: Stand, caplog: pytest.LogCaptureFixture, settings: Settings
) -> None:
    """Adding, refusals, sending, deleting, checking, breakage: in no page, header, log, call log or error."""
    caplog.set_level(logging.DEBUG)
    address = admin.webhook()
    admin.add(address, client_id="")
    admin.add(address)
    admin.add(address)
    sender = webhook_sender()
    sending.send(person(admin.portal), [3], draft("pallet-7"), uuid4(), sender)
    revoking.delete(person(admin.portal), "tag", "pallet-7", sender)
    admin.get("/frame/senders/")
    admin.get("/frame/settings/")
    stand.faults.order(method=PROBE, kind="cut_after")
    admin.post(f"/frame/senders/{sender.pk}/check/")
    stand.faults.order(method=PROBE, kind="html", status=403)
    admin.post(f"/frame/senders/{sender.pk}/check/")
    revoke(admin.portal, address)
    admin.post(f"/frame/senders/{sender.pk}/check/")
    with pytest.raises(RestError) as refused:
        as_webhook(sender).run(plain(PROBE))
    admin.get(f"/frame/senders/{sender.pk}/remove/")
    admin.post(f"/frame/senders/{sender.pk}/remove/")

    secret = secret_of(address)
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith(("devportal", "werkzeug"))]
    assert len(admin.bodies) == 10
    assert CallLog.objects.count() > 5
    for place in (*admin.bodies, *ours, str(list(CallLog.objects.values())), repr(refused.value), refused.value.description):
        assert secret not in place


def test_the_address_is_encrypted_at_rest(added: Sender) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT webhook_url FROM b24app_sender WHERE kind = 'webhook'")
        [(stored,)] = cursor.fetchall()
    assert added.webhook_url.startswith("http")
    assert secret_of(added.webhook_url) not in stored
    assert "rest" not in stored


# Refusal and mending


def test_a_sending_through_a_revoked_webhook_marks_the_sender(admin: Admin, added: Sender) -> None:
    revoke(admin.portal, added.webhook_url)
    with pytest.raises(RestError, match="INVALID_CREDENTIALS"):
        sending.send(person(admin.portal), [3], draft("pallet-7"), uuid4(), added)
    assert webhook_sender().broken_code == "INVALID_CREDENTIALS"
    card = text(admin.get("/frame/senders/"))
    assert "Bitrix24 does not accept this webhook" in card
    assert "add it below with the same CLIENT_ID" in card
    assert [each.kind for each in senders.usable(added.portal)] == ["app"]


def test_a_deletion_through_a_revoked_webhook_marks_the_sender(admin: Admin, added: Sender) -> None:
    sending.send(person(admin.portal), [3], draft("pallet-7"), uuid4(), added)
    revoke(admin.portal, added.webhook_url)
    with pytest.raises(RestError, match="INVALID_CREDENTIALS"):
        revoking.delete(person(admin.portal), "tag", "pallet-7", added)
    assert webhook_sender().broken_code == "INVALID_CREDENTIALS"


def test_a_webhook_that_lost_its_permission_is_marked_although_its_batch_comes_through(admin: Admin, added: Sender) -> None:
    """doc batch: HTTP 200 although every command failed."""
    admin.portal.webhooks[secret_of(added.webhook_url)].scope = ("crm",)
    sending.send(person(admin.portal), [3], draft("pallet-7"), uuid4(), added)
    assert webhook_sender().broken_code == "INSUFFICIENT_SCOPE"
    assert "give it the permission “Chat and Notifications (im)”" in text(admin.get("/frame/senders/"))


def test_a_webhook_that_may_not_read_names_sends_and_is_not_marked(admin: Admin) -> None:
    """The names of unknown recipients come with the sending; user.get needs scope user (bitrix24.md 7), sending needs im alone."""
    admin.add(admin.webhook(scope=("im",)))
    dispatch = sending.send(person(admin.portal), [3], draft("pallet-7"), uuid4(), webhook_sender())
    assert [row.state for row in dispatch.notifications.all()] == ["sent"]
    assert webhook_sender().broken_code == ""


def test_check_marks_and_clears(admin: Admin, added: Sender) -> None:
    secret = secret_of(added.webhook_url)
    webhook = admin.portal.webhooks.pop(secret)
    response = admin.post(f"/frame/senders/{added.pk}/check/")
    assert response.status_code == 200
    assert "Refused" in text(response)
    assert "Warehouse does not work." in response.headers["HX-Trigger"]
    assert webhook_sender().broken_code == "INVALID_CREDENTIALS"

    admin.portal.webhooks[secret] = webhook
    response = admin.post(f"/frame/senders/{added.pk}/check/")
    assert "Warehouse works" in response.headers["HX-Trigger"]
    assert "Refused" not in text(response)
    assert webhook_sender().broken_code == ""


def test_a_portal_that_cannot_be_asked_says_nothing_about_the_webhook(admin: Admin, added: Sender, stand: Stand) -> None:
    stand.faults.order(method=PROBE, code="OVERLOAD_LIMIT")
    assert admin.post(f"/frame/senders/{added.pk}/check/").status_code == 502
    assert webhook_sender().broken_code == ""


def test_a_new_webhook_with_the_same_client_id_takes_the_broken_ones_place(admin: Admin, added: Sender) -> None:
    sending.send(person(admin.portal), [3], draft("pallet-7"), uuid4(), added)
    revoke(admin.portal, added.webhook_url)
    admin.post(f"/frame/senders/{added.pk}/check/")
    address = admin.webhook()
    assert not is_refused(admin.add(address, name="New warehouse"))
    sender = webhook_sender()
    assert (sender.pk, sender.name, sender.webhook_url, sender.broken_code) == (added.pk, "New warehouse", address, "")
    assert [result.deleted for result in revoking.delete(person(admin.portal), "tag", "pallet-7", sender).results] == [True]


# Removing


def test_an_unused_sender_is_deleted(admin: Admin, added: Sender) -> None:
    assert "Remove Warehouse?" in text(admin.get(f"/frame/senders/{added.pk}/remove/"))
    response = admin.post(f"/frame/senders/{added.pk}/remove/")
    assert "Warehouse is removed." in response.headers["HX-Trigger"]
    assert not Sender.objects.filter(kind="webhook").exists()


def test_a_sender_with_history_keeps_it_and_loses_the_address(admin: Admin, added: Sender, stand: Stand) -> None:
    sending.send(person(admin.portal), [3], draft("pallet-7"), uuid4(), added)
    response = admin.post(f"/frame/senders/{added.pk}/remove/")
    assert "Warehouse cannot send any more." in response.headers["HX-Trigger"]
    assert "No webhook" in text(response)
    assert "Its webhook was removed here. Create a new one in Bitrix24 and add it below with the same CLIENT_ID" in text(response)
    kept = webhook_sender()
    assert (kept.webhook_url, kept.namespace) == ("", added.namespace)
    assert Notification.objects.get().sender == kept
    assert [each.kind for each in senders.usable(kept.portal)] == ["app"]

    stand.log.clear()
    with pytest.raises(RestError, match="NO_WEBHOOK"):
        revoking.delete(person(admin.portal), "tag", "pallet-7", kept)
    assert stand.log.entries == []
    assert not is_refused(admin.add(admin.webhook()))
    assert [result.deleted for result in revoking.delete(person(admin.portal), "tag", "pallet-7", webhook_sender()).results] == [True]


# Whose tags


def test_a_webhook_sender_sends_into_the_namespace_of_its_client_id(admin: Admin, added: Sender, stand: Stand) -> None:
    """bitrix24.md 6.2: MP|<5 hex of md5("custom" + CLIENT_ID)>|<tag>."""
    sending.send(person(admin.portal), [3, 4], draft("pallet-7"), uuid4(), added)
    commands = stand.log.commands("im.notify")
    assert [command.params["CLIENT_ID"] for command in commands] == ["warehouse", "warehouse"]
    prefix = hashlib.md5(b"customwarehouse").hexdigest()[:5]
    item = admin.portal.feed(admin.portal.people[3])[0]
    assert item.tag == f"MP|{prefix}|pallet-7|3"
    assert item.sub_tag.startswith(f"MP|{prefix}|")


def test_a_tag_is_deleted_through_its_own_sender_only(admin: Admin, added: Sender) -> None:
    """bitrix24.md 6.2: the namespace is the sender's; 6.7: a deletion that matches nothing answers true as well."""
    admin.add(admin.webhook(), name="Office", client_id="office")
    office = Sender.objects.select_related("portal").get(name="Office")
    author = person(admin.portal)
    sending.send(author, [3], draft("pallet-7"), uuid4(), added)

    assert as_webhook(office).run(api.delete(tag="pallet-7|3", client_id="office"))
    assert revoking.delete(author, "tag", "pallet-7").results == []
    assert revoking.delete(author, "tag", "pallet-7", office).results == []
    assert len(admin.portal.feed(admin.portal.people[3])) == 1

    [result] = revoking.delete(author, "tag", "pallet-7", added).results
    assert result.deleted
    assert admin.portal.feed(admin.portal.people[3]) == []
