"""An installed app without the frame: rows made from what the stand-in's installation hands out."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from django.core.cache import cache
from hypothesis import settings as hypothesis_settings

from b24app.models import Portal, PortalUser, Sender
from devportal import world
from devportal.server import Stand
from notifications.models import Dispatch, Notification
from notifications.sending import Draft, send

# How long an example takes says nothing on a machine that is shared.
hypothesis_settings.register_profile("shared machine", deadline=None)
hypothesis_settings.load_profile("shared machine")

Join = Callable[..., PortalUser]
Send = Callable[..., Dispatch]


@pytest.fixture
def join(stand: Stand, app: world.App, db: None) -> Join:
    """join(portal, person): the app is installed there and the person has opened it; their row, with tokens."""

    def join(portal: world.Portal, person: world.Person) -> PortalUser:
        if app.client_id not in portal.installations:
            portal.install(app, portal.admin).installed = True
        installed, _created = Portal.objects.get_or_create(
            member_id=portal.member_id,
            defaults={
                "domain": portal.domain,
                "client_endpoint": portal.client_endpoint,
                "oauth_server": stand.auth_url,
                "client_id": app.client_id,
                "scope": ",".join(app.scope),
                "state": Portal.State.ACTIVE,
            },
        )
        Sender.objects.get_or_create(portal=installed, kind=Sender.Kind.APP, defaults={"name": "App", "client_id": app.client_id})
        fields = portal.launch(app, person).fields
        values = {
            "name": person.full_name,
            "is_admin": person.admin,
            "access_token": fields["AUTH_ID"],
            "refresh_token": fields["REFRESH_ID"],
            "expires_at": datetime.fromtimestamp(stand.clock.now() + int(fields["AUTH_EXPIRES"]), UTC),
            "token_state": PortalUser.TokenState.VALID,
        }
        row, _created = PortalUser.objects.update_or_create(portal=installed, user_id=person.id, defaults=values)
        stand.log.clear()
        return row

    return join


@pytest.fixture
def admin(join: Join, portal: world.Portal) -> PortalUser:
    """The portal's first admin, who may send and see everything."""
    return join(portal, portal.admin)


@pytest.fixture
def colleague(join: Join, portal: world.Portal, admin: PortalUser) -> PortalUser:
    """An ordinary person of the same portal."""
    return join(portal, portal.person)


@pytest.fixture
def stranger(join: Join, other_portal: world.Portal) -> PortalUser:
    """The admin of another company's portal."""
    return join(other_portal, other_portal.admin)


@pytest.fixture
def app_sender(admin: PortalUser) -> Sender:
    """The app as the sender of tags on the portal."""
    return Sender.objects.get(portal=admin.portal, kind=Sender.Kind.APP)


@pytest.fixture
def webhook_sender(admin: PortalUser, portal: world.Portal) -> Sender:
    """A webhook with a CLIENT_ID of its own, as a sender of tags on the portal."""
    return Sender.objects.create(
        portal=admin.portal, kind=Sender.Kind.WEBHOOK, name="Robot", client_id="robot", webhook_url=portal.webhook(portal.admin)
    )


@pytest.fixture
def post(admin: PortalUser, stand: Stand) -> Send:
    """post([3, 4], tag=…): sends as the admin and clears the log of requests, for tests about what comes afterwards."""

    def post(
        recipients: list[int],
        *,
        author: PortalUser = admin,
        sender: Sender | None = None,
        key: UUID | None = None,
        kind: Notification.Type = Notification.Type.PERSONAL,
        message: str = "Hello",
        tag: str = "",
        sub_tag: str = "",
    ) -> Dispatch:
        dispatch = send(author, recipients, Draft(kind, message, tag, sub_tag), key or uuid4(), sender)
        stand.log.clear()
        return dispatch

    return post


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    """What one test cached must not answer in the next."""
    cache.clear()


def states(dispatch: Dispatch) -> dict[int, str]:
    """State by recipient's user id."""
    return {row.recipient.user_id: row.state for row in dispatch.notifications.select_related("recipient")}
