"""A confirmation request as its recipients meet it: opened by its link, or waiting in their Inbox."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from b24app.frame.session import FrameRequest, frame_view
from b24app.models import PortalUser
from notifications import answering, attach, composing, wire
from notifications.answering import Status
from notifications.ask import LONGEST_REASON, Button
from notifications.errors import InvalidInput
from notifications.models import Notification

CLOSES_AFTER_MS = 4000
"""How long the thanks stay before the slider closes by itself: long enough to be read."""


@dataclass(frozen=True, slots=True)
class Said:
    """Why nothing is asked here: a title, and a sentence about what it means or what to do."""

    title: Promise | str
    text: Promise | str


@dataclass(frozen=True, slots=True)
class Attempt:
    """A press that was refused: which button, the reason as typed, and what is wrong with it."""

    value: str
    reason: str
    error: Promise | str


@dataclass(frozen=True, slots=True)
class Question:
    """A request and its buttons, as a page and as an entry of the Inbox. `author` is None where the app itself asks."""

    key: UUID
    row: Notification
    author: PortalUser | None
    blocks: tuple[attach.Block, ...]
    buttons: tuple[Button, ...]
    origin: str
    deadline: datetime | None = None
    attempt: Attempt | None = None

    longest_reason = LONGEST_REASON


_PREVIEW = Said(_("This link belongs to a preview"), _("It leads nowhere. The link in a notification that was sent opens its request."))
_SAID = {
    Status.LATE: Said(
        _("The deadline has passed"), _("This request cannot be answered any more. If your answer matters, tell the sender.")
    ),
    Status.CLOSED: Said(_("This request is closed"), _("The sender has closed it and needs no more answers.")),
    Status.TAKEN_BACK: Said(_("This request was taken back"), _("The sender needs no answer to it any more.")),
    Status.REPLACED: Said(
        _("A newer notification took its place"), _("The sender has sent it anew. Look for the newer one in your notifications.")
    ),
    Status.NOT_DELIVERED: Said(
        _("This request did not reach you"),
        _("It could not be delivered, so no answer is expected. If you think otherwise, tell the sender."),
    ),
    Status.NOT_ASKED: Said(_("This request was sent to other people"), _("Only those it was sent to can answer it.")),
    Status.UNKNOWN: Said(
        _("There is no such request"), _("It was deleted, or the link is not complete. Open it from the notification again.")
    ),
}


@require_GET
@frame_view()
def ask(request: FrameRequest, key: UUID) -> HttpResponse:
    """The page that a request's link leads to."""
    return _page(request, key, answering.page_of(request.person, key))


@require_POST
@frame_view()
def ask_answer(request: FrameRequest, key: UUID) -> HttpResponse:
    """Press a button, with a reason where one is given; answers with the page or, for the Inbox, with its entry as it is now."""
    value, reason = request.POST.get("value", ""), request.POST.get("reason", "")
    in_inbox = request.POST.get("place") == "inbox"
    attempt = None
    try:
        page = answering.answer(request.person, key, value, reason)
    except InvalidInput as error:
        page = answering.page_of(request.person, key)
        attempt = Attempt(value, reason, error.message)
    return _entry(request, key, page, attempt) if in_inbox else _page(request, key, page, attempt)


def question(person: PortalUser, waiting: answering.Waiting, attempt: Attempt | None = None) -> Question:
    """What one open request asks of `person`."""
    row, origin = waiting.row, person.portal.origin
    author = None if row.type == Notification.Type.SYSTEM else composing.owner(row.sender) or row.author
    blocks = attach.read(row.dispatch.attach, origin)
    return Question(waiting.request.key, row, author, blocks, waiting.buttons, origin, waiting.request.deadline, attempt)


def _page(request: FrameRequest, key: UUID, page: answering.Page, attempt: Attempt | None = None) -> HttpResponse:
    return render(request, "frame/ask.html", _context(request, key, page, attempt))


def _entry(request: FrameRequest, key: UUID, page: answering.Page, attempt: Attempt | None) -> HttpResponse:
    response = render(request, "frame/ask_entry.html", _context(request, key, page, attempt, in_inbox=True))
    if page.status is not Status.OPEN and page.row is not None:
        # The copy of it in the feed below is gone, or will be.
        response.headers["HX-Trigger"] = json.dumps({"request-over": {"note": page.row.portal_notification_id}})
    return response


def _context(request: FrameRequest, key: UUID, page: answering.Page, attempt: Attempt | None, *, in_inbox: bool = False) -> dict[str, Any]:
    # Whoever pressed something else before is told what counts.
    is_thanks = page.given is not None and page.given.value == request.POST.get("value")
    context: dict[str, Any] = {
        "status": page.status,
        "given": page.given,
        "said": _PREVIEW if key == wire.NO_KEY else _SAID.get(page.status),
        "is_thanks": is_thanks,
        "closes_after": CLOSES_AFTER_MS,
    }
    if page.row is not None and page.request is not None and (in_inbox or not is_thanks):
        context["question"] = question(request.person, answering.Waiting(page.row, page.request, page.buttons), attempt)
    return context
