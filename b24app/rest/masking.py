"""Takes secrets out of what is kept or shown of a call."""

import math
import re
from collections.abc import Collection, Mapping
from typing import Any

MASK = "***"
_SECRET_KEYS = frozenset(
    {
        "auth", "auth_id", "refresh_id", "access_token", "refresh_token", "client_secret", "application_token", "event_token",
        "token", "secret", "sessid",
    }
)  # fmt: skip
# /rest/<user id>/<secret>/ of a webhook; a secret in a query; the token that a REST_CONFIRM notification carries in its tag.
_SECRET_TEXTS = (
    re.compile(r"(/rest/\d+/)[^/\s\"'<>?]+"),
    re.compile(
        r"((?:auth|auth_id|refresh_id|access_token|refresh_token|client_secret|application_token|sessid)=)[^&\s\"'<>]+", re.IGNORECASE
    ),
    re.compile(r"(REST_CONFIRM\|[^|]*\|)[^|\s\"]+", re.IGNORECASE),
)


def mask(value: Any, secrets: Collection[str] = ()) -> Any:
    """A copy of JSON-like `value` without secrets: values under keys that name one, known `secrets` and addresses that carry one.

    What no database keeps in JSON (NUL, half surrogates, infinite numbers) is replaced too.
    """
    if isinstance(value, Mapping):
        return {
            text(str(key), secrets): MASK if str(key).lower() in _SECRET_KEYS and item else mask(item, secrets)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [mask(item, secrets) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str):
        return text(value, secrets)
    return value if isinstance(value, bool | int | float | None) else text(str(value), secrets)


def text(value: str, secrets: Collection[str] = ()) -> str:
    """`value` without the known `secrets` and without addresses and tags that carry one."""
    for secret in secrets:
        if secret:
            value = value.replace(secret, MASK)
    for pattern in _SECRET_TEXTS:
        value = pattern.sub(rf"\g<1>{MASK}", value)
    return value.replace("\x00", "\ufffd").encode(errors="replace").decode()
