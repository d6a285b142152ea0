"""Whom a dispatch is for: the algebra of an audience, and what is read from the portal for it."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from b24app.models import CallLog, Portal, PortalUser
from b24app.rest.client import as_person
from devportal import world
from devportal.server import Stand
from notifications import company, departments, preparing, tasks
from notifications.audience import Audience, Branch, Reason, Sieve, entries
from notifications.departments import Department, Tree
from notifications.errors import InvalidInput
from notifications.models import Dispatch, Notification
from notifications.people import Person
from notifications.sending import Draft
from tests.notifications.conftest import Join

State = Dispatch.State
TREE = Tree([Department(1, "Company"), Department(2, "Sales", 1), Department(3, "North", 2), Department(4, "Support", 1)])


def prepared(author: PortalUser, audience: Audience) -> Dispatch:
    """The dispatch of this audience, as it is once a worker has read it."""
    dispatch = preparing.prepare(author, Draft("personal", "Hello", tag="news"), uuid4(), None, audience)
    assert dispatch.state == State.PREPARING
    tasks.prepare_dispatch.call_local(dispatch.pk)
    dispatch.refresh_from_db()
    return dispatch


def user_ids(dispatch: Dispatch) -> set[int]:
    assert dispatch.state == State.READY, dispatch.error_code
    assert dispatch.total == len(dispatch.recipients) == len(set(dispatch.recipients))
    people = PortalUser.objects.in_bulk(dispatch.recipients)
    assert {person.portal_id for person in people.values()} <= {dispatch.portal_id}
    return {person.user_id for person in people.values()}


def of(portal: world.Portal, *department_ids: int) -> set[int]:
    """The ids of the active colleagues in these departments of the stand-in."""
    return {
        person.id
        for person in portal.people.values()
        if person.active and not person.external and set(person.departments) & set(department_ids)
    }


class TestAlgebra:
    people = st.builds(
        Person,
        id=st.integers(1, 30),
        name=st.just("A"),
        is_active=st.booleans(),
        is_employee=st.booleans(),
        departments=st.frozensets(st.integers(1, 4), max_size=2),
    )
    branches = st.lists(st.builds(Branch, st.integers(1, 4), st.just("D"), st.booleans()), max_size=2).map(tuple)

    @given(
        st.lists(people, max_size=40).map(lambda found: list({person.id: person for person in found}.values())),
        st.lists(st.integers(0, 39), max_size=60),
        st.frozensets(st.integers(1, 30), max_size=5),
        branches,
        st.booleans(),
    )
    def test_union_without_exceptions_and_without_doubles(
        self, known: list[Person], order: list[int], out: frozenset[int], out_of: tuple[Branch, ...], also_gone: bool
    ) -> None:
        """However the people come, and however often: everybody once, and whoever is left out is left out for one reason."""
        come = [known[at] for at in order if at < len(known)]
        sieve = Sieve(Audience(everyone=True, except_people=tuple(out), except_branches=out_of, also_gone=also_gone), TREE)
        passed = [person.id for person in sieve.sift(come)] + [person.id for person in sieve.sift(come)]
        closed = {number for branch in out_of for number in (TREE.with_below(branch.id) if branch.below else {branch.id})}
        allowed = [
            person for person in {person.id: person for person in come}.values() if also_gone or (person.is_active and person.is_employee)
        ]
        expected = {person.id for person in allowed if person.id not in out and not person.departments & closed}
        assert sorted(passed) == sorted(expected)
        assert sieve.left_out[Reason.EXCEPTED].count == len(allowed) - len(expected)

    @given(
        st.builds(
            Audience,
            people=st.lists(st.integers(1, 2**62), max_size=3).map(tuple),
            branches=branches,
            everyone=st.booleans(),
            listed=st.lists(st.sampled_from(["7", "Ann@Lantern.example"]), max_size=3).map(tuple),
            except_people=st.lists(st.integers(1, 9), max_size=3).map(tuple),
            except_branches=branches,
            also_gone=st.booleans(),
        )
    )
    def test_is_kept_as_json(self, audience: Audience) -> None:
        assert Audience.from_json(audience.to_json()) == audience
        assert "example" not in str(audience.forgetful().to_json())
        assert audience.forgetful().said() == audience.said()

    def test_ids_and_addresses_of_a_list(self) -> None:
        pasted = "12, 7;7\nAnn@lantern.example\r\n<ann@Lantern.example>\t 'bo@lantern.example'"
        audience = Audience(people=(7, 9), listed=entries(pasted))
        assert audience.ids == [7, 9, 12]
        assert [email.lower() for email in audience.emails] == ["ann@lantern.example", "bo@lantern.example"]
        audience.check()

    @pytest.mark.parametrize(
        ("audience", "sentence"),
        [
            (Audience(except_people=(3,)), "Nobody is chosen"),
            (Audience(listed=("12", "Ann", "0")), "“Ann”, “0”"),
            (Audience(listed=("9" * 19,)), "Neither a user id"),
            (Audience(listed=tuple(map(str, range(1, 20_002)))), "20000 entries at most"),
        ],
    )
    def test_what_cannot_be_meant_is_refused(self, audience: Audience, sentence: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            audience.check()
        assert sentence in str(refused.value.message)

    def test_a_circle_of_departments_ends(self) -> None:
        """Nothing in the documentation rules it out."""
        tree = Tree([Department(1, "A", 2), Department(2, "B", 1)])
        assert tree.with_below(1) == {1, 2}
        assert tree.path(tree.departments[1]) == ["B"]


class TestSources:
    """Each against the small portal: 12 people, departments 1 > 3, 5 (> 14), 8, 11."""

    def test_a_department_with_and_without_those_below_it(self, admin: PortalUser, portal: world.Portal) -> None:
        assert user_ids(prepared(admin, Audience(branches=(Branch(5, "Support", below=True),)))) == of(portal, 5, 14)
        assert user_ids(prepared(admin, Audience(branches=(Branch(5, "Support", below=False),)))) == of(portal, 5)

    def test_everyone(self, admin: PortalUser, portal: world.Portal, stand: Stand) -> None:
        dispatch = prepared(admin, Audience(everyone=True))
        assert user_ids(dispatch) == set(portal.people)
        names = [PortalUser.objects.get(pk=number).name for number in dispatch.recipients]
        assert names == sorted(names, key=str.casefold)
        assert {portal.people[5].full_name, portal.people[12].full_name} <= set(names)
        # The counts of who is not read, and the people.
        assert stand.log.count() == 2

    def test_a_list_of_ids_and_addresses(self, admin: PortalUser, portal: world.Portal) -> None:
        listed = entries(f"3 {portal.people[4].email.upper()} {portal.people[3].email} 4711 nobody@lantern.example")
        dispatch = prepared(admin, Audience(listed=listed))
        assert user_ids(dispatch) == {3, 4}
        assert dispatch.left_out["not_found"] == {"count": 2, "names": ["nobody@lantern.example", "#4711"]}

    def test_addresses_of_people_are_not_kept(self, admin: PortalUser, portal: world.Portal) -> None:
        dispatch = prepared(admin, Audience(listed=(portal.people[4].email,)))
        assert dispatch.audience == {"pasted": 1}
        assert portal.people[4].email not in str(Dispatch.objects.values().get()) + str(list(PortalUser.objects.values("name", "photo")))

    def test_together_and_with_exceptions(self, admin: PortalUser, portal: world.Portal) -> None:
        audience = Audience(
            people=(2, 3, 10),
            branches=(Branch(5, "Support"), Branch(3, "Sales", below=False)),
            listed=("7", portal.people[1].email),
            except_people=(7,),
            except_branches=(Branch(8, "Entwicklung"),),
        )
        dispatch = prepared(admin, audience)
        assert user_ids(dispatch) == ({1, 3, 10} | of(portal, 5, 14, 3)) - {7} - of(portal, 8)
        assert dispatch.left_out["excepted"]["count"] == 2
        assert set(dispatch.left_out["excepted"]["names"]) == {portal.people[2].full_name, portal.people[7].full_name}

    def test_everyone_but_a_department_and_all_below_it(self, admin: PortalUser, portal: world.Portal) -> None:
        dispatch = prepared(admin, Audience(everyone=True, except_branches=(Branch(5, "Support"),)))
        assert user_ids(dispatch) == set(portal.people) - of(portal, 5, 14)

    def test_who_left_or_is_external_is_left_out_and_counted_once(self, admin: PortalUser, portal: world.Portal) -> None:
        portal.dismiss(portal.people[8])
        portal.people[5].external = True
        audience = Audience(people=(4, 8), everyone=True, listed=(portal.people[5].email,))
        dispatch = prepared(admin, audience)
        assert user_ids(dispatch) == set(portal.people) - {5, 8}
        assert dispatch.left_out == {
            "dismissed": {"count": 1, "names": [portal.people[8].full_name]},
            "external": {"count": 1, "names": [portal.people[5].full_name]},
        }
        named = prepared(admin, Audience(listed=("8", "5", "4")))
        assert user_ids(named) == {4}
        assert [held["count"] for held in named.left_out.values()] == [1, 1]
        department = prepared(admin, Audience(branches=(Branch(5, "Support"),)))
        assert (user_ids(department), department.left_out) == (of(portal, 5, 14), {"dismissed": {"count": 1, "names": []}})

    def test_they_come_along_when_asked_for(self, admin: PortalUser, portal: world.Portal) -> None:
        portal.dismiss(portal.people[8])
        portal.people[5].external = True
        assert user_ids(prepared(admin, Audience(everyone=True, also_gone=True))) == set(portal.people)
        assert user_ids(prepared(admin, Audience(listed=("8", "5"), also_gone=True))) == {5, 8}

    def test_nobody_is_ready_too(self, admin: PortalUser) -> None:
        dispatch = prepared(admin, Audience(people=(3,), except_people=(3,)))
        assert (user_ids(dispatch), dispatch.total) == (set(), 0)

    def test_another_portals_people_never_come(self, admin: PortalUser, stranger: PortalUser, other_portal: world.Portal) -> None:
        """Ids are the same on every portal."""
        other_portal.people[3].name = "Elsewhere"
        dispatch = prepared(admin, Audience(everyone=True))
        assert user_ids(dispatch) == set(range(1, 13))
        assert not PortalUser.objects.filter(portal=admin.portal, name__contains="Elsewhere").exists()
        assert not preparing.visible_to(stranger).exists()


class TestLargePortal:
    @pytest.fixture
    def large(self, stand: Stand) -> world.Portal:
        return stand.portals[2]

    @pytest.fixture
    def head(self, join: Join, large: world.Portal) -> PortalUser:
        return join(large, large.admin)

    def test_2000_people_in_three_requests(self, head: PortalUser, large: world.Portal, stand: Stand) -> None:
        for number in (20, 21, 500):
            large.dismiss(large.people[number])
        large.people[700].external = True
        dispatch = prepared(head, Audience(everyone=True))
        assert user_ids(dispatch) == set(large.people) - {20, 21, 500, 700}
        # What is not read is counted; the newest fifty tell how far the ids reach; 39 ranges of fifty ids are the rest.
        assert [entry.method for entry in stand.log.entries] == ["batch"] * 3
        assert len(stand.log.commands("user.get")) == 3 + 1 + 39
        assert {reason: held["count"] for reason, held in dispatch.left_out.items()} == {"dismissed": 3, "external": 1}

    def test_departments_of_which_there_are_more_than_a_page(self, head: PortalUser, large: world.Portal, stand: Stand) -> None:
        tree = departments.read(as_person(head))
        assert len(tree.departments) == len(large.departments) == 66
        below = tree.with_below(5)
        assert len(below) > 20
        dispatch = prepared(head, Audience(branches=(Branch(5, "Support"),)))
        assert user_ids(dispatch) == of(large, *below)

    def test_sparse_ids(self, head: PortalUser, large: world.Portal, stand: Stand) -> None:
        """Where visitors of Open Channels have ids too, far fewer requests than ids: user.get does not list them."""
        people = list(large.people.values())[:600]
        large.people.clear()
        for number, person in enumerate(people):
            # A crowd at the beginning, a few far away, a crowd in the middle.
            person.id = number + 1 if number < 200 else 400_000 + number if number < 400 else 300_000 + 997 * number
            large.people[person.id] = person
        dispatch = prepared(head, Audience(everyone=True))
        assert user_ids(dispatch) == set(large.people)
        assert stand.log.count() <= 8

    def test_a_list_costs_one_request_for_2500_entries(self, head: PortalUser, stand: Stand) -> None:
        dispatch = prepared(head, Audience(listed=tuple(str(number) for number in range(1, 5001))))
        assert dispatch.total == 2000
        assert dispatch.left_out["not_found"]["count"] == 3000
        assert len(dispatch.left_out["not_found"]["names"]) == 50
        assert stand.log.count() == 2

    def test_whoever_joins_or_leaves_meanwhile_moves_nobody(self, head: PortalUser, large: world.Portal) -> None:
        """Reading by ids, not by page numbers: between two requests somebody is dismissed, somebody else begins."""
        client = as_person(head)
        seen: list[int] = []
        for at, found in enumerate(company.matching(client, [{"ACTIVE": True}])):
            if at == 0:
                large.dismiss(large.people[3])
                large.people[9000] = world.Person(9000, "New", "Comer", "new@nord.example")
            seen += [person.id for person in found]
        assert sorted(seen) == sorted(set(large.people) - {3, 9000})


class TestFaults:
    def test_what_the_portal_refuses_can_be_tried_again(self, admin: PortalUser, stand: Stand) -> None:
        stand.faults.order(method="batch", code="OVERLOAD_LIMIT")
        dispatch = prepared(admin, Audience(everyone=True))
        assert (dispatch.state, dispatch.error_code, dispatch.lease_until) == (State.PREPARING, "OVERLOAD_LIMIT", None)
        assert "overload" in preparing.review(admin, dispatch.pk).problem
        assert preparing.fill(dispatch.pk) is False
        Portal.objects.update(state=Portal.State.ACTIVE)
        preparing.again(admin, dispatch.pk)
        assert preparing.fill(dispatch.pk) is True
        assert len(user_ids(Dispatch.objects.get())) == 12

    @pytest.mark.parametrize(
        "fault", [{"method": "user.get", "code": "INTERNAL_SERVER_ERROR", "inside_batch": True}, {"method": "batch", "kind": "cut_after"}]
    )
    def test_what_passes_is_overcome(self, admin: PortalUser, stand: Stand, fault: dict[str, Any]) -> None:
        """Reading does no harm when it is done twice."""
        ordered = stand.faults.order(**fault)
        assert len(user_ids(prepared(admin, Audience(everyone=True)))) == 12
        assert ordered.times == 0

    def test_one_command_of_a_batch_that_is_refused(self, admin: PortalUser, stand: Stand) -> None:
        """Better nobody than some who pass for all."""
        stand.faults.order(method="user.get", code="insufficient_scope", inside_batch=True)
        dispatch = prepared(admin, Audience(everyone=True))
        assert (dispatch.state, dispatch.error_code, dispatch.recipients) == (State.PREPARING, "INSUFFICIENT_SCOPE", None)
        assert "departments" not in preparing.review(admin, dispatch.pk).problem

    def test_without_the_right_to_see_departments_all_else_works(self, join: Join, portal: world.Portal, app: world.App) -> None:
        admin = join(portal, portal.admin)
        portal.installations[app.client_id].scope = ("im", "user_basic", "placement")
        portal.expire_tokens()
        Portal.objects.update(scope="im,user,placement")
        admin.portal.refresh_from_db()
        dispatch = prepared(admin, Audience(branches=(Branch(5, "Support"),)))
        assert dispatch.error_code == "INSUFFICIENT_SCOPE"
        assert "has not given the app the right to see its departments" in preparing.review(admin, dispatch.pk).problem
        assert user_ids(prepared(admin, Audience(everyone=True, listed=("3",)))) == set(portal.people)

    def test_twice_is_once(self, admin: PortalUser, stand: Stand) -> None:
        dispatch = prepared(admin, Audience(everyone=True))
        requests = stand.log.count()
        assert preparing.fill(dispatch.pk) is False
        assert stand.log.count() == requests
        key = dispatch.key
        assert preparing.prepare(admin, Draft("personal", "Hello", tag="news"), key, None, Audience(people=(3,))).pk == dispatch.pk

    def test_one_that_a_worker_holds_is_left_alone_until_its_lease_is_over(self, admin: PortalUser) -> None:
        dispatch = preparing.prepare(admin, Draft("personal", "Hello"), uuid4(), None, Audience(everyone=True))
        assert preparing.lost() == []
        with time_machine.travel(timezone.now() + timedelta(minutes=3)):
            # It never reached a worker.
            assert preparing.lost() == [dispatch.pk]
        Dispatch.objects.update(lease_until=timezone.now() + preparing.LEASE)
        assert (preparing.fill(dispatch.pk), preparing.lost()) == (False, [])
        Dispatch.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        tasks.prepare_lost.call_local()
        assert len(user_ids(Dispatch.objects.get())) == 12

    def test_a_clock_set_back_holds_nothing_up(self, admin: PortalUser) -> None:
        """A lease that ends later than any can was given before that."""
        dispatch = preparing.prepare(admin, Draft("personal", "Hello"), uuid4(), None, Audience(people=(3,)))
        Dispatch.objects.update(lease_until=timezone.now() + timedelta(hours=1))
        assert preparing.lost() == [dispatch.pk]
        assert preparing.fill(dispatch.pk) is True

    def test_what_nobody_starts_is_thrown_away_after_a_day(self, admin: PortalUser) -> None:
        waiting = preparing.prepare(admin, Draft("personal", "Hello"), uuid4(), None, Audience(everyone=True))
        for state, age in ((State.READY, 25), (State.READY, 23), (State.PREPARING, 25), (State.DONE, 25)):
            made = Dispatch.objects.get(pk=waiting.pk)
            made.pk, made.key, made.state = None, uuid4(), state
            made.save()
            Dispatch.objects.filter(pk=made.pk).update(created_at=timezone.now() - timedelta(hours=age))
        assert tasks.discard_old_preparations.call_local() == 2
        assert sorted(Dispatch.objects.values_list("state", flat=True)) == [State.DONE, State.PREPARING, State.READY]

    def test_bad_texts_are_refused_before_anything_is_written(self, admin: PortalUser, stand: Stand) -> None:
        for draft in (Draft("other", "Hello"), Draft("personal", " "), Draft("personal", "x", tag="y" * 180)):
            with pytest.raises(InvalidInput):
                preparing.prepare(admin, draft, uuid4(), None, Audience(everyone=True))
        assert not Dispatch.objects.exists()
        assert not Notification.objects.exists()
        assert not CallLog.objects.exists()
