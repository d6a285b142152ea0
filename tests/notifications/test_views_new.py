"""New notification, as the page asks for it."""

import json
from html import unescape
from uuid import uuid4

import pytest
from django.http import HttpResponse
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from b24app.models import Portal, PortalUser, Sender
from devportal import world
from devportal.server import Stand
from notifications.models import Dispatch, Notification
from tests.notifications.browse import Browse
from tests.notifications.conftest import Send


@pytest.fixture
def browse(client: Client) -> Browse:
    return Browse(client)


def form(**changed: object) -> dict[str, object]:
    """A complete form for two people."""
    return {
        "key": str(uuid4()),
        "recipients": ["3", "4"],
        "names": ["Three", "Four"],
        "type": "personal",
        "message": "Due on Friday",
        "tag": "invoice",
        "sub_tag": "finance",
        **changed,
    }


def told(response: HttpResponse) -> dict[str, str]:
    """The toast that came with an answer."""
    return json.loads(response["HX-Trigger"])["toast"]


def test_sends_in_one_call_and_says_so(browse: Browse, admin: PortalUser, portal: world.Portal, stand: Stand) -> None:
    response = browse.post(admin, "new/", **form())
    assert response.status_code == 204
    assert "draft-sent" in json.loads(response["HX-Trigger"])
    assert told(response) == {"kind": "ok", "text": "Sent to 2 people."}
    assert stand.log.count() == 1
    assert [item.text for item in portal.feed(portal.people[3])] == ["Due on Friday"]


def test_one_person_is_named(browse: Browse, admin: PortalUser, portal: world.Portal) -> None:
    response = browse.post(admin, "new/", **form(recipients=["3"], names=["Somebody typed this"]))
    assert told(response)["text"] == f"Sent to {portal.people[3].full_name}."


def test_the_same_key_sends_once(browse: Browse, admin: PortalUser, portal: world.Portal) -> None:
    """A second click, or a repetition after a lost answer."""
    twice = form()
    browse.post(admin, "new/", **twice)
    assert browse.post(admin, "new/", **twice).status_code == 204
    assert len(portal.feed(portal.people[3])) == 1


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"message": "  "}, "The message is empty."),
        ({"message": "x" * 20_001}, "longer than"),
        ({"recipients": [], "names": []}, "Nobody is chosen."),
        ({"recipients": ["x", "0", "-4", "9" * 30], "names": ["a", "b", "c", "d"]}, "Nobody is chosen."),
        ({"tag": "x" * 180}, "Shorten it."),
        ({"sub_tag": "a\x07b"}, "control characters"),
        ({"type": "other"}, "valid choice"),
        ({"message_out": "x" * 20_001}, "longer than"),
        ({"attach": "[{"}, "This is not JSON"),
        ({"attach": '[{"LINK": {"NAME": "Open"}}]'}, "Block 1: the address is missing."),
        ({"attach": '[{"VIDEO": "x"}]'}, "Bitrix24 knows no block VIDEO."),
        ({"attach": json.dumps([{"MESSAGE": "x" * 60_000}])}, "too large"),
        ({"key": "no key"}, "Press Send again."),
    ],
)
@pytest.mark.market("M12")
def test_what_is_wrong_is_named_and_nothing_is_lost_or_sent(
    browse: Browse, admin: PortalUser, stand: Stand, changed: dict[str, object], sentence: str
) -> None:
    """market-checklist.md M12: data known to be wrong never leaves."""
    filled = form(**changed)
    page = browse.post(admin, "new/", **filled).content.decode()
    assert sentence in page
    assert 'class="error"' in page or 'class="notice notice-bad"' in page
    for kept in (filled["tag"], "Due on Friday" if "message" not in changed else "", "Three" if "recipients" not in changed else ""):
        assert str(kept) in page
    assert (f'value="{filled["key"]}"' in page) == ("key" not in changed)
    assert stand.log.count() == 0
    assert not Dispatch.objects.exists()


