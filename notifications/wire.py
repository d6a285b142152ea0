"""What leaves for the portal: a row of the ledger as a sending command, and the client that may send it.

A confirmation request cannot have buttons in the portal (bitrix24.md 6.4): its text ends with a link to the app's own page.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

from django.utils import dateformat, timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from b24app.frame.session import zone_of
from b24app.languages import interface_language
from b24app.models import PortalUser, Sender
from b24app.rest.calls import Call
from b24app.rest.client import PortalClient, as_portal
from notifications import api, ask
from notifications.models import Dispatch, Notification
from notifications.senders import client_id, client_of

_METHODS: dict[str, Callable[[api.Notice], Call[int | None]]] = {
    Notification.Type.PERSONAL: api.personal_add,
    Notification.Type.SYSTEM: api.system_add,
}
# A webhook sends by im.notify, the method whose page shows CLIENT_ID; its permission im covers all three.
_WEBHOOK_KINDS: dict[str, Literal["USER", "SYSTEM"]] = {Notification.Type.PERSONAL: "USER", Notification.Type.SYSTEM: "SYSTEM"}

NO_KEY = UUID(int=0)
"""Stands in the link of what is only checked or shown: as long as a real one, and nobody's."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The link to a confirmation request: its key, and until when it can be answered."""

    key: UUID
    deadline: datetime | None


@dataclass(frozen=True, slots=True)
class Content:
    """What a recipient gets: the text, the other text for e-mail where there is one, the ATTACH."""

    message: str
    message_out: str
    attach: api.Attach | None


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
    sent = content(text.message, text.message_out, text.attach, _asked(text), row.author)
    notice = api.Notice(
        user_id=user_id,
        message=sent.message,
        tag=row.wire_tag,
        sub_tag=row.wire_sub_tag,
        message_out=sent.message_out,
        attach=sent.attach,
        client_id=client_id(row.sender),
    )
    return _call(row.sender, row.type, notice)


def method(dispatch: Dispatch) -> str:
    """The REST method that sends this dispatch's notifications: what the portal pauses is a method."""
    return _call(dispatch.sender, dispatch.type, api.Notice(user_id=1, message=dispatch.message)).method


def content(message: str, message_out: str, attach: api.Attach | None, asked: Asked | None, author: PortalUser) -> Content:
    """What is sent of these texts; with `asked` they end with a line and the link to the request, and so does the ATTACH.

    In the portal's language, as nobody knows the recipients'; the deadline in the author's time zone, which is named.
    """
    message = message.strip()
    if asked is None or not message:
        return Content(message, message_out, attach)
    path = ask.link(asked.key)
    with translation.override(interface_language(author.portal)), timezone.override(zone_of(author)):
        label = _("Answer the request")
        return Content(
            f"{message}\n\n{_line(f'[url={path}]{label}[/url]', asked.deadline)}",
            # An e-mail has no portal around it: only the whole address leads there.
            message_out and f"{message_out.rstrip()}\n\n{_line(f'{author.portal.origin}{path}', asked.deadline)}",
            _with_block(attach, {"LINK": {"NAME": label, "LINK": path}}),
        )


def _call(sender: Sender, kind: str, notice: api.Notice) -> Call[int | None]:
    if sender.kind == Sender.Kind.WEBHOOK:
        return api.notify(notice, _WEBHOOK_KINDS[kind])
    return _METHODS[kind](notice)


def _asked(text: Text) -> Asked | None:
    """The request that this text belongs to; a draft has no key yet."""
    request = getattr(text, "confirmation_request", None)
    if request is not None:
        return Asked(request.key, request.deadline)
    draft: ask.Ask | None = getattr(text, "ask", None)
    return Asked(NO_KEY, draft.deadline) if draft else None


def _line(link: str, deadline: datetime | None) -> str:
    if deadline is None:
        return _("An answer is asked for: %(link)s") % {"link": link}
    local = timezone.localtime(deadline)
    return _("An answer is asked for by %(day)s, %(time)s (UTC%(offset)s): %(link)s") % {
        "day": dateformat.format(local, pgettext("day of another year, in Django's date format", "F j, Y")),
        "time": dateformat.format(local, pgettext("time, in Django's date format", "g:i A")),
        "offset": local.isoformat()[-6:],
        "link": link,
    }


def _with_block(attach: api.Attach | None, block: dict[str, Any]) -> api.Attach:
    """The ATTACH with one more block, in the form it has: a list of blocks, or an object with BLOCKS."""
    if isinstance(attach, dict):
        return {**attach, "BLOCKS": [*attach.get("BLOCKS", []), block]}
    return [*(attach or []), block]


def background_client(row: Notification) -> PortalClient:
    """Who may send this row when nobody is waiting for it."""
    # A personal notification comes from whoever calls, so only its author can repeat it; the app's system ones have no author.
    if row.type == Notification.Type.SYSTEM and row.sender.kind == Sender.Kind.APP:
        return as_portal(row.portal, background=True)
    return client_of(row.sender, row.author, background=True)
