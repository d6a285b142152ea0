"""Preparing a dispatch to many: its audience is read from the portal in the background, and its sender sees who it is before sending.

prepare writes the Dispatch (PREPARING); fill reads the people and makes it READY; review shows the names. A dispatch that nobody starts
is thrown away after a day.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from b24app.models import Portal, PortalUser, Sender
from b24app.rest.client import PortalClient, as_person
from b24app.rest.errors import RestError, sentence
from b24app.roles import may_see_all, may_send_to_many
from notifications import company, departments, people, sending, tags, wire
from notifications.audience import MOST_NAMES, NOT_TO_MANY, REASONS, Audience, Reason, Sieve
from notifications.errors import InvalidInput
from notifications.leases import ran_out
from notifications.models import Dispatch, Notification
from notifications.people import Person
from notifications.senders import app_sender
from notifications.sending import Draft
from notifications.shapes import LARGEST_ID

LEASE = timedelta(minutes=3)
"""How long a dispatch stays with the process that reads its audience after each answer: longer than any call may run."""

LOST_AFTER = timedelta(minutes=2)
"""A dispatch that nobody has taken up by then was lost on its way to a worker."""

KEPT = timedelta(days=1)
PAGE = 50
FEW_NAMES = 10

_DEPARTMENTS_AT_ONCE = 25
"""Departments in one filter, so that a command stays short."""

_WHO_IS_READ = {"ACTIVE": True, "USER_TYPE": "employee"}
_KEPT_ALIVE_EVERY = timedelta(seconds=20)

NO_DEPARTMENTS = _(
    "Your portal has not given the app the right to see its departments. Choose people in another way, or ask an administrator to update "
    "the app or to install it again."
)


@dataclass(frozen=True, slots=True)
class Held:
    """Who was left out for a reason: how many, the first of their names, how many more."""

    title: Promise | str
    count: int
    names: list[str]
    more: int


@dataclass(frozen=True, slots=True)
class Review:
    """What a sender sees of an audience: the state of its reading, what was chosen, who was left out, and one page of the names.

    `problem` is the sentence for people when the portal could not be read. `found` is how many the searched words name.
    """

    dispatch: Dispatch
    chosen: list[str]
    problem: str
    held: list[Held]
    words: str
    people: list[PortalUser]
    found: int
    page: int
    pages: int


def prepare(author: PortalUser, draft: Draft, key: UUID, sender: Sender | None, audience: Audience) -> Dispatch:
    """Write a Dispatch whose audience is to be read (`fill`). The same key again returns the first one.

    Raises InvalidInput before anything is written.
    """
    if not may_send_to_many(author):
        raise InvalidInput("recipients", NOT_TO_MANY)
    audience.check()
    sender = sender or app_sender(author.portal)
    _check(author, draft, key, sender)
    with transaction.atomic():
        columns = {"state": Dispatch.State.PREPARING, "audience": audience.to_json()}
        dispatch, _created = sending.write_dispatch(author, draft, key, sender, **columns)
    return dispatch


def fill(dispatch_id: int) -> bool:
    """Read the audience of a PREPARING dispatch from the portal, as its author sees it; True when it is READY by that.

    What the portal refuses is kept in error_code, for the author to try again. A second worker finds nothing to do; after a worker
    died, the next one begins anew (`lost`).
    """
    if not _claim(dispatch_id):
        return False
    dispatch = Dispatch.objects.select_related("author__portal", "portal").get(pk=dispatch_id)
    try:
        recipients, sieve = _read(dispatch)
    except RestError as error:
        _mine(dispatch_id).update(error_code=error.row[:64], lease_until=None)
        return False
    left_out = {reason.value: asdict(held) for reason, held in sieve.left_out.items() if held.count or held.names}
    ready = _mine(dispatch_id).update(
        state=Dispatch.State.READY,
        recipients=recipients,
        total=len(recipients),
        audience=Audience.from_json(dispatch.audience).forgetful().to_json(),
        left_out=left_out,
        error_code="",
        lease_until=None,
    )
    return bool(ready)


def lost() -> list[int]:
    """Dispatches whose audience nobody reads: their worker died, or they never reached one."""
    now = timezone.now()
    forgotten = Q(lease_until=None, created_at__lte=now - LOST_AFTER) | ran_out("lease_until", now, LEASE)
    waiting = Dispatch.objects.filter(forgotten, state=Dispatch.State.PREPARING, error_code="", portal__state=Portal.State.ACTIVE)
    return list(waiting.order_by("id").values_list("pk", flat=True))


def again(person: PortalUser, dispatch_id: int) -> Dispatch:
    """Have the audience read once more after the portal refused it. Raises Dispatch.DoesNotExist when it is not this person's to see."""
    dispatch = visible_to(person).get(pk=dispatch_id)
    _mine(dispatch.pk).exclude(error_code="").update(error_code="", lease_until=None, warned_at=None)
    return dispatch


