"""Choosing whom a notification is for, and looking through the names before anything is sent, as the page asks for it."""

import json
import re
from html import unescape
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from b24app.models import Portal, PortalUser
from devportal import world
from devportal.server import Stand
from notifications import departments
from notifications.models import Dispatch
from tests.notifications.browse import Browse
from tests.notifications.conftest import Join

State = Dispatch.State


@pytest.fixture
def browse(client: Client) -> Browse:
    return Browse(client)


def form(**chosen: object) -> dict[str, object]:
    return {"key": str(uuid4()), "type": "personal", "message": "Due on Friday", "tag": "invoice", **chosen}


def shown_page(response: HttpResponse) -> str:
    """Where the page is led to."""
    assert response.status_code == 204, response.content
    return str(json.loads(response["HX-Trigger"])["draft-sent"]["show"])


SUPPORT = {"departments": ["5"], "department_names": ["Support"], "below": ["5"]}


class TestForm:
    def test_many_are_prepared_and_the_page_is_led_to_their_names(
        self, browse: Browse, admin: PortalUser, portal: world.Portal, stand: Stand
    ) -> None:
        stand.log.clear()
        response = browse.post(admin, "new/", **form(**SUPPORT))
        dispatch = Dispatch.objects.get()
        assert shown_page(response) == f"/frame/dispatches/{dispatch.pk}/"
        assert (dispatch.state, dispatch.total) == (State.READY, 3)
        assert dispatch.audience == {"branches": [{"id": 5, "name": "Support", "below": True}]}
        # department.get, the counts of who is not read, the people; nothing is sent.
        assert [entry.method for entry in stand.log.entries] == ["department.get", "batch", "batch"]
        assert all(portal.feed(person) == [] for person in portal.people.values())

    def test_a_second_click_prepares_nothing_again(self, browse: Browse, admin: PortalUser, stand: Stand) -> None:
        twice = form(everyone="1")
        first = shown_page(browse.post(admin, "new/", **twice))
        requests = stand.log.count()
        assert shown_page(browse.post(admin, "new/", **twice)) == first
        assert (Dispatch.objects.count(), stand.log.count()) == (1, requests)

    @pytest.mark.parametrize(
        ("chosen", "total"),
        [
            ({"everyone": "1"}, 12),
            ({"listed": "3, 4\n5"}, 3),
            ({"recipients": ["3", "4"], "names": ["a", "b"], "except_recipients": ["4"], "except_names": ["b"]}, 1),
            ({"everyone": "1", "except_departments": ["5"], "except_department_names": ["Support"]}, 10),
            ({"everyone": "1", "except_departments": ["5"], "except_department_names": ["Support"], "except_below": ["5"]}, 9),
            ({"recipients": [str(number) for number in range(1, 52)], "names": ["n"] * 51}, 12),
        ],
    )
    def test_whatever_is_more_than_some_people_is_prepared(
        self, browse: Browse, admin: PortalUser, chosen: dict[str, object], total: int
    ) -> None:
        shown_page(browse.post(admin, "new/", **form(**chosen)))
        assert Dispatch.objects.get().total == total

    def test_the_dismissed_come_along_when_asked_for(self, browse: Browse, admin: PortalUser, portal: world.Portal) -> None:
        portal.dismiss(portal.people[8])
        shown_page(browse.post(admin, "new/", **form(everyone="1", also_gone="1")))
        assert Dispatch.objects.get().total == 12

    def test_what_is_wrong_stands_beside_its_field_and_nothing_is_lost(self, browse: Browse, admin: PortalUser, stand: Stand) -> None:
        chosen = {
            **SUPPORT,
            "listed": "12\nnonsense",
            "except_recipients": ["4"],
            "except_names": ["<b>Four"],
            "except_departments": ["14"],
            "except_department_names": ["South"],
            "everyone": "1",
            "also_gone": "1",
        }
        stand.log.clear()
        page = browse.post(admin, "new/", **form(**chosen)).content.decode()
        assert "Neither a user id nor an e-mail address: “nonsense”." in page
        for kept in ("12\nnonsense", 'value="Support"', "&lt;b&gt;Four", 'value="South"', 'name="everyone" value="1"'):
            assert kept in page
        assert page.count("<b>Four") == 0
        assert 'name="below" value="5" aria-label="With sub-departments: Support" checked' in page
        assert 'name="except_below" value="14" aria-label="With sub-departments: South">' in page
        assert 'name="also_gone" value="1" checked' in page
        assert (Dispatch.objects.count(), stand.log.count()) == (0, 0)

    def test_as_much_as_may_be_chosen_fits_into_a_form(self, browse: Browse, admin: PortalUser) -> None:
        """As the page posts it; more than the limit of a list is answered with a sentence."""
        people = [("recipients", str(number)) for number in range(1, 2000)] + [("names", "Somebody")] * 1999
        addresses = "\r\n".join(f"quite.a.long.address.{number}@nord.lantern-works.example" for number in range(20_001))
        posted = urlencode([*form(message=" ").items(), *people, ("listed", addresses)])
        response = browse.post_encoded(admin, "new/", posted)
        assert response.status_code == 200
        assert "20000 entries at most" in response.content.decode()

    def test_what_no_notification_may_have_is_refused_as_ever(self, browse: Browse, admin: PortalUser) -> None:
        page = browse.post(admin, "new/", **form(everyone="1", tag="x" * 180)).content.decode()
        assert "Shorten it." in page
        assert not Dispatch.objects.exists()


