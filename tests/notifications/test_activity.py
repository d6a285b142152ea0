"""Activity: every act is kept with who did it, shown to admins of that portal alone, and forgotten in time."""

import csv
import io
from datetime import date, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone, translation
from pytest_django import DjangoAssertNumQueries

from b24app import activity, spreadsheet, tasks
from b24app.activity import SETTINGS, WORDS, Filters, Kind
from b24app.models import Activity, Portal, PortalUser
from b24app.roles import Right
from b24app.settings_page import SettingsForm
from devportal import world
from notifications import answering, closing, dispatching, reminding, revoking
from notifications.models import Dispatch
from tests.notifications.browse import Browse
from tests.notifications.conftest import Send
from tests.notifications.requests import ask as ask_them

UTC = ZoneInfo("UTC")


@pytest.fixture
def browse(client: Client) -> Browse:
    return Browse(client)


def told(portal: Portal) -> list[tuple[str, str, str]]:
    """Who did what with which TAG, the oldest first."""
    rows = Activity.objects.filter(portal=portal).select_related("person").order_by("pk")
    return [(activity.person_name(row), activity.sentence(row), row.details.get("tag", "")) for row in rows]


def filed(answer: object) -> list[list[str]]:
    text = b"".join(answer).decode("utf-8-sig")  # type: ignore[call-overload]
    return list(csv.reader(io.StringIO(text)))


def test_what_is_sent_and_deleted_is_told(admin: PortalUser, post: Send) -> None:
    post([3, 4], tag="invoice", sub_tag="finance")
    revoking.delete(admin, "tag", "invoice")
    row = post([5]).notifications.get()
    revoking.delete_rows(admin, [row.pk])
    revoking.delete(admin, "tag", "no such tag")
    assert told(admin.portal) == [
        (admin.name, "Sent a notification to 2 people", "invoice"),
        (admin.name, "Deleted 2 notifications", "invoice"),
        (admin.name, "Sent a notification to 1 person", ""),
        (admin.name, "Deleted 1 notification", ""),
    ]


def test_what_is_done_with_a_dispatch_is_told_once(admin: PortalUser, post: Send) -> None:
    dispatch = post([3, 4], tag="a")
    Activity.objects.all().delete()
    Dispatch.objects.filter(pk=dispatch.pk).update(state=Dispatch.State.RUNNING, finished_at=None)
    for _twice in range(2):
        dispatching.pause(admin, dispatch.pk)
    for _twice in range(2):
        dispatching.resume(admin, dispatch.pk)
    Dispatch.objects.filter(pk=dispatch.pk).update(state=Dispatch.State.RUNNING, finished_at=None)
    for _twice in range(2):
        dispatching.cancel(admin, dispatch.pk)
    dispatching.take_back(admin, dispatch.pk, "all")
    acts = ("Paused", "Resumed", "Cancelled", "Took back")
    assert told(admin.portal) == [(admin.name, f"{act} a dispatch to 2 people", "a") for act in acts]


def test_what_becomes_of_a_request_is_told(admin: PortalUser, colleague: PortalUser) -> None:
    request = ask_them(admin, [colleague.user_id, 5], tag="policy")
    reminding.remind(admin, request)
    button = request.buttons[0]
    answering.answer(colleague, request.key, button["value"])
    answering.answer(colleague, request.key, button["value"])
    for _twice in range(2):
        closing.close(admin, request)
    assert told(admin.portal)[1:] == [
        (admin.name, "Reminded 2 people", "policy"),
        (colleague.name, f"Answered a request: {button['label']}", "policy"),
        (admin.name, "Closed a confirmation request", "policy"),
    ]


def test_settings_and_senders_are_told_without_the_webhook(browse: Browse, admin: PortalUser, portal: world.Portal) -> None:
    browse.post(admin, "settings/", default_type="personal", warns_admins="on", interface_language="", retention_days="90")
    browse.post(admin, "settings/", default_type="personal", warns_admins="on", interface_language="", retention_days="90")
    webhook = portal.webhook(portal.admin)
    browse.post(admin, "senders/add/", name="Warehouse", client_id="warehouse", address=webhook)
    sender = admin.portal.senders.get(kind="webhook")
    browse.post(admin, f"senders/{sender.pk}/remove/")
    assert told(admin.portal) == [
        (admin.name, "Changed settings: Keep the list of sent notifications for – 90", ""),
        (admin.name, "Added the webhook sender Warehouse", ""),
        (admin.name, "Removed the webhook sender Warehouse", ""),
    ]
    secret = webhook.rstrip("/").rsplit("/", 1)[-1]
    assert secret not in str(list(Activity.objects.values()))


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("retention_days", 90, "90"), ("bucket_drain", 2.5, "2.5"), ("bucket_capacity", None, "default"), ("tag_prefix", "hr-", "hr-"),
        ("interface_language", "de", "Deutsch"), ("interface_language", "", "default"), ("default_type", "system", "System"),
        ("warns_admins", False, "off"), ("who_may_send", "everyone", "Everyone"), ("who_may_see_all", "admins", "Administrators only"),
    ],
)  # fmt: skip
def test_a_changed_setting_is_told_with_its_new_value(admin: PortalUser, setting: str, value: object, said: str) -> None:
    activity.note(admin, Kind.SETTINGS, settings={setting: value})
    assert activity.sentence(Activity.objects.get()) == f"Changed settings: {SETTINGS[setting]} – {said}"


def test_a_right_that_was_given_is_told(browse: Browse, admin: PortalUser) -> None:
    form = {f"{right}-who": "admins" for right in ("send", "send_to_many", "see_all")}
    browse.post(admin, "settings/rights/", **{**form, "see_all-who": "everyone"})
    assert told(admin.portal) == [(admin.name, "Changed settings: Who may see and take back what others sent – Everyone", "")]


