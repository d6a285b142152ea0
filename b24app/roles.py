"""Who may do what on a portal. Every rule about rights stands here and is asked on the server."""

from b24app.models import Portal, PortalUser


def is_admin(person: PortalUser) -> bool:
    """Whether the portal said that this person administers it."""
    return person.is_admin


def may_send(person: PortalUser) -> bool:
    """Whether this person may send and take back notifications."""
    return person.is_admin or person.portal.who_may_send == Portal.Who.EVERYONE


def may_see_all(person: PortalUser) -> bool:
    """Whether this person sees everything the app sent on the portal, or only what they sent or received."""
    return person.is_admin or person.portal.who_may_see_all == Portal.Who.EVERYONE
