"""Who sends: the application itself over OAuth, or a webhook with a CLIENT_ID of its own.

A tag is deleted through the sender that sent it (bitrix24.md 6.2).
"""

from b24app.models import Portal, PortalUser, Sender
from b24app.rest.client import PortalClient, as_person, as_portal, as_webhook


def app_sender(portal: Portal) -> Sender:
    """The app itself as the sender of tags on this portal."""
    return Sender.objects.get(portal=portal, kind=Sender.Kind.APP)


def client_of(sender: Sender, person: PortalUser, *, background: bool = False) -> PortalClient:
    """The client whose calls count as this sender's: the webhook, or the person's own token in the application."""
    if sender.kind == Sender.Kind.WEBHOOK:
        return as_webhook(sender, background=background)
    return as_person(person, background=background)


def client_id(sender: Sender) -> str:
    """The CLIENT_ID parameter of this sender's calls: webhooks only, an application is known by its token (bitrix24.md 6.2)."""
    return sender.client_id if sender.kind == Sender.Kind.WEBHOOK else ""


def client_for_tags(sender: Sender) -> PortalClient:
    """Who deletes this sender's tags when nobody waits for it: its webhook, else any admin.

    Deleting by TAG reaches every recipient whoever's token it is, as long as it is the same application's (bitrix24.md 6.1).
    """
    if sender.kind == Sender.Kind.WEBHOOK:
        return as_webhook(sender, background=True)
    return as_portal(sender.portal, background=True)
