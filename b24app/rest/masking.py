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
# /rest/<user id>/<secret>/ of a webhook; a secret in a query; the token that a REST_CONFIRM notification carries in its tag. Before each,
# what a text must have to be worth looking through: most of the hundreds of texts in a batch have none of it.
_SECRET_TEXTS = (
    ("/rest/", re.compile(r"(/rest/\d+/)[^/\s\"'<>?]+")),
    (
        "=",
        re.compile(
            r"((?:auth|auth_id|refresh_id|access_token|refresh_token|client_secret|application_token|sessid)=)[^&\s\"'<>]+", re.IGNORECASE
        ),
    ),
    ("|", re.compile(r"(REST_CONFIRM\|[^|]*\|)[^|\s\"]+", re.IGNORECASE)),
)
_MASKED = rf"\g<1>{MASK}"


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
    for part, pattern in _SECRET_TEXTS:
        if part in value:
            value = pattern.sub(_MASKED, value)
    value = value.replace("\x00", "\ufffd")
    return value if value.isascii() else value.encode(errors="replace").decode()
