"""Every address there is, asked for with other people's numbers and with what no page of ours sends.

A new address is in these tests by being in the URL configuration; who is let in at which door is in test_doors.py.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from urllib.parse import urlencode
from uuid import UUID, uuid4

import pytest
import time_machine
from django.apps import apps
from django.core import signing
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from b24app.frame import session
from b24app.models import Portal, PortalUser, Sender
from devportal import world
from devportal.server import Stand
from notifications import ask
from notifications.models import ConfirmationRequest, Dispatch, Notification
from tests.notifications.conftest import Send

pytestmark = pytest.mark.django_db

FORM = "application/x-www-form-urlencoded"
METHODS = ("get", "post")

# Proves who asks by the portal's own token, not by the frame's (tests/b24app/test_session.py).
WITHOUT_FRAME_TOKEN = {"frame-session"}

# What an ordinary person leaves behind by looking at their own feed: calls, their own name, what the portal's budget was used for.
OF_ANY_VISIT = {"CallLog", "Bucket", "PortalUser"}

# The number is one that the portal gives out, and means a department of whoever asks.
PORTALS_NUMBERS = {"new-branch"}

# Whoever follows a link that is not theirs, or discards what is gone already, is told so in a sentence instead of 404.
SAY_SO = {"ask", "ask-answer", "dispatch-discard"}


@dataclass(frozen=True)
class Address:
    """One entry of the URL configuration: its name, its path with `{number}` or `{key}`."""

    name: str
    path: str

    def at(self, number: int, key: UUID) -> str:
        return self.path.format(number=number, key=key)


def addresses(resolver: URLResolver, prefix: str = "/") -> Iterator[Address]:
    """All addresses below `resolver`."""
    for entry in resolver.url_patterns:
        path = prefix + str(entry.pattern).replace("<int:number>", "{number}").replace("<uuid:key>", "{key}")
        if isinstance(entry, URLPattern):
            yield Address(str(entry.name), path)
        else:
            yield from addresses(entry, path)


ALL = list(addresses(get_resolver()))
FRAME = [address for address in ALL if address.path.startswith("/frame/") and address.name not in WITHOUT_FRAME_TOKEN]
PUBLIC = [address for address in ALL if not address.path.startswith("/frame/")]


def test_the_lists_name_addresses_that_exist() -> None:
    assert all(address.name not in ("", "None") for address in ALL)
    assert {address.name for address in ALL} >= WITHOUT_FRAME_TOKEN | PORTALS_NUMBERS | SAY_SO
    assert len(FRAME) > 50


@dataclass(frozen=True)
class Page:
    """One person's page, which may ask for anything."""

    client: Client
    token: str

    def ask(self, method: str, path: str, fields: Mapping[str, object] | None = None) -> HttpResponse:
        """GET with the fields as a query, or POST with them both as a query and as a form."""
        encoded = urlencode(fields or {}, doseq=True)
        return self.raw(method, f"{path}?{encoded}", encoded.encode())

    def raw(self, method: str, path: str, body: bytes) -> HttpResponse:
        headers = {"Authorization": f"Bearer {self.token}", "HX-Request": "true", "HX-Target": "main"}
        if method == "get":
            return self.client.get(path, headers=headers)
        return self.client.post(path, body, content_type=FORM, headers=headers)


@dataclass(frozen=True)
class Planted:
    """What there is on the portal that nobody else may touch: numbers and keys of all kinds of rows."""

    portal: Portal
    numbers: list[int]
    calls: list[int]
    key: UUID
    rows: list[int]
    sender: int
    feed: list[int]

    def attempts(self) -> list[dict[str, object]]:
        """Fields that name the portal's own things in every way that some form takes."""
        people = [3, 4]
        names = {
            "id": self.feed, "ids": self.feed, "confirmations": self.feed, "number": self.numbers, "key": self.key, "sender": self.sender,
            "recipients": people, "names": ["Colleague", "Colleague"], "author_id": people[0], "authors": people,
            "value": "Y", "text": "Words", "reason": "Words", "message": "Words", "type": "personal", "which": "all", "read": "Y",
            "portal": self.portal.pk, "member_id": self.portal.member_id, "DOMAIN": self.portal.domain, "address": "another.example",
            **{f"choice-{number}": "Y" for number in self.feed},
        }  # fmt: skip
        return [names | target for target in ({"tag": "shared-tag"}, {"sub_tag": "shared-sub"}, {"row": self.rows}, {})]

    def tries(self) -> Iterator[tuple[Address, str, str, dict[str, object]]]:
        """Every address with every number, by every method, and without a number in it with all attempts."""
        for address in FRAME:
            # Whoever tries makes calls of their own meanwhile, which they may look at.
            numbers = self.calls if address.name in ("call", "call-file") else self.numbers
            numbers = numbers if "{number}" in address.path else numbers[:1]
            attempts = self.attempts()[: 1 if "{number}" in address.path else None]
            for method, number, fields in product(METHODS, numbers, attempts):
                yield address, method, address.at(number, self.key), fields


