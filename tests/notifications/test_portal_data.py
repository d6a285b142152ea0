"""The portal's data as files, and deleting all of it."""

import csv
import io
import json

import pytest
from django.apps import apps
from django.http import StreamingHttpResponse
from django.test import Client
from django.utils import timezone

from b24app import activity
from b24app.models import Activity, CallLog, Portal, PortalUser, Sender
from devportal import world
from devportal.server import Stand
from notifications import ledger
from notifications.models import Answer, ConfirmationRequest, Dispatch, Notification
from tests.notifications.browse import Browse
from tests.notifications.conftest import Send
from tests.notifications.requests import answer, ask

pytestmark = pytest.mark.django_db


@pytest.fixture
def browse(client: Client) -> Browse:
    return Browse(client)


@pytest.fixture
def full(admin: PortalUser, colleague: PortalUser, webhook_sender: Sender, stranger: PortalUser, post: Send) -> ConfirmationRequest:
    """Something in every table, on two portals."""
    PortalUser.objects.filter(pk__in=[admin.pk, colleague.pk]).update(last_opened_at=timezone.now())
    post([3, 5], tag="=1+1", message="Read [b]this[/b]")
    post([3], author=stranger, tag="theirs", message="Nobody else's")
    request = ask(admin, [colleague.user_id, 6])
    answer(request, colleague, "N", "No time")
    return request


def file(browse: Browse, by: PortalUser, kind: str) -> str:
    response = browse.answer(by, f"settings/data/{kind}/")
    assert isinstance(response, StreamingHttpResponse)
    assert f'.{kind}"' in response.headers["Content-Disposition"]
    return b"".join(response.streaming_content).decode()  # type: ignore[arg-type]


def table(browse: Browse, by: PortalUser) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file(browse, by, "csv").removeprefix("\ufeff"))))


def test_the_table_has_every_notification_of_this_portal_only(browse: Browse, admin: PortalUser, full: ConfirmationRequest) -> None:
    lines = table(browse, admin)
    assert len(lines) == ledger.for_portal(admin.portal).count() == 4
    assert {line["Message"] for line in lines} == {"Read this", "Read the rules"}
    assert {line["TAG"] for line in lines} >= {"'=1+1"}
    [answered] = [line for line in lines if line["Reason"]]
    assert (answered["Reason"], answered["State"], answered["User ID"]) == ("No time", "Declined", "3")


def test_the_json_file_has_everything_and_no_secret(
    browse: Browse, admin: PortalUser, full: ConfirmationRequest, webhook_sender: Sender
) -> None:
    text = file(browse, admin, "json")
    told = json.loads(text)
    assert told["portal"]["domain"] == admin.portal.domain
    assert (len(told["notifications"]), len(told["dispatches"]), len(told["requests"]), len(told["answers"])) == (4, 2, 1, 1)
    assert told["answers"][0]["reason"] == "No time"
    assert {each["name"] for each in told["senders"]} == {"App", "Robot"}
    assert {each["user_id"] for each in told["people"]} >= {1, 3, 5, 6}
    admin.refresh_from_db()
    for secret in (admin.access_token, admin.refresh_token, webhook_sender.webhook_url, "theirs", "Nobody else's"):
        assert secret not in text


LEFT_OUT = {
    # Tokens and webhooks, and how the app works them.
    "portal": (
        "application_token client_endpoint oauth_server client_id bound_version installation suspended_code suspended_at removed_at "
        "checked_at"
    ),
    "people": "access_token refresh_token expires_at refresh_claimed_at warned_at",
    "senders": "webhook_url",
    # What the app's own processes tell one another.
    "dispatches": "key search_text recipients lease_until warned_at taking_back_after change counted_change is_stale",
    "notifications": "lease_until",
    "requests": "key reminding_since",
    "answers": "tidied_at tidy_after tidy_attempts",
    "activity": "search_text",
    # Saved one by one, on the Activity tab.
    "calls": "request response",
}
"""What is not taken along of each table."""

NOT_TAKEN = {"LaunchProof", "Bucket", "MethodPause", "DispatchCount", "TagGroup", "HourCount", "Lane"}
"""Tables of which nothing is: proofs, limits and leases, which last for minutes, and sums of what is taken along."""


