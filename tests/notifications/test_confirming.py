"""Pressing portal buttons by TAG or SUB_TAG: one look, one press, and the reason for what cannot be pressed."""

import pytest

from b24app.models import PortalUser
from b24app.rest.client import as_person
from b24app.rest.errors import RestError
from devportal import world
from devportal.feed import Button
from devportal.server import Stand
from notifications import api, confirming
from notifications.api import Notice
from notifications.confirming import NotConfirmable, Reason
from notifications.errors import InvalidInput
from notifications.models import Notification
from tests.notifications.conftest import Send, states


def found_ids(found: confirming.Found) -> list[int]:
    return [each.item.id for each in found.items]


def test_confirmations_with_their_buttons_by_name_in_one_call(stand: Stand, portal: world.Portal, admin: PortalUser) -> None:
    """bitrix24.md 6.5: values are opaque text, not only Y and N."""
    buttons = [Button("Take part", "Y|maybe"), Button("No", "N")]
    asked = portal.place_confirmation(portal.admin, tag="SONET|1", sub_tag="SONET", buttons=buttons)
    portal.place_confirmation(portal.admin, tag="SONET|2", sub_tag="SONET")
    portal.place_confirmation(portal.admin, tag="OTHER|2")

    found = confirming.find(admin, "tag", " SONET|1 ")
    assert [entry.method for entry in stand.log.entries] == ["im.notify.get"]
    assert found_ids(found) == [asked.id]
    assert [(button.text, button.value) for button in found.items[0].item.buttons] == [("Take part", "Y|maybe"), ("No", "N")]
    assert found.items[0].author is not None
    assert found.items[0].author.name == portal.second_admin.full_name
    assert found.not_confirmable == ()
    assert len(confirming.find(admin, "sub_tag", "SONET").items) == 2


def test_a_value_typed_by_hand_matches_inside_the_apps_namespace(portal: world.Portal, app: world.App, admin: PortalUser) -> None:
    """bitrix24.md 6.2: the feed shows the stored form."""
    plain = portal.place_confirmation(portal.admin, tag="order", sub_tag="orders", app=app)
    personal = portal.place_confirmation(portal.admin, tag=f"order|{admin.user_id}", app=app)
    portal.place_confirmation(portal.admin, tag="MP|00000|order")
    assert found_ids(confirming.find(admin, "tag", "order")) == [personal.id, plain.id]
    assert found_ids(confirming.find(admin, "tag", plain.tag)) == [plain.id]
    assert found_ids(confirming.find(admin, "sub_tag", "orders")) == [plain.id]


def test_pressing_is_one_batch_and_says_what_the_portal_said(stand: Stand, portal: world.Portal, admin: PortalUser) -> None:
    """bitrix24.md 6.6: confirming deletes the notification and returns what the module said, or "Selected: <button>"."""
    invited = portal.place_confirmation(portal.admin, kind="group", tag="g")
    chosen = portal.place_confirmation(portal.admin, tag="c", buttons=[Button("Blue", "blue|1")])
    gone = portal.place_confirmation(portal.admin, tag="gone")
    portal.store.delete(admin.user_id, gone.id)

    pressed = confirming.press(admin, {invited.id: "Y", chosen.id: "blue|1", gone.id: "Y"})
    assert [entry.method for entry in stand.log.entries] == ["batch"]
    assert [(each.id, each.accepted, each.error) for each in pressed] == [
        (invited.id, True, None),
        (chosen.id, True, None),
        (gone.id, False, None),
    ]
    assert pressed[0].texts
    assert pressed[1].texts == ("Selected: Blue",)
    assert pressed[2].texts == ()
    assert portal.feed(portal.admin) == []


def test_an_error_of_one_item_leaves_the_others(stand: Stand, portal: world.Portal, admin: PortalUser) -> None:
    asked = [portal.place_confirmation(portal.admin, tag=f"g{number}") for number in range(2)]
    stand.faults.order(method="im.notify.confirm", code="INTERNAL_SERVER_ERROR", inside_batch=True)
    pressed = confirming.press(admin, {each.id: "Y" for each in asked})
    assert sorted(each.accepted for each in pressed) == [False, True]
    assert [each.error.code for each in pressed if each.error] == ["INTERNAL_SERVER_ERROR"]


