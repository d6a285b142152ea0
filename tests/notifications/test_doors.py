"""Who is let in at which address under /frame/, and for whom an act that changes what others made is done: nobody who may not.

Addresses without a token, and with other people's numbers in every field, are in test_every_address.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from django.db.models import Model
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from b24app.frame import session
from b24app.models import Activity, Portal, PortalUser, Sender
from devportal import world
from notifications.models import Answer, ConfirmationRequest, Dispatch, Notification
from tests.notifications.conftest import Join
from tests.notifications.requests import ask

pytestmark = pytest.mark.django_db

EVERYBODY, SEND, SEND_TO_MANY, SEE_ALL, TAKE_BACK, ADMIN = "everybody", "send", "send_to_many", "see_all", "take back", "admin"

DOORS = {
    "frame-install": EVERYBODY,
    "settings": ADMIN,
    "settings-check": ADMIN,
    "rights": ADMIN,
    "data": ADMIN,
    "data-csv": ADMIN,
    "data-json": ADMIN,
    "data-delete": ADMIN,
    "activity": ADMIN,
    "activity-file": ADMIN,
    "calls": ADMIN,
    "call": ADMIN,
    "call-file": ADMIN,
    "senders": ADMIN,
    "sender-add": ADMIN,
    "sender-remove": ADMIN,
    "sender-check": ADMIN,
    "sent": EVERYBODY,
    "sent-figures": SEE_ALL,
    "sent-row": EVERYBODY,
    "sent-delete": TAKE_BACK,
    "sent-confirm": EVERYBODY,
    "dispatch": EVERYBODY,
    "dispatch-figures": EVERYBODY,
    "dispatch-rows": EVERYBODY,
    "dispatch-audience": EVERYBODY,
    "dispatch-audience-again": SEND_TO_MANY,
    "dispatch-start": SEND,
    "dispatch-discard": EVERYBODY,
    "dispatch-pause": EVERYBODY,
    "dispatch-resume": EVERYBODY,
    "dispatch-cancel": EVERYBODY,
    "dispatch-resend": EVERYBODY,
    "dispatch-take-back": EVERYBODY,
    "new": SEND,
    "new-preview": SEND,
    "new-people": SEND,
    "new-departments": SEND_TO_MANY,
    "new-branch": SEND_TO_MANY,
    "ask": EVERYBODY,
    "ask-answer": EVERYBODY,
    "request": EVERYBODY,
    "request-live": EVERYBODY,
    "request-people": EVERYBODY,
    "request-remind": SEND,
    "request-close": TAKE_BACK,
    "request-sheet": EVERYBODY,
    "request-file": EVERYBODY,
    "inbox": EVERYBODY,
    "inbox-news": EVERYBODY,
    "inbox-search": EVERYBODY,
    "inbox-search-types": EVERYBODY,
    "inbox-read": EVERYBODY,
    "inbox-read-newer": EVERYBODY,
    "inbox-read-all": EVERYBODY,
    "inbox-confirm": EVERYBODY,
    "inbox-answer": EVERYBODY,
    "inbox-delete": EVERYBODY,
    "inbox-delete-elsewhere": SEE_ALL,
}
"""Who passes the door of each address; what is behind it may still refuse (ACTS). `frame-session` takes no token: it gives one."""

OPENS: dict[str, set[str]] = {
    "nobody": {EVERYBODY},
    "send": {EVERYBODY, SEND, TAKE_BACK},
    "send_to_many": {EVERYBODY, SEND, SEND_TO_MANY, TAKE_BACK},
    "see_all": {EVERYBODY, SEE_ALL, TAKE_BACK},
    "admin": {EVERYBODY, SEND, SEND_TO_MANY, SEE_ALL, TAKE_BACK, ADMIN},
}
"""Which doors are open for somebody with one right alone."""


class Office:
    """A portal with something of everything, written by its admin, and the people who come to its doors."""

    def __init__(self, client: Client, people: dict[str, PortalUser], request: ConfirmationRequest, webhook: Sender) -> None:
        self._client = client
        self.people, self.request, self.webhook = people, request, webhook
        self.row = request.dispatch.notifications.order_by("pk")[0]

    def address(self, name: str) -> str:
        """The address of this name, with the number or key of something that the admin made."""
        kind = name.partition("-")[0]
        numbers: dict[str, Any] = {"sent": self.row.pk, "sender": self.webhook.pk, "call": 1, "new": 1, "ask": self.request.key}
        [(_path, parameters)] = get_resolver().reverse_dict.getlist(name)[0][0]
        return reverse(name, args=[numbers.get(kind, self.request.dispatch_id)] if parameters else [])

    def status(self, who: str, name: str, method: str = "post", form: Mapping[str, object] | None = None) -> int:
        """What is answered to this person; never a fault of ours."""
        headers = {"HX-Request": "true", "Authorization": f"Bearer {session.issue(self.people[who])}"}
        response = getattr(self._client, method)(self.address(name), form or {}, headers=headers)
        assert response.status_code < 500, (who, name, response.content)
        return int(response.status_code)

    def ledger(self) -> list[Any]:
        """All rows that an act on the admin's portal could change, without what mere looking at them may update."""
        portal = self.people["admin"].portal_id
        tables: Sequence[tuple[type[Model], str]] = (
            (Portal, "pk"),
            (Sender, "portal"),
            (Dispatch, "portal"),
            (Notification, "portal"),
            (ConfirmationRequest, "dispatch__portal"),
            (Answer, "notification__portal"),
            (Activity, "portal"),
        )
        kept_by_readers = {"change", "counted_change", "is_stale"}
        return [
            {name: value for name, value in row.items() if name not in kept_by_readers}
            for model, path in tables
            for row in model._default_manager.filter(**{path: portal}).order_by("pk").values()
        ]