def test_names_are_text(browse: Browse, admin: PortalUser) -> None:
    page = browse.post(admin, "new/", **form(message="", names=["<b>Three</b>", "Four"])).content.decode()
    assert "&lt;b&gt;Three" in page
    assert "<b>Three" not in page


def test_some_who_cannot_be_reached_are_counted(browse: Browse, admin: PortalUser, portal: world.Portal) -> None:
    """bitrix24.md 6.12: a dismissed recipient gives false."""
    portal.dismiss(portal.people[4])
    assert told(browse.post(admin, "new/", **form())) == {
        "kind": "bad",
        "text": "Sent to 1 of 2 people. The list says why the others could not be reached.",
    }


def test_when_nobody_could_be_reached_the_form_stays_for_another_attempt(browse: Browse, admin: PortalUser, portal: world.Portal) -> None:
    portal.dismiss(portal.people[4])
    first = form(recipients=["4"], names=["Four"])
    page = browse.post(admin, "new/", **first).content.decode()
    assert "Nobody could be reached" in page
    assert "Due on Friday" in page
    # The old key stands for the attempt that failed, and would send nothing.
    assert str(first["key"]) not in page


def test_a_send_of_unknown_fate_is_told_as_such(browse: Browse, admin: PortalUser, stand: Stand) -> None:
    stand.faults.order(method="batch", kind="cut_after")
    assert told(browse.post(admin, "new/", **form()))["kind"] == "info"
    assert set(Notification.objects.values_list("state", flat=True)) == {Notification.State.UNKNOWN}


@pytest.mark.parametrize(("kind", "author"), [("personal", "Marta"), ("system", "Tagged Notifications")])
def test_the_preview_shows_the_card(browse: Browse, admin: PortalUser, stand: Stand, kind: str, author: str) -> None:
    name = admin.name if kind == "personal" else author
    page = browse.post(admin, "new/preview/", **form(type=kind, message="[b]Due[/b] <script>")).content.decode()
    assert name in page
    assert "<b>Due</b> &lt;script&gt;" in page
    assert "invoice" in page
    assert stand.log.count() == 0


def test_everything_reaches_the_portal(browse: Browse, admin: PortalUser, portal: world.Portal, stand: Stand) -> None:
    """The e-mail text is kept for a repetition of unknown fate as well (Dispatch)."""
    attach = {"ID": 1, "COLOR_TOKEN": "primary", "BLOCKS": [{"LINK": {"LINK": "https://example.com", "NAME": "Open"}}]}
    browse.post(admin, "new/", **form(message_out="By e-mail", attach=json.dumps(attach, indent=2), type="system"))
    [first, _second] = stand.log.commands("im.notify.system.add")
    assert first.params["MESSAGE_OUT"] == "By e-mail"
    assert json.loads(first.params["ATTACH"]) == attach
    assert portal.feed(portal.people[3])[0].attach == attach
    dispatch = Dispatch.objects.get()
    assert (dispatch.message_out, dispatch.attach) == ("By e-mail", attach)


def test_a_failed_call_leaves_the_form_alone(browse: Browse, admin: PortalUser, stand: Stand) -> None:
    """The page keeps what it shows, and the same key sends in the next attempt."""
    stand.faults.order(method="batch", code="OVERLOAD_LIMIT")
    filled = form()
    response = browse.post(admin, "new/", **filled)
    assert response["HX-Reswap"] == "none"
    assert told(response)["kind"] == "bad"
    assert browse.post(admin, "new/", **filled).status_code == 204


