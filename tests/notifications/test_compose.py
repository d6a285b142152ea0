"""What helps while writing: people by name, tags used before, what a TAG would replace, whose a webhook is."""

import pytest
from pytest_django import DjangoAssertNumQueries

from b24app.models import Portal, PortalUser, Sender
from b24app.rest.errors import RestError
from devportal import world
from devportal.server import Stand
from notifications import composing, revoking
from tests.notifications.conftest import Send


class TestPeople:
    def test_are_found_by_the_beginning_of_their_names_in_one_call(self, admin: PortalUser, portal: world.Portal, stand: Stand) -> None:
        wanted = portal.person
        found = composing.find_people(admin, wanted.last_name[:4])
        assert wanted.id in {one.id for one in found}
        assert {one.name for one in found if one.id == wanted.id} == {wanted.full_name}
        assert [entry.method for entry in stand.log.entries] == ["user.search"]

    def test_the_same_words_cost_one_call_a_minute(self, admin: PortalUser, portal: world.Portal, stand: Stand) -> None:
        for words in ("Vuor", " vuor ", "VUOR"):
            assert composing.find_people(admin, words) == composing.find_people(admin, "vuor")
        assert stand.log.count() == 1

    def test_what_one_person_was_shown_is_not_shown_to_another(self, admin: PortalUser, colleague: PortalUser, stand: Stand) -> None:
        """REST acts with the rights of whoever calls."""
        composing.find_people(admin, "vuor")
        composing.find_people(colleague, "vuor")
        assert [entry.who for entry in stand.log.entries] == [admin.user_id, colleague.user_id]

    @pytest.mark.parametrize("words", ["", " ", "a", " a "])
    def test_less_than_two_letters_cost_no_call(self, admin: PortalUser, stand: Stand, words: str) -> None:
        assert composing.find_people(admin, words) == []
        assert stand.log.count() == 0

    def test_who_left_or_is_not_of_the_company_is_not_offered(self, admin: PortalUser, portal: world.Portal) -> None:
        """bitrix24.md 6.12: a dismissed or external recipient receives nothing."""
        gone, guest = portal.people[3], portal.people[4]
        portal.dismiss(gone)
        guest.external = True
        assert composing.find_people(admin, gone.last_name) == composing.find_people(admin, guest.last_name) == []

    def test_an_answer_of_another_shape_is_an_error_and_not_kept(self, admin: PortalUser, stand: Stand) -> None:
        stand.faults.order(method="user.search", kind="wrong_shape")
        with pytest.raises(RestError):
            composing.find_people(admin, "vuor")
        assert composing.find_people(admin, "vuor")

    def test_eight_are_enough(self, admin: PortalUser, portal: world.Portal) -> None:
        for person in portal.people.values():
            person.position = "Everybody"
        assert len(composing.find_people(admin, "everybody")) == composing.MOST_PEOPLE


class TestUsedTags:
    def test_newest_first_and_each_once(self, admin: PortalUser, post: Send, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        for tag, sub_tag in (("old", "s"), ("new", ""), ("old", "t"), ("", "")):
            post([3, 4], tag=tag, sub_tag=sub_tag)
        with django_assert_num_queries(1):
            used = composing.used_tags(admin)
        assert used == composing.UsedTags(["old", "new"], ["t", "s"])

    def test_only_what_the_person_may_see(self, admin: PortalUser, colleague: PortalUser, stranger: PortalUser, post: Send) -> None:
        post([5], tag="secret")
        post([colleague.user_id], tag="received")
        assert composing.used_tags(colleague).tags == ["received"]
        assert composing.used_tags(stranger).tags == []
        Portal.objects.filter(pk=colleague.portal_id).update(who_may_see_all=Portal.Who.EVERYONE)
        assert composing.used_tags(PortalUser.objects.select_related("portal").get(pk=colleague.pk)).tags == ["received", "secret"]

    def test_the_list_has_an_end(self, admin: PortalUser, post: Send) -> None:
        for number in range(composing.MOST_TAGS + 2):
            post([3], tag=f"tag {number}")
        assert len(composing.used_tags(admin).tags) == composing.MOST_TAGS


class TestReplaced:
    def test_live_rows_of_the_same_tag_and_recipient(
        self, admin: PortalUser, app_sender: Sender, post: Send, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        post([3, 4], tag="t")
        post([5], tag="other")
        assert app_sender.portal == admin.portal
        with django_assert_num_queries(1):
            rows = composing.replaced(app_sender, " t ", [3, 5, 6])
            assert [(row.recipient.user_id, row.author) for row in rows] == [(3, admin)]

    def test_what_was_replaced_or_taken_back_is_not_replaced_again(self, admin: PortalUser, app_sender: Sender, post: Send) -> None:
        post([3, 4], tag="t")
        newer = post([3], tag="t")
        revoking.delete_rows(admin, [post([5], tag="t").notifications.get().pk])
        rows = composing.replaced(app_sender, "t", [3, 4, 5])
        assert {row.recipient.user_id for row in rows} == {3, 4}
        assert [row.dispatch_id for row in rows if row.recipient.user_id == 3] == [newer.pk]

    def test_another_senders_tag_is_another_tag(self, app_sender: Sender, webhook_sender: Sender, post: Send) -> None:
        """bitrix24.md 6.2."""
        post([3], tag="t")
        assert composing.replaced(webhook_sender, "t", [3]) == []

    @pytest.mark.parametrize(("tag", "recipients"), [("", [3]), ("  ", [3]), ("t", [])])
    def test_without_tag_or_recipients_nothing_is(self, app_sender: Sender, post: Send, tag: str, recipients: list[int]) -> None:
        post([3], tag="t")
        post([3])
        assert composing.replaced(app_sender, tag, recipients) == []


def test_a_webhooks_owner_is_the_one_named_in_its_address(
    admin: PortalUser, colleague: PortalUser, app_sender: Sender, webhook_sender: Sender, portal: world.Portal
) -> None:
    assert composing.owner(app_sender) is None
    assert composing.owner(webhook_sender) == admin
    webhook_sender.webhook_url = portal.webhook(portal.people[9])
    assert str(composing.owner(webhook_sender)) == "#9"
