"""What a portal's own choice of rights comes to."""

import pytest

from b24app import scopes

ALL = {"im", "department", "placement"}


@pytest.mark.parametrize(
    ("granted", "missing"),
    [
        (ALL | {"user_basic"}, []),
        (ALL | {"user"}, []),
        (ALL | {"user_brief"}, ["user_basic"]),
        (ALL, ["user_basic"]),
        ({"user_basic", "im"}, ["department", "placement"]),
    ],
)
def test_any_scope_with_addresses_will_do(granted: set[str], missing: list[str]) -> None:
    assert scopes.missing(granted) == missing


@pytest.mark.parametrize(("name", "opens"), [("user_brief", True), ("user_basic", True), ("user", True), ("im", False)])
def test_who_somebody_is_may_be_asked_with_any_width(name: str, opens: bool) -> None:
    assert scopes.opens_people({name}) is opens