class TestHelp:
    """What is offered while writing."""

    def test_people(self, browse: Browse, admin: PortalUser, portal: world.Portal, stand: Stand) -> None:
        portal.person.name, portal.person.last_name = "Nora", "<i>Nightingale"
        page = browse.get(admin, "new/people/", words="nora")
        assert f'data-id="{portal.person.id}"' in page
        assert "&lt;i&gt;Nightingale" in page
        assert "<i>" not in page
        assert "1 person found" in page
        assert stand.log.count() == 1

    def test_nobody(self, browse: Browse, admin: PortalUser, stand: Stand) -> None:
        assert "Nobody of this name was found." in browse.get(admin, "new/people/", words="zzzzz")

    def test_people_are_for_those_who_may_send(self, browse: Browse, colleague: PortalUser, stand: Stand) -> None:
        assert browse.status(colleague, "new/people/", words="nora") == 403
        assert stand.log.count() == 0

    def test_tags_used_before(self, browse: Browse, admin: PortalUser, stranger: PortalUser, post: Send) -> None:
        post([3], tag='"quoted"', sub_tag="finance")
        page = browse.get(admin, "new/")
        assert '<option value="&quot;quoted&quot;">' in page
        assert '<option value="finance">' in page
        assert "quoted" not in browse.get(stranger, "new/")