@pytest.fixture
def planted(admin: PortalUser, portal: world.Portal, post: Send, webhook_sender: Sender, stand: Stand) -> Planted:
    """Dispatches in all their states, a confirmation request, a webhook, a call in the log; "Planted" stands in every text."""
    people = [person.id for person in portal.people.values() if person not in (portal.admin, portal.person)][:2]
    first = post(people, message="Planted text", tag="shared-tag", sub_tag="shared-sub")
    for state in Dispatch.State:
        later = Dispatch.objects.create(
            portal=admin.portal, sender=first.sender, author=admin, key=uuid4(), type="personal", message="Planted text", tag="shared-tag",
            state=state, total=1,
        )  # fmt: skip
        Notification.objects.create(
            portal=admin.portal, sender=first.sender, dispatch=later, author=admin, recipient=first.notifications.first().recipient,
            type="personal", tag="shared-tag", wire_tag=f"shared-tag|{later.pk}", state="queued",
        )  # fmt: skip
    ConfirmationRequest.objects.create(dispatch=first, buttons=ask.write([ask.Button("Planted button", "Y", ask.Means.CONFIRM)]))
    Sender.objects.filter(pk=webhook_sender.pk).update(name="Planted webhook")
    PortalUser.objects.filter(pk=first.notifications.first().recipient_id).update(name="Planted Person")
    portal.place_confirmation(portal.admin)
    # As the portal itself tells at any opening, and as an installation leaves it.
    Portal.objects.filter(pk=admin.portal_id).update(license_family="pro", bound_version=admin.portal.version)
    numbers = {row.pk for model in (Dispatch, Notification, Sender) for row in model.objects.filter(portal=admin.portal)}
    stand.log.clear()
    return Planted(
        portal=admin.portal, numbers=sorted(numbers), calls=list(admin.portal.calls.values_list("pk", flat=True)), key=first.key,
        rows=list(Notification.objects.values_list("pk", flat=True)), sender=webhook_sender.pk, feed=[item.id for item in portal.store],
    )  # fmt: skip


def text_of(answer: HttpResponse) -> str:
    """All that an answer says, files included."""
    return answer.getvalue().decode()


def rows_of(portal: Portal) -> dict[str, list[object]]:
    """Every row that is this portal's own, in every table."""
    found = {"Portal": list(Portal.objects.filter(pk=portal.pk).values())}
    for model in [*apps.get_app_config("b24app").get_models(), *apps.get_app_config("notifications").get_models()]:
        names = {field.name for field in model._meta.fields}
        way = next((way for way in ("portal", "dispatch", "request", "person") if way in names), None)
        if way:
            path = {"portal": "portal", "dispatch": "dispatch__portal", "request": "request__dispatch__portal", "person": "person__portal"}
            found[model.__name__] = list(model._default_manager.filter(**{path[way]: portal}).order_by("pk").values())
    return found


# --- The token ---


def useless_tokens(admin: PortalUser) -> Iterator[str]:
    """No token, tampered, signed for something else, expired, of another installation."""
    good = session.issue(admin)
    claims = signing.loads(good, salt="b24app.frame")
    yield ""
    yield good[:-1] + ("a" if good[-1] != "a" else "b")
    yield signing.dumps(claims, salt="b24app.oauth")
    yield signing.dumps({**claims, "installation": 99}, salt="b24app.frame")
    with time_machine.travel(timezone.now() - timedelta(seconds=session.FRAME_TOKEN_SECONDS + 60)):
        yield session.issue(admin)


def test_nothing_opens_without_a_token(admin: PortalUser, planted: Planted, client: Client, stand: Stand) -> None:
    before, pages = rows_of(planted.portal), [Page(client, token) for token in useless_tokens(admin)]
    for address in FRAME:
        answers = [page.ask(method, address.at(planted.numbers[0], planted.key)) for page in pages for method in METHODS]
        statuses = {answer.status_code for answer in answers}
        assert 401 in statuses, address
        assert statuses <= {401, 405}, address
        assert not any(answer.content for answer in answers), address
    assert rows_of(planted.portal) == before
    assert stand.log.entries == []


# --- Other portals and other people ---


