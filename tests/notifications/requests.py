"""Confirmation requests for tests: asked and answered as people do it."""

from collections.abc import Sequence
from uuid import uuid4

from b24app.models import PortalUser, Sender
from devportal import world
from notifications import answering, reporting, sending
from notifications.ask import Ask, Button, Means, Reason
from notifications.models import Answer, ConfirmationRequest, Notification

TWO = (Button("Confirm", "Y", Means.CONFIRM), Button("Decline", "N", Means.DECLINE, Reason.MAY))
THREE = (*TWO, Button("Not now", "later", Means.DECLINE, Reason.MUST))


def ask(
    author: PortalUser,
    recipients: Sequence[int],
    *,
    wanted: Ask | None = None,
    message: str = "Read the rules",
    kind: Notification.Type = Notification.Type.PERSONAL,
    tag: str = "",
    sub_tag: str = "",
    sender: Sender | None = None,
) -> ConfirmationRequest:
    """The author has asked the people with these user ids."""
    draft = sending.Draft(kind, message, tag, sub_tag, ask=wanted or Ask(TWO))
    return of(author, sending.send(author, recipients, draft, uuid4(), sender).pk)


def of(person: PortalUser, dispatch_id: int) -> ConfirmationRequest:
    """The request as a view gets it."""
    return reporting.visible_to(person).get(dispatch=dispatch_id)


def again(request: ConfirmationRequest) -> ConfirmationRequest:
    """The same request as it is in the database now."""
    return of(request.dispatch.author, request.dispatch_id)


def answer(request: ConfirmationRequest, person: PortalUser, value: str = "Y", reason: str = "") -> Answer:
    """The person has answered."""
    given = answering.answer(person, request.key, value, reason).given
    assert given is not None
    return given


def first_lines(portal: world.Portal, user_id: int) -> list[str]:
    """The first lines of what is in somebody's feed."""
    return [item.text.partition("\n")[0] for item in portal.feed(portal.people[user_id])]