def test_every_setting_has_a_name() -> None:
    rights = {f"who_may_{right}" for right in Right}
    assert SETTINGS.keys() == {*SettingsForm.base_fields, *rights}


def test_every_kind_is_told_in_the_readers_language(admin: PortalUser) -> None:
    details = {
        "number": 1240,
        "label": "Yes",
        "settings": {"retention_days": 90},
        "name": "Robot",
        "version": 2,
        "format": "CSV",
        "tag": "a",
    }
    for kind in Kind:
        activity.note(admin, kind, **details)
    rows = list(Activity.objects.all())
    assert set(WORDS) == set(Kind) == {row.kind for row in rows}
    for language in dict(settings.LANGUAGES):
        with translation.override(language):
            assert all(activity.sentence(row) and "%" not in activity.sentence(row) for row in rows)
    assert activity.sentence(next(row for row in rows if row.kind == Kind.SENT)) == "Sent a notification to 1,240 people"


def test_filters(admin: PortalUser, colleague: PortalUser) -> None:
    activity.note(admin, Kind.SENT, number=1, tag="Счёт-4471")
    activity.note(colleague, Kind.ANSWERED, label="Agreed", tag="policy")
    activity.note(admin.portal, Kind.INSTALLED)
    Activity.objects.filter(kind=Kind.SENT).update(at=timezone.now() - timedelta(days=3))
    today = timezone.now().date()

    def kinds(**chosen: object) -> list[str]:
        found = activity.page(admin.portal, Filters(**chosen), UTC, None)  # type: ignore[arg-type]
        return [row.kind for row in found.rows]

    assert kinds() == ["installed", "answered", "sent"]
    assert kinds(kind="sent") == ["sent"]
    assert kinds(person=str(colleague.user_id)) == kinds(person=colleague.name.split()[0].lower()) == ["answered"]
    assert kinds(words="счёт") == ["sent"]
    assert kinds(words=f"agreed {colleague.name.upper()}") == ["answered"]
    assert kinds(first=today) == ["installed", "answered"]
    assert kinds(last=today - timedelta(days=1)) == ["sent"]
    assert kinds(last=date.max) == kinds(first=date.min) == kinds()


def test_page_by_page_in_few_queries(browse: Browse, admin: PortalUser, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for number in range(51):
        activity.note(admin, Kind.SENT, number=1, tag=f"matter-{number}")
    portal = Portal.objects.get(pk=admin.portal_id)
    with django_assert_num_queries(1):
        page = activity.page(portal, Filters(), UTC, None)
        assert {activity.person_name(row) for row in page.rows} == {admin.name}
    whole = browse.get(admin, "activity/", words="matter")
    assert "matter-50" in whole
    assert "matter-0<" not in whole
    rows = browse.get(admin, "activity/", before=page.next_before, words="matter")
    assert "matter-0<" in rows
    assert "Load more" not in rows
    assert 'id="activity-filter"' not in browse.get(admin, "activity/", target="activity-list")
    assert "Nothing matches" in browse.get(admin, "activity/", words="nothing of that")


def test_only_admins_and_only_their_own_portal(browse: Browse, admin: PortalUser, colleague: PortalUser, stranger: PortalUser) -> None:
    activity.note(admin, Kind.SENT, number=1, tag="ours-alone")
    Portal.objects.update(who_may_see_all="everyone")
    for path in ("activity/", "activity/file/"):
        assert browse.status(colleague, path) == 403
    assert "ours-alone" in browse.get(admin, "activity/")
    assert "ours-alone" not in browse.get(stranger, "activity/")
    assert len(filed(browse.answer(stranger, "activity/file/"))) == 1
    assert "Nothing was done yet" in browse.get(stranger, "activity/")


def test_the_file_has_what_the_filter_shows_and_no_formula(browse: Browse, admin: PortalUser) -> None:
    activity.note(admin, Kind.SENT, number=2, tag="=HYPERLINK(1)", sub_tag="s")
    activity.note(admin.portal, Kind.INSTALLED)
    head, installed, sent = filed(browse.answer(admin, "activity/file/"))
    assert head == ["Time (UTC)", "Person", "User ID", "What was done", "TAG", "SUB_TAG"]
    assert installed[1:] == ["The app by itself", "", "The app was installed", "", ""]
    assert sent[1:] == [admin.name, str(admin.user_id), "Sent a notification to 2 people", "'=HYPERLINK(1)", "s"]
    assert len(filed(browse.answer(admin, "activity/file/", kind="sent"))) == 2


def test_nothing_can_be_read_from_a_filter_that_makes_no_sense(browse: Browse, admin: PortalUser) -> None:
    activity.note(admin, Kind.SENT, number=1, tag="a")
    assert "Sent a notification" in browse.get(admin, "activity/", kind="no such", first="yesterday", before="x")


def test_it_is_kept_as_long_as_the_ledger(admin: PortalUser, stranger: PortalUser) -> None:
    for person, days in ((admin, 30), (stranger, 365)):
        activity.note(person, Kind.SENT, number=1)
        Portal.objects.filter(pk=person.portal_id).update(retention_days=days)
    Activity.objects.update(at=timezone.now() - timedelta(days=31))
    tasks.forget_old.call_local()
    assert [row.portal_id for row in Activity.objects.all()] == [stranger.portal_id]


def test_a_text_is_no_formula() -> None:
    assert [spreadsheet.cell(text) for text in ("=1", " +1", "－1", "a=1")] == ["'=1", "' +1", "'－1", "a=1"]


def test_a_second_click_on_send_is_no_second_activity(admin: PortalUser, post: Send) -> None:
    key = uuid4()
    post([3], key=key)
    post([3], key=key)
    assert len(told(admin.portal)) == 1
