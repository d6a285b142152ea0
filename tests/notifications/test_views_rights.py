"""The card of rights, and what each right lets a person do, over HTTP: admin, chosen person, person of a chosen department, other."""

import json
from html import unescape
from uuid import uuid4

import pytest
from django.test import Client

from b24app.bindings import introduce
from b24app.models import Portal, PortalUser
from devportal import world
from devportal.server import Stand
from notifications.models import Dispatch
from tests.notifications.browse import Browse
from tests.notifications.conftest import Join, Send

pytestmark = pytest.mark.django_db

RIGHTS = ("send", "send_to_many", "see_all")
ONLY_ADMINS = {f"{right}-who": "admins" for right in RIGHTS}


@pytest.fixture
def browse(client: Client) -> Browse:
    return Browse(client)


@pytest.fixture
def people(join: Join, portal: world.Portal, admin: PortalUser) -> dict[str, PortalUser]:
    """The four kinds of people that a right knows; `department` is in the department 9, `below` in one that stands under it."""
    ids = {"chosen": 5, "department": 6, "below": 7, "other": 8}
    portal.departments[9] = world.Department(9, "Night shift", 1)
    portal.departments[10] = world.Department(10, "Stand-by", 9)
    for name, number in ids.items():
        portal.people[number].departments = {"department": [9], "below": [10]}.get(name, [1])
    joined = {name: join(portal, portal.people[number]) for name, number in ids.items()}
    for person in joined.values():
        introduce(person, bind=False)
    return {"admin": admin, **joined}


def said(response: object) -> str:
    return str(json.loads(response.headers["HX-Trigger"])["toast"]["text"])  # type: ignore[attr-defined]


def give(right: str, *, below: bool = False) -> dict[str, object]:
    """The form that gives one right to the chosen person and to the department 9."""
    form: dict[str, object] = {
        **ONLY_ADMINS,
        f"{right}-who": "chosen",
        f"{right}_people": "5",
        f"{right}_people_names": "Somebody",
        f"{right}_departments": "9",
        f"{right}_department_names": "Night shift",
    }
    return form | ({f"{right}_below": "9"} if below else {})


def new(**changed: object) -> dict[str, object]:
    return {"key": str(uuid4()), "type": "personal", "message": "Hello", "recipients": "3", "names": "N", **changed}


def test_saving_says_what_was_saved_and_shows_it_again(browse: Browse, admin: PortalUser, people: dict[str, PortalUser]) -> None:
    response = browse.post(admin, "settings/rights/", **give("send"))
    assert said(response) == "Saved: Who may send to people chosen one by one."
    page = browse.get(admin, "settings/rights/")
    assert "Somebody" in page
    assert "Night shift" in page
    assert "Nothing was changed" in said(browse.post(admin, "settings/rights/", **give("send")))


@pytest.mark.parametrize("right", RIGHTS)
@pytest.mark.parametrize("who", ["", "nobody", "chosen"])
def test_what_is_wrong_saves_nothing_and_keeps_what_was_chosen(browse: Browse, admin: PortalUser, right: str, who: str) -> None:
    other = next(each for each in RIGHTS if each != right)
    form = {**give(other), f"{right}-who": who}
    response = browse.post(admin, "settings/rights/", **form)
    page = unescape(response.content.decode())
    assert 'class="error"' in page
    assert "Night shift" in page
    assert "HX-Trigger" not in response.headers
    portal = Portal.objects.get(pk=admin.portal_id)
    assert (portal.who_may_send, portal.who_may_send_to_many, portal.who_may_see_all, portal.chosen) == ("admins", "admins", "admins", {})


def test_only_admins_give_rights(browse: Browse, people: dict[str, PortalUser], stranger: PortalUser) -> None:
    for name in ("chosen", "other"):
        assert browse.status(people[name], "settings/rights/") == 403
        assert browse.post(people[name], "settings/rights/", **give("send")).status_code == 403
    browse.post(stranger, "settings/rights/", **give("see_all"))
    assert Portal.objects.get(pk=people["admin"].portal_id).chosen == {}