@pytest.fixture
def office(
    client: Client, join: Join, portal: world.Portal, admin: PortalUser, colleague: PortalUser, stranger: PortalUser, webhook_sender: Sender
) -> Office:
    rights = {"send": 5, "send_to_many": 6, "see_all": 7}
    people = {name: join(portal, portal.people[number]) for name, number in rights.items()}
    who = {f"who_may_{name}": "chosen" for name in rights}
    given = {name: {"people": [{"id": number, "name": ""}], "departments": []} for name, number in rights.items()}
    Portal.objects.filter(pk=admin.portal_id).update(chosen=given, **who)
    # Who may do nothing has received all of it.
    request = ask(admin, [colleague.user_id, 8], tag="order", sub_tag="all")
    return Office(client, {"nobody": colleague, "admin": admin, "stranger": stranger, **people}, request, webhook_sender)


def names(patterns: Sequence[URLPattern | URLResolver], under: str = "") -> Iterator[str]:
    for each in patterns:
        path = under + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from names(each.url_patterns, path)
        elif path.startswith("frame/"):
            yield str(each.name)


def test_every_address_of_the_frame_is_in_the_table() -> None:
    assert sorted(names(get_resolver().url_patterns)) == sorted([*DOORS, "frame-session"])


@pytest.mark.parametrize("who", OPENS)
def test_each_door_opens_for_whom_it_should(office: Office, who: str) -> None:
    wrong = {}
    for name, needed in DOORS.items():
        # A question, or what only changes something, asked without the words that would make it change anything.
        answers = {office.status(who, name, method) for method in ("get", "post") if name not in ("data-delete", "frame-install")} - {405}
        if answers and (403 in answers) != (needed not in OPENS[who]):
            wrong[name] = answers
    assert wrong == {}


@dataclass(frozen=True)
class Act:
    """Something that changes the admin's portal: the form that does it, and the state in which their dispatch must be before.

    `by` are people other than the admin who may do it as well.
    """

    form: Mapping[str, object] = field(default_factory=dict)
    before: Mapping[str, object] = field(default_factory=dict)
    by: tuple[str, ...] = ()


READY = {"state": "ready", "finished_at": None, "recipients": []}
RIGHTS = ("send", "send_to_many", "see_all")

ACTS = {
    "settings": Act({"default_type": "system", "interface_language": "", "retention_days": "90"}),
    "rights": Act({f"{right}-who": "everyone" for right in RIGHTS}),
    "data-delete": Act({"address": "PORTAL"}),
    "sender-add": Act({"name": "Another", "client_id": "another", "address": "WEBHOOK"}),
    "sender-remove": Act(),
    "sent-delete": Act({"row": "ROW"}, by=("see_all",)),
    "sent-delete by TAG": Act({"tag": "order"}, by=("see_all",)),
    "sent-delete by SUB_TAG": Act({"sub_tag": "all"}, by=("see_all",)),
    "dispatch-start": Act(before=READY),
    "dispatch-discard": Act(before=READY, by=("see_all",)),
    "dispatch-pause": Act(before={"state": "running", "finished_at": None}, by=("see_all",)),
    "dispatch-resume": Act(before={"state": "paused", "finished_at": None}),
    "dispatch-cancel": Act(before={"state": "running", "finished_at": None}, by=("see_all",)),
    "dispatch-take-back": Act({"which": "all"}, by=("see_all",)),
    "request-remind": Act(),
    "request-close": Act(by=("see_all",)),
    "inbox-delete-elsewhere": Act({"tag": "of other code"}, by=("see_all",)),
    "new": Act({"key": str(uuid4()), "type": "personal", "message": "Hello", "recipients": "3", "names": "N"}, by=("send", "send_to_many")),
    "new to everyone": Act({"key": str(uuid4()), "type": "personal", "message": "Hello", "everyone": "1"}, by=("send_to_many",)),
}
"""One act for each address that changes what others have made; a word after the name tells two of one address apart."""


@pytest.mark.parametrize("act", ACTS)
def test_an_act_is_done_for_nobody_who_may_not(office: Office, portal: world.Portal, act: str) -> None:
    name, told = act.partition(" ")[0], ACTS[act]
    words = {"PORTAL": portal.domain, "WEBHOOK": portal.webhook(portal.admin), "ROW": office.row.pk}
    form = {key: words.get(str(value), value) for key, value in told.form.items()}
    if told.before == READY:
        office.request.dispatch.notifications.all().delete()
    Dispatch.objects.filter(pk=office.request.dispatch_id).update(**told.before)
    before = office.ledger()
    for who in office.people.keys() - {"admin", *told.by}:
        if name == "new" and who == "stranger":
            continue
        office.status(who, name, "post", form)
        assert office.ledger() == before, who
    for who in (*told.by, "admin")[:1]:
        assert office.status(who, name, "post", form) in (200, 204)
        assert office.ledger() != before, who
