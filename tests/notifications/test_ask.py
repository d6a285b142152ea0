"""What a confirmation request sends: its text ends with a line and a link, and so does its ATTACH."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from b24app.models import Portal, PortalUser, Sender
from devportal import world
from devportal.server import Stand
from notifications import api, ask, bbcode, sending, wire
from notifications.ask import Ask
from notifications.errors import InvalidInput
from notifications.models import Dispatch, Notification
from notifications.sending import Draft
from tests.conftest import APP_CODE

ASK = Ask((ask.Button("Confirm", "Y", ask.Means.CONFIRM),))
LATE = datetime(2027, 1, 31, 16, 30, tzinfo=UTC)


def send(author: PortalUser, recipient: PortalUser, draft: Draft, sender: Sender | None = None) -> Dispatch:
    return sending.send(author, [recipient.user_id], draft, uuid4(), sender)


def draft(request: Ask = ASK, **texts: Any) -> Draft:
    return Draft(Notification.Type.PERSONAL, **{"message": "Read [b]this[/b]", **texts}, ask=request)


def test_the_link_opens_the_apps_page_and_tells_nothing_else() -> None:
    key = uuid4()
    parts = urlsplit(ask.link(key))
    assert parts.path == f"/marketplace/view/{APP_CODE}/"
    assert parse_qs(parts.query) == {"params[tab]": ["ask"], "params[key]": [str(key)]}


def test_the_text_ends_with_the_link_and_so_does_the_attach(portal: world.Portal, admin: PortalUser, colleague: PortalUser) -> None:
    dispatch = send(admin, colleague, draft(attach=[{"MESSAGE": "First"}], message_out="By e-mail"))
    path = ask.link(dispatch.confirmation_request.key)
    [item] = portal.feed(portal.person)
    assert item.text == f"Read [b]this[/b]\n\nAn answer is asked for: [url={path}]Answer the request[/url]"
    assert item.attach == [{"MESSAGE": "First"}, {"LINK": {"NAME": "Answer the request", "LINK": path}}]
    assert f'<a href="{admin.portal.origin}{path.replace("&", "&amp;")}"' in bbcode.render(item.text, admin.portal.origin)
    dispatch.refresh_from_db()
    assert (dispatch.message, dispatch.message_out, dispatch.attach) == ("Read [b]this[/b]", "By e-mail", [{"MESSAGE": "First"}])


def test_the_text_for_e_mail_has_the_whole_address(stand: Stand, admin: PortalUser, colleague: PortalUser) -> None:
    dispatch = send(admin, colleague, draft(message_out="By e-mail"))
    [command] = stand.log.commands("im.notify.personal.add")
    path = ask.link(dispatch.confirmation_request.key)
    assert command.params["MESSAGE_OUT"] == f"By e-mail\n\nAn answer is asked for: {admin.portal.origin}{path}"


@pytest.mark.parametrize(
    ("attach", "wanted"),
    [
        (None, lambda block: [block]),
        ([{"DELIMITER": {}}], lambda block: [{"DELIMITER": {}}, block]),
        ({"ID": 1, "BLOCKS": [{"MESSAGE": "x"}]}, lambda block: {"ID": 1, "BLOCKS": [{"MESSAGE": "x"}, block]}),
    ],
)
def test_the_link_joins_an_attach_of_any_form(stand: Stand, admin: PortalUser, colleague: PortalUser, attach: Any, wanted: Any) -> None:
    dispatch = send(admin, colleague, draft(attach=attach))
    [command] = stand.log.commands("im.notify.personal.add")
    block = {"LINK": {"NAME": "Answer the request", "LINK": ask.link(dispatch.confirmation_request.key)}}
    assert json.loads(command.params["ATTACH"]) == wanted(block)


def test_the_line_names_the_deadline_in_the_senders_zone_and_the_portals_language(
    portal: world.Portal, admin: PortalUser, colleague: PortalUser
) -> None:
    PortalUser.objects.filter(pk=admin.pk).update(time_zone="Asia/Kolkata")
    admin.refresh_from_db()
    send(admin, colleague, draft(Ask(ASK.buttons, deadline=LATE)))
    [item] = portal.feed(portal.person)
    assert "An answer is asked for by January 31, 2027, 10:00 PM (UTC+05:30): [url=" in item.text


def test_an_empty_message_is_still_refused(admin: PortalUser, colleague: PortalUser) -> None:
    with pytest.raises(InvalidInput) as refused:
        send(admin, colleague, draft(message="  "))
    assert refused.value.field == "message"


def test_the_limits_count_what_is_added(admin: PortalUser, colleague: PortalUser) -> None:
    """Checked before anything is written, with a key as long as the real one."""
    added = len(wire.content("x", "", None, wire.Asked(wire.NO_KEY, None), admin).message) - 1
    send(admin, colleague, draft(message="x" * (api.LONGEST_MESSAGE - added)))
    with pytest.raises(InvalidInput) as refused:
        send(admin, colleague, draft(message="x" * (api.LONGEST_MESSAGE - added + 1)))
    assert refused.value.field == "message"
    with pytest.raises(InvalidInput) as refused:
        send(admin, colleague, draft(attach=[{"MESSAGE": "x" * (api.LARGEST_ATTACH - 60)}]))
    assert refused.value.field == "attach"
    assert Dispatch.objects.count() == 1


def test_a_webhook_asks_too(portal: world.Portal, admin: PortalUser, colleague: PortalUser, webhook_sender: Sender) -> None:
    dispatch = send(admin, colleague, draft(), webhook_sender)
    assert str(dispatch.confirmation_request.key) in portal.feed(portal.person)[0].text


def test_what_hinders_asking_is_told_with_how_to_mend_it() -> None:
    bound = Portal(scope="im,user,placement", version=3, bound_version=3)
    assert ask.hindrance(bound) == ""
    assert "install it again" in ask.hindrance(Portal(scope="im,user", version=3, bound_version=3))
    for version in (None, 2):
        assert "press Check connection" in ask.hindrance(Portal(scope="im,placement", version=3, bound_version=version))