@pytest.mark.parametrize("below", [False, True])
@pytest.mark.parametrize("right", RIGHTS)
def test_who_may_do_what(
    browse: Browse, people: dict[str, PortalUser], stranger: PortalUser, post: Send, right: str, below: bool, stand: Stand
) -> None:
    admin = people["admin"]
    browse.post(admin, "settings/rights/", **give(right, below=below))
    theirs = post([3], tag="order").notifications.get()
    allowed = {"admin", "chosen", "department"} | ({"below"} if below else set())
    for name, person in people.items():
        has = name in allowed
        may = {each: name == "admin" or (has and each == right) for each in RIGHTS}
        may["send"] |= may["send_to_many"]
        assert browse.status(person, "new/") == (200 if may["send"] else 403), name
        assert browse.post(person, "new/", **new()).status_code == (204 if may["send"] else 403), name
        assert browse.status(person, "new/audience/departments/") == (200 if may["send_to_many"] else 403), name
        if may["send"]:
            assert ("Paste a list" in browse.get(person, "new/")) == may["send_to_many"], name
            refused = "can give you the right to send to many" in browse.post(person, "new/", **new(everyone="1")).content.decode()
            assert refused != may["send_to_many"], name
        prepared = Dispatch.objects.filter(author=person).exclude(audience={}).exists()
        assert prepared == may["send_to_many"], name
        assert browse.status(person, f"sent/{theirs.pk}/") == (200 if may["see_all"] else 404), name
        assert browse.status(person, f"dispatches/{theirs.dispatch_id}/figures/") == (200 if may["see_all"] else 404), name
        # What everybody has: what was sent to them, and their own notification centre.
        assert browse.status(person, "sent/") == 200
        assert browse.status(person, "inbox/") == 200
        assert browse.status(person, "sent/delete/", row=theirs.pk) == (200 if may["send"] or may["see_all"] else 403), name
    assert browse.status(stranger, f"sent/{theirs.pk}/") == 404


@pytest.mark.parametrize(("right", "deleted"), [("see_all", "deleted"), ("send", "sent")])
def test_who_may_see_others_takes_them_back(browse: Browse, people: dict[str, PortalUser], post: Send, right: str, deleted: str) -> None:
    browse.post(people["admin"], "settings/rights/", **give(right))
    row = post([3], tag="order").notifications.get()
    assert browse.post(people["chosen"], "sent/delete/", row=row.pk).status_code == 200
    row.refresh_from_db()
    assert row.state == deleted
    assert browse.status(people["chosen"], "inbox/delete-elsewhere/", tag="x") == (200 if right == "see_all" else 403)


@pytest.mark.parametrize(("right", "goes"), [("send", False), ("send_to_many", True)])
def test_what_is_for_many_is_sent_only_by_who_may_still_send_to_many(
    browse: Browse, people: dict[str, PortalUser], right: str, goes: bool
) -> None:
    browse.post(people["admin"], "settings/rights/", **give("send_to_many"))
    browse.post(people["chosen"], "new/", **new(everyone="1"))
    dispatch = Dispatch.objects.get()
    assert dispatch.state == "ready"
    browse.post(people["admin"], "settings/rights/", **give(right))
    page = browse.post(people["chosen"], f"dispatches/{dispatch.pk}/start/")
    dispatch.refresh_from_db()
    assert (dispatch.state != "ready") == goes
    assert ("can give you the right to send to many" in page.headers.get("HX-Trigger", "")) != goes


def test_who_leaves_the_department_loses_the_right_at_the_next_opening(
    browse: Browse, people: dict[str, PortalUser], portal: world.Portal
) -> None:
    browse.post(people["admin"], "settings/rights/", **give("send"))
    person = people["department"]
    assert browse.status(person, "new/") == 200
    portal.people[person.user_id].departments = [1]
    introduce(person, bind=False)
    assert browse.status(person, "new/") == 403


def test_structure_that_cannot_be_read_saves_nothing(browse: Browse, people: dict[str, PortalUser], stand: Stand) -> None:
    stand.faults.order(method="department.get", code="ACCESS_DENIED")
    assert browse.post(people["admin"], "settings/rights/", **give("send", below=True)).status_code == 403
    assert Portal.objects.get(pk=people["admin"].portal_id).who_may_send == "admins"


def test_departments_stay_known_while_the_portal_does_not_tell(people: dict[str, PortalUser], stand: Stand) -> None:
    person = people["department"]
    stand.faults.order(method="user.current", code="INTERNAL_SERVER_ERROR", inside_batch=True)
    introduce(person, bind=False)
    person.refresh_from_db()
    assert person.departments == [9]
