"""Every method of the im.notify family exists in api.py, works against the stand-in over HTTP, and is behind some click."""

import inspect
from typing import Any
from uuid import uuid4

from django.test import Client

from b24app.models import PortalUser, Sender
from b24app.rest.calls import Call
from b24app.rest.client import as_person
from devportal import world
from devportal.server import Stand
from notifications import api
from notifications.api import Notice, Reaction
from tests.notifications.browse import Browse

METHODS = {
    "notify": "im.notify",
    "personal_add": "im.notify.personal.add",
    "system_add": "im.notify.system.add",
    "get": "im.notify.get",
    "schema_get": "im.notify.schema.get",
    "read": "im.notify.read",
    "read_list": "im.notify.read.list",
    "read_all": "im.notify.read.all",
    "answer": "im.notify.answer",
    "confirm": "im.notify.confirm",
    "delete": "im.notify.delete",
    "history_search": "im.notify.history.search",
}
"""The table of bitrix24.md 6."""


def test_one_function_per_method() -> None:
    public = {
        name for name, value in vars(api).items() if inspect.isfunction(value) and value.__module__ == api.__name__ and name[0] != "_"
    }
    assert public == set(METHODS)


def test_every_method_through_the_stand_in(stand: Stand, portal: world.Portal, admin: PortalUser) -> None:
    client = as_person(admin)
    called: list[Call[Any]] = []

    def run(call: Call[Any]) -> Any:
        called.append(call)
        return client.run(call)

    me = admin.user_id
    first = run(api.notify(Notice(me, "first words", tag="a")))
    second = run(api.personal_add(Notice(me, "second words", tag="b", sub_tag="s")))
    third = run(api.system_add(Notice(me, "third words", attach=[{"MESSAGE": "more"}])))
    asked = portal.place_confirmation(portal.admin)

    page = run(api.get())
    assert (page.total, page.unread) == (4, 4)
    assert [item.id for item in page.items] == [asked.id, third, second, first]
    assert page.people[me].name == portal.admin.full_name

    assert {module.id for module in run(api.schema_get())} >= {"rest", "tasks"}
    assert [item.id for item in run(api.history_search("second")).items] == [second]

    assert run(api.read(first)) is True
    assert run(api.read_list([second])) is True
    assert [item.is_read for item in client.run(api.get()).items] == [False, False, True, True]
    assert run(api.read_all()) == 1, "the confirmation stays unread"

    assert run(api.answer(first, "Yes")) == Reaction(False, ())
    pressed = run(api.confirm(asked.id, page.items[0].buttons[0].value))
    assert pressed.accepted
    assert pressed.texts

    assert run(api.delete(first)) is True
    assert run(api.delete(first)) is False
    assert run(api.delete(sub_tag="s")) is True
    assert run(api.delete(tag="nothing has it")) is True
    assert [item.id for item in portal.feed(portal.admin)] == [third]

    assert {call.method for call in called} == set(METHODS.values())
    assert {entry.method for entry in stand.log.entries} == set(METHODS.values())


def test_every_method_is_behind_a_click(
    stand: Stand, portal: world.Portal, admin: PortalUser, webhook_sender: Sender, app_sender: Sender, client: Client
) -> None:
    browse, me = Browse(client), admin.user_id
    asked = portal.place_confirmation(portal.admin)
    stand.log.clear()
    for kind, sender in (("personal", app_sender), ("system", app_sender), ("personal", webhook_sender)):
        sent = {"key": uuid4(), "type": kind, "sender": sender.pk, "message": "Words", "recipients": me, "names": admin.name}
        browse.post(admin, "new/", **sent)
    browse.get(admin, "inbox/")
    browse.get(admin, "inbox/search/types/")
    browse.get(admin, "inbox/search/", words="Words")
    first = portal.feed(portal.admin)[-1].id
    for path, form in (
        (f"inbox/read/?id={first}&read=Y", {}),
        (f"inbox/read-newer/?id={first}&read=Y", {}),
        ("inbox/read-all/", {}),
        ("inbox/answer/", {"id": first, "text": "Yes"}),
        ("inbox/confirm/", {"id": asked.id, "value": "Y"}),
        ("inbox/delete/", {"id": first}),
    ):
        browse.post(admin, path, **form)
    assert {method for method in METHODS.values() if not stand.log.commands(method)} == set()
    assert not [entry for entry in stand.log.entries if entry.code]
