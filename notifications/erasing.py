"""Erasing a portal's ledger fast: a removal is answered while the portal waits, and its ledger may hold a million rows."""

from b24app.models import Portal
from notifications.models import Answer, DispatchCount, Notification, TagGroup


def erase(portal: Portal) -> None:
    """Delete the rows of the tables that grow; what else there is goes with the portal itself (b24app.lifecycle.remove)."""
    Answer.objects.filter(notification__portal=portal).delete()
    DispatchCount.objects.filter(dispatch__portal=portal).delete()
    TagGroup.objects.filter(portal=portal).delete()
    # In one statement: Django's own delete would fetch every row to look for answers to it, which are gone already.
    notifications = Notification.objects.filter(portal=portal)
    notifications._raw_delete(notifications.db)
