"""What leaves for the portal: a row of the ledger as a sending command, and the client that may send it."""

from collections.abc import Callable
from typing import Literal, Protocol

from b24app.models import Sender
from b24app.rest.calls import Call
from b24app.rest.client import PortalClient, as_portal
from notifications import api
from notifications.models import Notification
from notifications.senders import client_id, client_of

_METHODS: dict[str, Callable[[api.Notice], Call[int | None]]] = {
    Notification.Type.PERSONAL: api.personal_add,
    Notification.Type.SYSTEM: api.system_add,
}
# A webhook sends by im.notify, the method whose page shows CLIENT_ID; its permission im covers all three.
_WEBHOOK_KINDS: dict[str, Literal["USER", "SYSTEM"]] = {Notification.Type.PERSONAL: "USER", Notification.Type.SYSTEM: "SYSTEM"}


class Text(Protocol):
    """What is said: a draft that is being checked, or the dispatch that holds it."""

    @property
    def message(self) -> str: ...
    @property
    def message_out(self) -> str: ...
    @property
    def attach(self) -> api.Attach | None: ...


def command(row: Notification, user_id: int, text: Text) -> Call[int | None]:
    """The call that sends this row to the person with this user id. Raises InvalidInput for what may not leave."""
    notice = api.Notice(
        user_id=user_id,
        message=text.message.strip(),
        tag=row.wire_tag,
        sub_tag=row.wire_sub_tag,
        message_out=text.message_out,
        attach=text.attach,
        client_id=client_id(row.sender),
    )
    if row.sender.kind == Sender.Kind.WEBHOOK:
        return api.notify(notice, _WEBHOOK_KINDS[row.type])
    return _METHODS[row.type](notice)


def background_client(row: Notification) -> PortalClient:
    """Who may send this row when nobody is waiting for it."""
    # A personal notification comes from whoever calls, so only its author can repeat it; the app's system ones have no author.
    if row.type == Notification.Type.SYSTEM and row.sender.kind == Sender.Kind.APP:
        return as_portal(row.portal, background=True)
    return client_of(row.sender, row.author, background=True)
