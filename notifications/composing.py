"""What helps while a notification is being written: people by name, tags used before, whom a TAG would replace, who would be its sender."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.core.cache import cache

from b24app import senders
from b24app.models import PortalUser, Sender
from b24app.rest.client import as_person
from notifications import ledger, people, tags
from notifications.models import Notification

SHORTEST_NAME = 2
"""Letters before people are looked for."""

MOST_PEOPLE = 8
CACHED_SECONDS = 60

MOST_TAGS = 30
RECENT_ROWS = 2000
"""How far back used tags are looked for: the newest rows of the ledger, so that the cost stays the same however long it grows."""

_OWNER = re.compile(r"/rest/(\d+)/")
_NO_DISPATCH = UUID(int=0)


@dataclass(frozen=True, slots=True)
class UsedTags:
    """TAGs and SUB_TAGs used before, newest first."""

    tags: list[str]
    sub_tags: list[str]


def find_people(person: PortalUser, words: str) -> list[people.Found]:
    """Up to eight active colleagues whose name begins with these words, in one portal call; RestError when the portal refuses it.

    The answer is kept for a minute, and only for this person: REST shows everybody what they may see.
    """
    wanted = " ".join(words.split()).casefold()
    if len(wanted) < SHORTEST_NAME:
        return []
    key = f"people:{person.pk}:{hashlib.sha256(wanted.encode()).hexdigest()}"
    found: list[people.Found] | None = cache.get(key)
    if found is None:
        found = as_person(person).run(people.colleagues(wanted))[:MOST_PEOPLE]
        cache.set(key, found, CACHED_SECONDS)
    return found


def used_tags(person: PortalUser) -> UsedTags:
    """What was used in the part of the ledger that this person may see, in one query."""
    rows = list(ledger.visible_to(person).order_by("-id").values_list("tag", "sub_tag")[:RECENT_ROWS])
    return UsedTags(_newest(tag for tag, _sub_tag in rows), _newest(sub_tag for _tag, sub_tag in rows))


def replaced(sender: Sender, tag: str, recipients: Sequence[int]) -> list[Notification]:
    """The live rows that a notification with this TAG would take the place of, newest first: same sender, TAG and recipient."""
    tag = tag.strip()
    if not tag or not recipients:
        return []
    wire_tags = [tags.wire_tag(tag, user_id, _NO_DISPATCH) for user_id in recipients]
    rows = ledger.for_portal(sender.portal).filter(sender=sender, wire_tag__in=wire_tags, state__in=Notification.LIVE)
    return list(rows.select_related("recipient", "author").order_by("-id"))


def owner(sender: Sender) -> PortalUser | None:
    """The person whose webhook this is: personal notifications through it come from them. None for the app itself."""
    found = _OWNER.search(senders.masked_address(sender))
    if found is None:
        return None
    known = PortalUser.objects.filter(portal=sender.portal_id, user_id=int(found[1])).first()
    return known or PortalUser(portal=sender.portal, user_id=int(found[1]))


def _newest(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(filter(None, values)))[:MOST_TAGS]
