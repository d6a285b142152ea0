"""Independent clients, unchanged, against the stand-in over HTTPS: the official b24pysdk, and fast_bitrix24."""

import asyncio
import hashlib
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import aiohttp
import pytest
from b24pysdk import Client
from b24pysdk.credentials import BitrixWebhook
from b24pysdk.errors import BitrixAPIError, BitrixResponse302JSONDecodeError
from fast_bitrix24 import BitrixAsync

from devportal.server import Stand
from devportal.world import Person, Portal


@pytest.fixture(scope="module")
def secure() -> Iterator[Stand]:
    """The stand-in speaking TLS."""
    stand = Stand.start(tls=True)
    yield stand
    stand.stop()


@pytest.fixture
def safe_portal(secure: Stand, monkeypatch: pytest.MonkeyPatch) -> Portal:
    """A portal over HTTPS whose CA requests trusts (b24pysdk has no setting for it)."""
    secure.reset()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(secure.ca_file))
    monkeypatch.setenv("NO_PROXY", "localhost")
    return secure.portals[0]


def client(portal: Portal, person: Person) -> Client:
    person_id, secret = portal.webhook(person).rstrip("/").split("/")[-2:]
    return Client(BitrixWebhook(domain=portal.domain, webhook_token=f"{person_id}/{secret}"))


def test_every_notify_method(safe_portal: Portal) -> None:
    anna = safe_portal.person
    admin, hers = client(safe_portal, safe_portal.admin), client(safe_portal, anna)
    sent = admin.im.notify(anna.id, "Lamp oil", tag="t", sub_tag="s", client_id="mine", type="USER").result
    personal = admin.im.notify.personal.add(anna.id, "Personal", tag="p", client_id="mine").result
    system = admin.im.notify.system.add(anna.id, "System", attach={"BLOCKS": [{"MESSAGE": "attached"}]}).result
    placed = safe_portal.place_confirmation(anna)
    safe_portal.store.add(anna.id, author_id=4, notify_type=2, module="tasks", event="comment", text="Ready?", answerable=True)

    page = hers.im.notify.get(limit=50).result
    assert page["notifications"][0]["id"] == placed.id
    digest = hashlib.md5(b"custommine", usedforsecurity=False).hexdigest()[:5]
    assert {item["notify_tag"] for item in page["notifications"]} >= {f"MP|{digest}|t", f"MP|{digest}|p"}
    comment = page["notifications"][1]["id"]

    assert hers.im.notify.confirm(placed.id, True).result == {"result_message": ["You are now a member of the workgroup."]}
    assert hers.im.notify.answer(comment, "Yes").result == {"result_message": ["Your reply has been sent."]}
    assert hers.im.notify.read(personal, action=True, only_current=True).result is True
    assert hers.im.notify.read.list([sent, system], action=True).result is True
    assert hers.im.notify.read.all().result == {"result": True, "newCounter": 0}
    assert [item["id"] for item in hers.im.notify.history.search(search_text="lamp").result["notifications"]] == [sent]
    assert "rest" in hers.im.notify.schema.get().result
    assert admin.im.notify.delete(tag="t", client_id="mine").result is True
    assert hers.im.notify.delete(bitrix_id=system).result is True
    assert sorted(item.id for item in safe_portal.feed(anna)) == sorted([personal, comment])


def test_people_batches_and_errors(safe_portal: Portal) -> None:
    admin = client(safe_portal, safe_portal.admin)
    assert admin.profile().result["ADMIN"] is True
    assert admin.user.current().result["ID"] == "1"
    assert [person["ID"] for person in admin.user.get(filter={"@ID": [2, 3]}).result] == ["2", "3"]
    assert len(admin.user.get().as_list().result) == 12
    assert admin.department.get().result[0]["NAME"] == "Lantern Works"
    batch = admin.call_batch({"me": admin.profile(), "sent": admin.im.notify(3, "x")})
    assert batch.result.result["me"]["ID"] == "1"
    with pytest.raises(BitrixAPIError) as caught:
        admin.im.notify(0, "x").result  # noqa: B018
    assert caught.value.error == "USER_ID_EMPTY"


def test_sdk_understands_a_moved_portal(secure: Stand, safe_portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """doc: change-domen. The SDK reads the new domain from Location, but drops its port: it cannot follow to a port of localhost."""
    monkeypatch.setattr(BitrixWebhook, "_AUTO_CHANGED_DOMAIN", False)
    wandering = secure.add_portal(company="Wandering Geese")
    admin = client(wandering, wandering.admin)
    wandering.move()
    with pytest.raises(BitrixResponse302JSONDecodeError) as caught:
        admin.profile().result  # noqa: B018
    assert caught.value.new_domain == "localhost"
    secure.portals.remove(wandering)


def test_fast_bitrix24_reads_two_thousand_people(secure: Stand, safe_portal: Portal) -> None:
    large = secure.portals[2]
    trusted = ssl.create_default_context(cafile=str(secure.ca_file))

    async def work() -> tuple[list[dict[str, str]], dict[str, str]]:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusted), raise_for_status=True) as session:
            bitrix = BitrixAsync(large.webhook(large.admin), verbose=False, client=session)
            return await bitrix.get_all("user.get"), await bitrix.call("user.current", raw=True)

    # In a thread of its own: where a browser test ran before, Playwright's loop still runs in this one.
    with ThreadPoolExecutor(1) as thread:
        people, me = thread.submit(asyncio.run, work()).result()
    assert {person["ID"] for person in people} == {str(number) for number in range(1, 2001)}
    assert me["result"]["ID"] == "1"  # type: ignore[index]