def test_the_json_file_has_every_table_and_column(browse: Browse, admin: PortalUser, full: ConfirmationRequest) -> None:
    Activity.objects.create(portal=admin.portal, person=admin, kind="sent", details={"number": 1})
    CallLog.objects.create(portal=admin.portal, method="profile", request={}, milliseconds=1)
    told = json.loads(file(browse, admin, "json"))
    tables = {
        "people": PortalUser, "senders": Sender, "dispatches": Dispatch, "notifications": Notification, "requests": ConfirmationRequest,
        "answers": Answer, "activity": Activity, "calls": CallLog,
    }  # fmt: skip
    ours = {model for name in ("b24app", "notifications") for model in apps.get_app_config(name).get_models()}
    assert {model.__name__ for model in ours} == {"Portal", *NOT_TAKEN} | {model.__name__ for model in tables.values()}
    assert told.keys() == {"portal", *tables}
    for name, model in {"portal": Portal, **tables}.items():
        keys = told["portal"] if name == "portal" else told[name][0]
        taken = {field.name for field in model._meta.fields if any(f"{key}_".startswith(f"{field.name}_") for key in keys)}
        columns = {field.name for field in model._meta.fields} - {"id", "portal"}
        assert columns - taken == set(LEFT_OUT[name].split()), name


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_who_took_the_data_along_stands_in_the_activity(browse: Browse, admin: PortalUser, kind: str) -> None:
    file(browse, admin, kind)
    row = Activity.objects.get()
    assert (row.person, activity.sentence(row)) == (admin, f"Saved the portal's data as {kind.upper()}")


def test_an_empty_portal_makes_valid_files(browse: Browse, admin: PortalUser) -> None:
    assert table(browse, admin) == []
    assert json.loads(file(browse, admin, "json"))["notifications"] == []


def test_is_for_admins_only(browse: Browse, colleague: PortalUser, full: ConfirmationRequest) -> None:
    Portal.objects.update(who_may_send="everyone", who_may_send_to_many="everyone", who_may_see_all="everyone")
    for part in ("", "csv/", "json/", "delete/"):
        assert browse.status(colleague, f"settings/data/{part}") == 403
    assert browse.post(colleague, "settings/data/delete/", address=colleague.portal.domain).status_code == 403
    assert Notification.objects.count() == 5


@pytest.mark.parametrize("typed", ["", "portal", "delete"])
def test_what_is_not_the_address_deletes_nothing_and_stays(
    browse: Browse, admin: PortalUser, full: ConfirmationRequest, typed: str
) -> None:
    page = browse.post(admin, "settings/data/delete/", address=typed)
    assert page.status_code == 200
    assert 'class="error"' in page.content.decode()
    assert f'value="{typed}"' in page.content.decode() or not typed
    assert Notification.objects.count() == 5


def test_deleting_leaves_the_installation_and_other_portals(
    browse: Browse, admin: PortalUser, colleague: PortalUser, stranger: PortalUser, full: ConfirmationRequest, portal: world.Portal
) -> None:
    Dispatch.objects.filter(pk=full.dispatch_id).update(state=Dispatch.State.RUNNING, finished_at=None)
    assert "4 sent notifications" in browse.get(admin, "settings/data/delete/")
    response = browse.post(admin, "settings/data/delete/", address=f" {admin.portal.domain.upper()} ")
    assert response.status_code == 204
    told = json.loads(response.headers["HX-Trigger"])
    assert "close-dialog" in told
    assert "4 notifications" in told["toast"]["text"]
    mine = {"portal": admin.portal}
    for model in (Notification, Dispatch, CallLog):
        assert not model.objects.filter(**mine).exists()
    assert not ConfirmationRequest.objects.exists()
    assert not Answer.objects.exists()
    assert [sender.kind for sender in Sender.objects.filter(**mine)] == ["app"]
    assert [row.kind for row in Activity.objects.filter(**mine)] == ["erased"]
    assert set(PortalUser.objects.filter(**mine).values_list("user_id", flat=True)) == {admin.user_id, colleague.user_id}
    # The other portal is as it was, and this one goes on.
    assert ledger.for_portal(stranger.portal).count() == 1
    assert Portal.objects.get(pk=admin.portal_id).state == "active"
    assert table(browse, admin) == []
    assert browse.status(admin, "sent/") == 200


def test_it_goes_on_sending_afterwards(browse: Browse, admin: PortalUser, full: ConfirmationRequest, post: Send, stand: Stand) -> None:
    browse.post(admin, "settings/data/delete/", address=admin.portal.domain)
    assert post([3, 5], tag="new").notifications.filter(state="sent").count() == 2