def discard_old() -> int:
    """Throw away what nobody started within a day; returns how many."""
    unstarted = Dispatch.objects.filter(created_at__lt=timezone.now() - KEPT, state__in=(Dispatch.State.PREPARING, Dispatch.State.READY))
    with transaction.atomic():
        # Locked, so that none is started between being found and being deleted.
        old = list(unstarted.select_for_update().values_list("pk", flat=True))
        Dispatch.objects.filter(pk__in=old).delete()
    return len(old)


def visible_to(person: PortalUser) -> QuerySet[Dispatch]:
    """Dispatches whose audience this person may see: their own, or all of the portal's for who may see everything."""
    dispatches = Dispatch.objects.filter(portal=person.portal)
    return dispatches if may_see_all(person) else dispatches.filter(author=person)


def review(person: PortalUser, dispatch_id: int, words: str = "", page: int = 1) -> Review:
    """The audience as it stands, with page `page` of those whose name has all the `words`. Raises Dispatch.DoesNotExist."""
    dispatch = visible_to(person).select_related("portal", "author").get(pk=dispatch_id)
    numbers: list[int] = dispatch.recipients or []
    if words.split():
        named = _named(person.portal, words)
        numbers = [number for number in numbers if number in named]
    pages = max(1, -(-len(numbers) // PAGE))
    page = min(max(1, page), pages)
    wanted = numbers[(page - 1) * PAGE : page * PAGE]
    rows = PortalUser.objects.filter(portal=person.portal).in_bulk(wanted)
    return Review(
        dispatch=dispatch,
        chosen=Audience.from_json(dispatch.audience).said(),
        problem=problem_of(dispatch),
        held=[_held(reason, dispatch.left_out[reason]) for reason in Reason if reason in dispatch.left_out],
        words=words,
        people=[rows[number] for number in wanted if number in rows],
        found=len(numbers),
        page=page,
        pages=pages,
    )


def problem_of(dispatch: Dispatch) -> str:
    """The translated sentence for why the audience could not be read; empty when nothing is wrong."""
    needs_departments = dispatch.audience.get("branches") or dispatch.audience.get("except_branches")
    if dispatch.error_code == "INSUFFICIENT_SCOPE" and needs_departments and "department" not in dispatch.portal.scopes:
        return str(NO_DEPARTMENTS)
    return sentence(dispatch.error_code)


def _claim(dispatch_id: int) -> bool:
    now = timezone.now()
    free = _mine(dispatch_id).filter(Q(lease_until=None) | ran_out("lease_until", now, LEASE), error_code="")
    return bool(free.update(lease_until=now + LEASE))


def _mine(dispatch_id: int) -> QuerySet[Dispatch]:
    return Dispatch.objects.filter(pk=dispatch_id, state=Dispatch.State.PREPARING)


def _check(author: PortalUser, draft: Draft, key: UUID, sender: Sender) -> None:
    """Raises InvalidInput for what may not leave, whoever the recipient is."""
    if draft.type not in Notification.Type.values:
        raise InvalidInput("type", _("Choose a type of notification."))
    tag, sub_tag = tags.clean("tag", draft.tag), tags.clean("sub_tag", draft.sub_tag)
    wire_tag, wire_sub_tag = tags.wire_tag(tag, LARGEST_ID, key), tags.wire_sub_tag(tag, sub_tag)
    probe = Notification(portal=author.portal, sender=sender, author=author, type=draft.type, wire_tag=wire_tag, wire_sub_tag=wire_sub_tag)
    wire.command(probe, LARGEST_ID, draft)


def _read(dispatch: Dispatch) -> tuple[list[int], Sieve]:
    """The numbers of the recipients' rows, by name, and the sieve that they passed. Raises RestError."""
    audience = Audience.from_json(dispatch.audience)
    client = as_person(dispatch.author, background=True)
    sieve = Sieve(audience, departments.read(client) if audience.needs_tree else None)
    recipients: list[tuple[str, int, int]] = []
    passed = _passed(client, audience, sieve, dispatch)
    while some := list(islice(passed, people.STORED_AT_ONCE)):
        numbers = people.store(dispatch.portal, some)
        recipients += ((person.name.casefold(), person.id, numbers[person.id]) for person in some)
    recipients.sort()
    return [number for _name, _id, number in recipients], sieve


def _passed(client: PortalClient, audience: Audience, sieve: Sieve, dispatch: Dispatch) -> Iterator[Person]:
    """The recipients, one by one, while the portal is being read: first those who were named, then departments or everyone."""
    kept_at = timezone.now()
    for found in _sources(client, audience, sieve):
        yield from sieve.sift(found)
        if timezone.now() - kept_at >= _KEPT_ALIVE_EVERY:
            kept_at = timezone.now()
            _mine(dispatch.pk).update(lease_until=kept_at + LEASE)
    missing = [user_id for user_id in audience.ids if not sieve.has_seen(user_id)]
    sieve.missing(_names(dispatch.portal, missing))


def _sources(client: PortalClient, audience: Audience, sieve: Sieve) -> Iterator[Sequence[Person]]:
    also = ("UF_DEPARTMENT",) if audience.branches or audience.except_branches else ()
    yield from company.by_ids(client, audience.ids, *also)
    yield from _with_addresses(client, audience, sieve, also)
    places: list[Mapping[str, Any]] = [{}] if audience.everyone else [{"UF_DEPARTMENT": each} for each in _pieces(sieve.departments)]
    if not places:
        return
    if not audience.also_gone:
        _count_unread(client, places, sieve)
    conditions = places if audience.also_gone else [{**place, **_WHO_IS_READ} for place in places]
    yield from company.matching(client, conditions, *also)


def _with_addresses(client: PortalClient, audience: Audience, sieve: Sieve, also: Sequence[str]) -> Iterator[Sequence[Person]]:
    unknown = {email.casefold(): email for email in audience.emails}
    for found in company.by_emails(client, audience.emails, *also):
        for person in found:
            unknown.pop(person.email, None)
        yield found
    sieve.missing(unknown.values())


def _count_unread(client: PortalClient, places: Sequence[Mapping[str, Any]], sieve: Sieve) -> None:
    """Count who was dismissed or is external among the departments or everyone: those are not read.

    Of ACTIVE only the value true is documented (page user/user-get), so the dismissed are the difference.
    """
    conditions = [condition for place in places for condition in (place, {**place, "ACTIVE": True}, {**place, **_WHO_IS_READ})]
    numbers = iter(company.counts(client, conditions))
    for everybody, active, read in zip(numbers, numbers, numbers, strict=True):
        sieve.count(Reason.DISMISSED, everybody - active)
        sieve.count(Reason.EXTERNAL, active - read)


def _pieces(numbers: list[int]) -> list[list[int]]:
    return [numbers[start : start + _DEPARTMENTS_AT_ONCE] for start in range(0, len(numbers), _DEPARTMENTS_AT_ONCE)]


def _names(portal: Portal, user_ids: Sequence[int]) -> list[str]:
    """What to call people whom the portal does not show: the names known from earlier, else their numbers."""
    first = user_ids[:MOST_NAMES]
    known = dict(PortalUser.objects.filter(portal=portal, user_id__in=first).exclude(name="").values_list("user_id", "name"))
    return [known.get(user_id, f"#{user_id}") for user_id in first] + [f"#{user_id}" for user_id in user_ids[MOST_NAMES:]]


def _named(portal: Portal, words: str) -> set[int]:
    """The numbers of the rows of the portal's people whose name has every one of the words."""
    found = PortalUser.objects.filter(portal=portal)
    for word in words.split():
        found = found.filter(name__iregex=re.escape(word))
    return set(found.values_list("pk", flat=True))


def _held(reason: Reason, kept: Mapping[str, Any]) -> Held:
    # What was not found is to be corrected; of the others a few say enough.
    names = list(kept["names"])[: MOST_NAMES if reason is Reason.NOT_FOUND else FEW_NAMES]
    return Held(REASONS[reason], kept["count"], names, kept["count"] - len(names) if names else 0)