@pytest.mark.parametrize("value", ["0", ""])
def test_a_value_the_server_takes_for_empty_is_refused_before_any_call(
    stand: Stand, portal: world.Portal, admin: PortalUser, value: str
) -> None:
    """bitrix24.md 6.5."""
    asked = [portal.place_confirmation(portal.admin, tag=f"g{number}") for number in range(2)]
    with pytest.raises(InvalidInput):
        confirming.press(admin, {asked[0].id: "Y", asked[1].id: value})
    assert not stand.log.entries
    assert len(portal.feed(portal.admin)) == 2


@pytest.mark.parametrize("choices", [{}, dict.fromkeys(range(1, 52), "Y")])
def test_between_one_and_fifty_at_once(stand: Stand, admin: PortalUser, choices: dict[int, str]) -> None:
    with pytest.raises(InvalidInput):
        confirming.press(admin, choices)
    assert not stand.log.entries


def test_what_cannot_be_confirmed_is_named_with_the_reason(
    portal: world.Portal, admin: PortalUser, colleague: PortalUser, post: Send
) -> None:
    """bitrix24.md 6.1, 6.4: only one's own feed, and REST notifications have no buttons."""
    post([admin.user_id, colleague.user_id], tag="order", sub_tag="shop")
    for by, value in (("tag", "order"), ("sub_tag", "shop")):
        found = confirming.find(admin, by, value)  # type: ignore[arg-type]
        assert found.items == ()
        assert found.not_confirmable == (NotConfirmable(Reason.ORDINARY, (admin,)), NotConfirmable(Reason.SOMEBODY_ELSES, (colleague,)))
    assert confirming.find(colleague, "tag", "order").not_confirmable == (NotConfirmable(Reason.ORDINARY, (colleague,)),)
    assert all(reason.text for reason in Reason)


def test_an_ordinary_notification_that_is_not_in_the_ledger(admin: PortalUser) -> None:
    as_person(admin).run(api.notify(Notice(admin.user_id, "by hand", tag="robot")))
    assert confirming.find(admin, "tag", "robot").not_confirmable == (NotConfirmable(Reason.ORDINARY, (admin,)),)


def test_nothing_with_the_tag_waits(portal: world.Portal, admin: PortalUser, stranger: PortalUser, post: Send) -> None:
    post([3], author=stranger, tag="order")
    portal.place_confirmation(portal.second_admin, tag="order")
    found = confirming.find(admin, "tag", "order")
    assert (found.items, found.not_confirmable) == ((), (NotConfirmable(Reason.NOTHING_WAITS, ()),))


def test_somebody_elses_notification_is_not_pressed(portal: world.Portal, admin: PortalUser, colleague: PortalUser) -> None:
    """bitrix24.md 6.1: confirm answers {"result_message": false}."""
    asked = portal.place_confirmation(portal.person, tag="g")
    assert [each.accepted for each in confirming.press(admin, {asked.id: "Y"})] == [False]
    assert len(portal.feed(portal.person)) == 1


def test_a_ledger_row_that_was_confirmed_is_closed(portal: world.Portal, admin: PortalUser, colleague: PortalUser, post: Send) -> None:
    dispatch = post([admin.user_id, colleague.user_id], tag="order")
    asked = portal.place_confirmation(portal.admin, tag="g")
    # No portal gives REST notifications buttons today; should one do so, its answer closes the row of that person only.
    dispatch.notifications.update(portal_notification_id=asked.id)
    confirming.press(admin, {asked.id: "Y"})
    assert states(dispatch) == {admin.user_id: Notification.State.CONFIRMED, colleague.user_id: Notification.State.SENT}


def test_more_pages_only_while_they_are_full_of_confirmations(stand: Stand, portal: world.Portal, admin: PortalUser, post: Send) -> None:
    wanted = portal.place_confirmation(portal.admin, tag="wanted")
    for number in range(60):
        portal.place_confirmation(portal.admin, tag=f"g{number}")
    post([admin.user_id])
    assert found_ids(confirming.find(admin, "tag", "wanted")) == [wanted.id]
    assert [entry.method for entry in stand.log.entries] == ["im.notify.get"] * 2


def test_an_empty_value_is_refused(stand: Stand, admin: PortalUser) -> None:
    with pytest.raises(InvalidInput):
        confirming.find(admin, "tag", "  ")
    assert not stand.log.entries


def test_a_portal_error_is_raised(stand: Stand, admin: PortalUser) -> None:
    stand.faults.order(method="im.notify.get", code="INSUFFICIENT_SCOPE")
    with pytest.raises(RestError) as error:
        confirming.find(admin, "tag", "order")
    assert error.value.code == "INSUFFICIENT_SCOPE"
