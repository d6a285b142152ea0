"""What a confirmation request asks: its buttons, and until when. The form, the text that is sent and the recipient's page share these."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _

from b24app.models import Portal

SCOPE = "placement"
"""What links into the app need (bitrix24.md 8)."""

MOST_BUTTONS = 4
LONGEST_LABEL = 50
LONGEST_VALUE = 50
LONGEST_REASON = 2000


class Means(StrEnum):
    """What pressing a button comes to in the ledger."""

    CONFIRM = "confirm"
    DECLINE = "decline"


class Reason(StrEnum):
    """Whether a reason is given with a button."""

    NO = "no"
    MAY = "may"
    MUST = "must"


@dataclass(frozen=True, slots=True)
class Button:
    """One button: `label` is for people, `value` is what is recorded."""

    label: str
    value: str
    means: Means
    reason: Reason = Reason.NO


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked. `deadline` and `remind_at` are aware times; `tells_author` asks for word when all answered and at the deadline."""

    buttons: tuple[Button, ...]
    deadline: datetime | None = None
    remind_at: datetime | None = None
    tells_author: bool = True


def default_buttons() -> tuple[Button, ...]:
    """Confirm = Y and Decline = N, in the language of the person who asks."""
    return Button(_("Confirm"), "Y", Means.CONFIRM), Button(_("Decline"), "N", Means.DECLINE, Reason.MAY)


def write(buttons: Sequence[Button]) -> list[dict[str, str]]:
    """The buttons as ConfirmationRequest.buttons keeps them."""
    return [{name: str(value) for name, value in asdict(button).items()} for button in buttons]


def read(buttons: Sequence[Mapping[str, Any]]) -> tuple[Button, ...]:
    """The buttons that `write` wrote."""
    return tuple(Button(each["label"], each["value"], Means(each["means"]), Reason(each["reason"])) for each in buttons)


def link(key: UUID) -> str:
    """The path of the portal that opens the app at the request with this key (bitrix24.md 8)."""
    return _into_app(tab="ask", key=str(key))


def report_link(dispatch_id: int) -> str:
    """The path of the portal that opens the app at the answers to a dispatch's request: for those who may see them only."""
    return _into_app(tab="request", number=str(dispatch_id))


def _into_app(**params: str) -> str:
    # The brackets of `params[…]` are encoded: PHP reads both alike, and a BB code's address would end at the first of them.
    query = urlencode({f"params[{name}]": value for name, value in params.items()})
    return f"/marketplace/view/{quote(settings.B24_APP_CODE, safe='')}/?{query}"


def hindrance(portal: Portal) -> str:
    """Why nothing can be asked on this portal, and how to mend it; empty when links into the app work."""
    if SCOPE not in portal.scopes:
        return _(
            "The app was installed without the right to be opened by a link. Ask an administrator to install it again from the Market."
        )
    if portal.bound_version != portal.version:
        return _("Links into the app do not work on this portal yet. Ask an administrator to press Check connection in the app's Settings.")
    return ""