class TestDepartments:
    def test_the_top_and_what_is_right_below_it(self, browse: Browse, admin: PortalUser, stand: Stand) -> None:
        stand.log.clear()
        page = unescape(browse.get(admin, "new/audience/departments/", into="departments"))
        assert "Lantern Works" in page
        assert 'data-department="5" data-name="Support"' in page
        assert "Support Süd" not in page
        below = unescape(browse.get(admin, "new/audience/departments/5/"))
        assert 'data-department="14" data-name="Support Süd"' in below
        assert stand.log.count() == 1

    def test_search_shows_where_a_department_stands(self, browse: Browse, admin: PortalUser) -> None:
        page = unescape(browse.get(admin, "new/audience/departments/", "department-list", into="departments", words="süd supp"))
        assert "Support Süd" in page
        assert "Lantern Works › Support" in page
        assert "dialog-head" not in page
        assert "No department of this name was found." in browse.get(admin, "new/audience/departments/", words="zzz")

    def test_never_more_than_a_screenful(self, browse: Browse, join: Join, stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(departments, "MOST_FOUND", 30)
        large = stand.portals[2]
        page = browse.get(join(large, large.admin), "new/audience/departments/", into="departments", words="s")
        assert page.count("data-department=") == 30
        assert "and 9 more. Type more of the name." in page

    def test_a_portal_that_has_not_granted_the_right(self, browse: Browse, admin: PortalUser, stand: Stand) -> None:
        stand.faults.order(method="department.get", code="insufficient_scope")
        page = unescape(browse.get(admin, "new/audience/departments/", into="departments"))
        assert "has not given the app the right to see its departments" in page
        assert "data-department=" not in page

    def test_only_for_those_who_may_send(self, browse: Browse, colleague: PortalUser) -> None:
        assert browse.status(colleague, "new/audience/departments/") == 403
        assert browse.status(colleague, "new/audience/departments/5/") == 403


class TestReview:
    @pytest.fixture
    def dispatch(self, browse: Browse, admin: PortalUser, portal: world.Portal) -> Dispatch:
        portal.dismiss(portal.people[8])
        chosen = {"everyone": "1", "listed": "8 4711 gone@lantern.example", "except_recipients": ["3"], "except_names": ["x"]}
        browse.post(admin, "new/", **form(**chosen))
        return Dispatch.objects.get()

    def test_says_how_many_and_whom_and_who_was_left_out(
        self, browse: Browse, admin: PortalUser, portal: world.Portal, dispatch: Dispatch
    ) -> None:
        page = unescape(browse.get(admin, f"dispatches/{dispatch.pk}/audience/"))
        assert "10 people will get this" in page
        assert "Everyone, 3 entries of a list, except: 1 person" in page
        for reason, name in (
            ("Dismissed", portal.people[8].full_name),
            ("Excepted", portal.people[3].full_name),
            ("Not found", "gone@lantern.example, #4711"),
        ):
            assert f"<dt>{reason}</dt>" in page
            assert name in page
        names = page.split('id="audience-names"')[1]
        assert portal.people[5].full_name in names
        assert portal.people[8].full_name not in names
        assert f'hx-post="/frame/dispatches/{dispatch.pk}/start/"' in page

    def test_names_are_searched(self, browse: Browse, admin: PortalUser, portal: world.Portal, dispatch: Dispatch) -> None:
        page = browse.get(admin, f"dispatches/{dispatch.pk}/audience/", "audience-names", words="ЗАОЗ")
        assert portal.people[6].full_name in page
        assert page.count("person-name") == 1
        assert "Nobody of this name" in browse.get(admin, f"dispatches/{dispatch.pk}/audience/", "audience-names", words="x.*")

    def test_2000_names_fifty_at_a_time(
        self, browse: Browse, join: Join, stand: Stand, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        large = stand.portals[2]
        head = join(large, large.admin)
        browse.post(head, "new/", **form(everyone="1"))
        address = f"dispatches/{Dispatch.objects.get().pk}/audience/"
        with django_assert_max_num_queries(3):
            first = browse.get(head, address)
        assert "2,000 people will get this" in first
        assert "1 of 40" in first
        last = browse.get(head, address, "audience-names", page=40)
        assert first.count("person-name") == last.count("person-name") == 50
        shown = re.findall(r'person-name">([^<]+)', first)
        assert shown == sorted(shown, key=str.casefold) == sorted((each.full_name for each in large.people.values()), key=str.casefold)[:50]
        assert "40 of 40" in browse.get(head, address, "audience-names", page=99)
        assert len(first) < 40_000

    def test_while_it_is_read_the_page_asks_again(self, browse: Browse, admin: PortalUser, dispatch: Dispatch) -> None:
        Dispatch.objects.update(state=State.PREPARING, lease_until=timezone.now())
        page = browse.get(admin, f"dispatches/{dispatch.pk}/audience/")
        assert "Reading the recipients from your portal" in page
        assert 'hx-trigger="load delay:1s"' in page
        assert "/start/" not in page

    def test_a_failure_is_explained_and_tried_again(self, browse: Browse, admin: PortalUser, dispatch: Dispatch, stand: Stand) -> None:
        Dispatch.objects.update(state=State.PREPARING, error_code="QUERY_LIMIT_EXCEEDED")
        page = browse.get(admin, f"dispatches/{dispatch.pk}/audience/")
        assert "The recipients could not be read" in page
        assert "Try again" in page
        assert "people will get this" in browse.post(admin, f"dispatches/{dispatch.pk}/audience/again/").content.decode()

    def test_nobody_left_can_only_be_cancelled(self, browse: Browse, admin: PortalUser) -> None:
        browse.post(admin, "new/", **form(listed="4711"))
        page = browse.get(admin, f"dispatches/{Dispatch.objects.get().pk}/audience/")
        assert "Nobody is left to send to." in page
        assert "/start/" not in page
        assert "/discard/" in page

    def test_is_for_its_author_and_for_who_may_see_all(
        self, browse: Browse, colleague: PortalUser, stranger: PortalUser, join: Join, portal: world.Portal, dispatch: Dispatch
    ) -> None:
        address = f"dispatches/{dispatch.pk}/audience/"
        assert browse.status(join(portal, portal.second_admin), address) == 200
        assert browse.status(colleague, address) == 404
        assert browse.status(stranger, address) == 404
        assert browse.post(stranger, f"{address}again/").status_code == 404
        Portal.objects.update(who_may_send_to_many=Portal.Who.EVERYONE)
        assert browse.status(colleague, address) == 404
        assert browse.post(colleague, f"{address}again/").status_code == 404
