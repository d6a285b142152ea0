"""Dispatches to many, for tests of what becomes of them."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from b24app.models import PortalUser, Sender
from notifications import dispatching, people
from notifications.models import Dispatch, Notification


def ready(author: PortalUser, user_ids: Sequence[int], **columns: Any) -> Dispatch:
    """A dispatch of the app whose recipients are known and which waits for its author's word."""
    known = people.rows(author.portal, user_ids)
    values = {
        "sender": Sender.objects.get(portal=author.portal, kind=Sender.Kind.APP),
        "state": Dispatch.State.READY,
        "key": uuid4(),
        "type": Notification.Type.PERSONAL,
        "message": "Hello",
        "tag": "news",
        "recipients": [known[user_id].pk for user_id in user_ids],
        "total": len(user_ids),
    }
    return Dispatch.objects.create(portal=author.portal, author=author, **values | columns)


def started(author: PortalUser, user_ids: Sequence[int], **columns: Any) -> Dispatch:
    """A dispatch that its author has started; no worker has seen it yet."""
    return dispatching.start(author, ready(author, user_ids, **columns).pk)
