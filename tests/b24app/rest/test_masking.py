"""Secrets are taken out wherever they stand."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b24app.rest.masking import MASK, mask, text

PLANTED = "pl4nted-s3cret"


@pytest.mark.parametrize(
    "key", ["auth", "AUTH", "access_token", "refresh_token", "client_secret", "application_token", "AUTH_ID", "REFRESH_ID"]
)
@pytest.mark.parametrize("wrap", [lambda v: v, lambda v: {"a": [v]}, lambda v: [[{"b": v}]]])
def test_values_under_secret_keys(key: str, wrap: Any) -> None:
    masked = mask(wrap({key: PLANTED, "kept": "kept"}))
    assert PLANTED not in json.dumps(masked)
    assert "kept" in json.dumps(masked)
    assert PLANTED not in json.dumps(mask({key: {"inner": PLANTED}}))


@pytest.mark.parametrize(
    "value",
    [
        f"https://portal.example/rest/1/{PLANTED}/profile",
        f"see /rest/12/{PLANTED}/",
        f"https://portal.example/rest/app.info?auth={PLANTED}&x=1",
        f"grant?client_secret={PLANTED}",
        f"rest|REST_CONFIRM|app.1|{PLANTED}|im.notify|5",
    ],
)
def test_texts_that_carry_a_secret(value: str) -> None:
    assert PLANTED not in text(value)
    assert MASK in text(value)
    assert PLANTED not in json.dumps(mask({"error_description": [value]}))


def test_known_secrets_anywhere() -> None:
    masked = mask({"note": f"<<{PLANTED}>>", PLANTED: 1, "n": [f"x{PLANTED}"]}, {PLANTED, ""})
    assert PLANTED not in json.dumps(masked)
    assert masked["note"] == f"<<{MASK}>>"


def test_everything_else_stays() -> None:
    value = {"USER_ID": 5, "MESSAGE": "ä", "flag": True, "none": None, "price": 1.5, "list": [1, "2"], "auth": ""}
    assert mask(value) == value


@settings(deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters()), st.lists, max_leaves=5))
def test_what_is_kept_fits_every_database(value: Any) -> None:
    """PostgreSQL's JSON refuses NUL and half surrogates, and no JSON has infinite numbers."""
    kept = json.dumps(mask([value, "\x00", "\ud800", float("inf")]), allow_nan=False)
    assert "\\u0000" not in kept
    assert "\\ud800" not in kept