def test_another_portals_admin_finds_and_changes_nothing(
    planted: Planted, stranger: PortalUser, portal: world.Portal, client: Client, stand: Stand
) -> None:
    page, before, feed = Page(client, session.issue(stranger)), rows_of(planted.portal), list(portal.store)
    for address, method, path, fields in planted.tries():
        answer = page.ask(method, path, fields)
        said = text_of(answer)
        if "{" in address.path and address.name not in PORTALS_NUMBERS | SAY_SO:
            assert answer.status_code in (404, 405), (method, path)
        assert answer.status_code < 500, (method, path)
        assert "Planted" not in said, (method, path)
        assert planted.portal.domain not in said, (method, path)
    assert rows_of(planted.portal) == before
    assert list(portal.store) == feed
    assert stand.log.calls(portal=portal) == []


def test_an_ordinary_person_finds_and_changes_nothing_of_others(
    planted: Planted, colleague: PortalUser, portal: world.Portal, client: Client
) -> None:
    """Which addresses they are let in at all is test_doors' matter."""
    page, before, feeds = Page(client, session.issue(colleague)), rows_of(planted.portal), list(portal.store)
    for _address, method, path, fields in planted.tries():
        answer = page.ask(method, path, fields)
        # Through which webhook something came is told to its recipients as well.
        assert "Planted" not in text_of(answer).replace("Planted webhook", ""), (method, path)
    after = rows_of(planted.portal)
    assert {name for name in before if after[name] != before[name]} <= OF_ANY_VISIT
    assert list(portal.store) == feeds


# --- What no page of ours sends ---


BROKEN = {
    "raw bytes": ("", b"x=\xff\xfe"),
    "percent-encoded bytes": ("", b"x=%ff%fe"),
    "a NUL": ("", b"x=a%00b"),
    "oversized": ("", b"x=" + b"a" * (2 * 1024 * 1024)),
    "too many fields": ("", b"&".join(b"f%d=1" % number for number in range(5001))),
    "bytes in the address": ("?x=%ff", b""),
    "a NUL in the address": ("?x=%00", b""),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_broken_input_gets_400(broken: str, admin: PortalUser, client: Client, stand: Stand) -> None:
    page, (query, body) = Page(client, session.issue(admin)), BROKEN[broken]
    for address in FRAME:
        path = address.at(1, uuid4()) + query
        statuses = {page.raw("post", path, body).status_code}
        if query:
            statuses.add(page.raw("get", path, b"").status_code)
            assert 400 in statuses, address
        assert statuses <= {400, 405}, address
    assert stand.log.entries == []


@pytest.mark.parametrize("number", [0, 2**31, 2**63, 10**40])
def test_a_number_that_nothing_has_is_not_found(number: int, admin: PortalUser, client: Client) -> None:
    page = Page(client, session.issue(admin))
    for address in FRAME:
        if "{number}" in address.path and address.name not in PORTALS_NUMBERS | SAY_SO:
            statuses = {page.ask(method, address.at(number, uuid4())).status_code for method in METHODS}
            assert 404 in statuses, address
            assert statuses <= {404, 405}, address


FURTHER_FIELDS = (
    "row", "before", "after", "cursor", "state", "view", "first", "last", "day", "when", "person", "words", "page", "kind", "into",
    "confirmation", "other", "retention_days", "bucket_capacity", "attach", "client_id", "seen", "opened", "dispatch_state",
)  # fmt: skip


@pytest.mark.parametrize("nonsense", ["9" * 40, "\u0663", "1e999", '{"[": []}'])
def test_nonsense_in_every_field_is_no_fault_of_ours(nonsense: str, planted: Planted, admin: PortalUser, client: Client) -> None:
    page = Page(client, session.issue(admin))
    fields = dict.fromkeys([*planted.attempts()[0], "sub_tag", *FURTHER_FIELDS], nonsense)
    for address in FRAME:
        for method in METHODS:
            answer = page.ask(method, address.at(planted.numbers[0], planted.key), fields)
            assert answer.status_code < 500, (method, address)


@pytest.mark.parametrize("address", PUBLIC, ids=lambda address: address.name)
@pytest.mark.parametrize("broken", BROKEN)
def test_strangers_cannot_cause_a_fault(address: Address, broken: str, stand: Stand, client: Client) -> None:
    query, body = BROKEN[broken]
    names = ("domain", "state", "code", "DOMAIN", "LANG", "error")
    path = address.path + (query and "?" + "&".join(query.removeprefix("?").replace("x", name) for name in names))
    assert client.get(path).status_code < 500
    assert client.post(path, body, content_type=FORM).status_code in (400, 405)
    assert stand.log.entries == []