class TestPreview:
    def preview(self, browse: Browse, person: PortalUser, **changed: object) -> str:
        return unescape(browse.post(person, "new/preview/", **form(**changed)).content.decode())

    def test_shows_the_attachment_and_its_size(self, browse: Browse, admin: PortalUser) -> None:
        attach = {"COLOR": "#29619b", "BLOCKS": [{"GRID": [{"NAME": "Sum", "VALUE": "5 [b]€[/b]"}]}]}
        page = self.preview(browse, admin, attach=json.dumps(attach))
        assert "<dt>Sum</dt><dd>5 <b>€</b></dd>" in page
        assert 'fill="#29619b"' in page
        compact = json.dumps(attach, ensure_ascii=False, separators=(",", ":"))
        # The portal's JSON writes a slash as two characters.
        assert f"{len(compact) + compact.count('/')} of 60,000 characters" in page

    @pytest.mark.parametrize(
        ("attach", "sentence"),
        [
            ("[", "This is not JSON"),
            ('[{"LINK": {"LINK": ""}}]', "Block 1: the address is missing."),
            (json.dumps([{"MESSAGE": "x" * 60_000}]), "The attachment is too large."),
        ],
    )
    def test_says_what_an_attachment_still_lacks(self, browse: Browse, admin: PortalUser, attach: str, sentence: str) -> None:
        assert sentence in self.preview(browse, admin, attach=attach)

    def test_unsafe_addresses_are_no_links(self, browse: Browse, admin: PortalUser) -> None:
        page = self.preview(
            browse, admin, attach='[{"LINK": {"NAME": "x", "LINK": "javascript:alert(1)"}}]', message="[url=javascript:1]y[/url]"
        )
        assert "javascript" not in page.split("attach-problem")[0]

    def test_a_picture_that_the_page_may_not_load_is_a_link(self, browse: Browse, admin: PortalUser, settings: Settings) -> None:
        settings.B24_ALLOW_HTTP = False
        picture = '[{"IMAGE": {"NAME": "Plan", "LINK": "%s://cdn.example/plan.png"}}]'
        assert '<img src="https://cdn.example/plan.png"' in self.preview(browse, admin, attach=picture % "https")
        page = self.preview(browse, admin, attach=picture % "http")
        assert "<img" not in page
        assert '<a href="http://cdn.example/plan.png"' in page
        assert ">Plan</a>" in page

    def test_warns_what_the_tag_replaces_and_whose(
        self, browse: Browse, admin: PortalUser, portal: world.Portal, post: Send, stand: Stand
    ) -> None:
        post([3], tag="invoice")
        post([5], tag="invoice")
        page = self.preview(browse, admin)
        assert "This TAG is in use: sending replaces 1 notification." in page
        assert f"{portal.people[3].full_name}: from {admin.name}, today" in page
        assert portal.people[5].full_name not in page
        assert stand.log.count() == 0
        assert "This TAG is in use" not in self.preview(browse, admin, tag="free")

    def test_costs_the_same_however_much_is_replaced(
        self, browse: Browse, admin: PortalUser, post: Send, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        """The person, the senders, the rows."""
        people = [str(number) for number in range(1, 11)]
        post([int(number) for number in people], tag="invoice")
        with django_assert_max_num_queries(3):
            page = self.preview(browse, admin, recipients=people, names=people)
        assert "sending replaces 10 notifications." in page
        assert "and 5 more" in page

    def test_a_webhooks_notification_comes_from_its_owner(
        self, browse: Browse, admin: PortalUser, colleague: PortalUser, webhook_sender: Sender, portal: world.Portal
    ) -> None:
        """Personal ones; what the webhook sends as System does not begin with the app's name (bitrix24.md 6.11)."""
        webhook_sender.webhook_url = portal.webhook(portal.person)
        webhook_sender.save()
        page = self.preview(browse, admin, sender=webhook_sender.pk)
        assert f'<span class="note-name">{colleague.name}</span>' in page
        assert f"Personal notifications come from {colleague.name}" in page
        assert f"CLIENT_ID “robot”: Bitrix24 keeps them as {webhook_sender.namespace}…" in page
        assert "Can be taken back by" in page
        assert "Tagged Notifications" not in self.preview(browse, admin, sender=webhook_sender.pk, type="system")
        assert "robot/" not in page

    def test_a_webhook_without_client_id_warns(self, browse: Browse, admin: PortalUser, webhook_sender: Sender) -> None:
        """bitrix24.md 6.2: its tags can never be deleted."""
        Sender.objects.filter(pk=webhook_sender.pk).update(client_id="")
        page = self.preview(browse, admin, sender=webhook_sender.pk)
        assert "Bitrix24 will never let anybody take back" in page
        assert "Can be taken back by" not in page
        assert browse.post(admin, "new/", **form(sender=webhook_sender.pk)).status_code == 204

    def test_the_app_names_its_own_namespace(self, browse: Browse, admin: PortalUser, app_sender: Sender, webhook_sender: Sender) -> None:
        assert f"keeps them as {app_sender.namespace}…" in self.preview(browse, admin)


class TestSender:
    """A portal can have webhooks that send with a CLIENT_ID of their own."""

    def test_is_no_question_where_only_the_app_sends(self, browse: Browse, admin: PortalUser) -> None:
        assert 'name="sender"' not in browse.get(admin, "new/")

    def test_the_chosen_one_sends(self, browse: Browse, admin: PortalUser, webhook_sender: Sender, stand: Stand) -> None:
        assert "Robot" in browse.get(admin, "new/")
        browse.post(admin, "new/", **form(sender=webhook_sender.pk))
        assert set(Notification.objects.values_list("sender", flat=True)) == {webhook_sender.pk}
        assert "Robot" in browse.get(admin, "sent/")

    def test_another_portals_sender_cannot_be_chosen(
        self, browse: Browse, admin: PortalUser, stranger: PortalUser, webhook_sender: Sender, stand: Stand
    ) -> None:
        theirs = Sender.objects.get(portal=stranger.portal)
        assert "valid choice" in browse.post(admin, "new/", **form(sender=theirs.pk)).content.decode()
        assert stand.log.count() == 0


def test_begins_with_the_portals_type_and_prefix(browse: Browse, admin: PortalUser) -> None:
    Portal.objects.update(default_type="system", tag_prefix="hr-")
    page = browse.get(admin, "new/")
    assert '<option value="system" selected>' in page
    assert 'value="hr-"' in page
    browse.post(admin, "new/", **form(tag="hr- ", sub_tag=""))
    browse.post(admin, "new/", **form(tag="hr-7"))
    assert list(Dispatch.objects.order_by("id").values_list("tag", flat=True)) == ["", "hr-7"]
