"""TAG and SUB_TAG: namespacing, uniqueness, lengths."""

import hashlib
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b24app.models import Sender
from notifications import tags
from notifications.errors import InvalidInput

KEY = UUID("6f1b2a34-0000-4000-8000-000000000001")
SENDER = Sender(kind=Sender.Kind.APP, client_id="local.0a1b2c.33445566")
WEBHOOK = Sender(kind=Sender.Kind.WEBHOOK, client_id="robot")

typed_tags = (
    st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=tags.LONGEST_TYPED).map(str.strip).filter(bool)
)
user_ids = st.integers(min_value=1, max_value=2**63 - 1)
keys = st.uuids()


@given(typed_tags, user_ids, keys)
def test_a_stored_tag_leads_back_to_what_was_typed(tag: str, user: int, key: UUID) -> None:
    stored = tags.stored(tags.wire_tag(tag, user, key), SENDER)
    assert tags.in_namespace(stored, SENDER)
    assert tags.strip(stored, SENDER) == tags.wire_tag(tag, user, key)
    assert tags.typed(stored, SENDER, user) == tag


@given(user_ids, keys)
def test_a_generated_tag_is_never_shown(user: int, key: UUID) -> None:
    assert tags.typed(tags.stored(tags.wire_tag("", user, key), SENDER), SENDER, user) == ""


@given(st.tuples(typed_tags | st.just(""), user_ids, keys), st.tuples(typed_tags | st.just(""), user_ids, keys))
def test_two_recipients_or_two_tags_never_share_a_wire_tag(one: tuple[str, int, UUID], other: tuple[str, int, UUID]) -> None:
    same = one[:2] == other[:2] and (bool(one[0]) or one[2] == other[2])
    assert (tags.wire_tag(*one) == tags.wire_tag(*other)) is same


@given(typed_tags, user_ids)
def test_a_typed_tag_that_looks_generated_stays_apart(suffix: str, user: int) -> None:
    assert tags.wire_tag(f"{KEY.hex}:{user}"[: tags.LONGEST_TYPED], user, KEY) != tags.wire_tag("", user, KEY)
    assert tags.wire_tag(f"{KEY.hex}:{suffix}"[: tags.LONGEST_TYPED], user, KEY) != tags.wire_tag("", user, KEY)


@given(typed_tags | st.just(""), typed_tags | st.just(""), user_ids, keys)
def test_what_is_sent_fits_what_the_portal_stores(tag: str, sub_tag: str, user: int, key: UUID) -> None:
    """bitrix24.md 6.3: the stored tag holds 255 characters, prefix included; ours stay under 200."""
    for wire in (tags.wire_tag(tag, user, key), tags.wire_sub_tag(tag, sub_tag)):
        assert len(wire) < 200
        assert len(tags.stored(wire, SENDER)) <= tags.LONGEST_STORED


def test_the_namespace_is_five_characters_of_md5_of_the_client_id() -> None:
    """bitrix24.md 6.2 (observed in server source, doc examples): for a webhook the hashed id is `custom` + CLIENT_ID."""
    assert tags.stored("x", SENDER) == f"MP|{hashlib.md5(b'local.0a1b2c.33445566').hexdigest()[:5]}|x"
    assert tags.stored("x", WEBHOOK) == f"MP|{hashlib.md5(b'customrobot').hexdigest()[:5]}|x"
    assert not tags.in_namespace(tags.stored("x", WEBHOOK), SENDER)
    assert tags.strip("TASK|42", SENDER) == "TASK|42"


def test_the_common_sub_tag_is_the_typed_one_or_the_typed_tag() -> None:
    assert tags.wire_sub_tag("tag", "sub") == "sub"
    assert tags.wire_sub_tag("tag", "") == "tag"
    assert tags.wire_sub_tag("", "") == ""
    assert tags.stored("", SENDER) == ""


def test_typed_tags_are_trimmed_and_limited() -> None:
    assert tags.clean("tag", "  order 5 \n") == "order 5"
    assert tags.clean("tag", "x" * tags.LONGEST_TYPED) == "x" * tags.LONGEST_TYPED
    with pytest.raises(InvalidInput) as too_long:
        tags.clean("sub_tag", "x" * (tags.LONGEST_TYPED + 1))
    assert too_long.value.field == "sub_tag"
    with pytest.raises(InvalidInput):
        tags.clean("tag", "two\nlines")
