"""Short messages that the page shows for some seconds."""

import json
from typing import Literal, TypeVar

from django.http.response import HttpResponseBase

Response = TypeVar("Response", bound=HttpResponseBase)
Kind = Literal["ok", "bad", "info"]


def toast(response: Response, text: str, kind: Kind = "ok") -> Response:
    """Add the header that makes the page show `text`; other triggers that the response already carries stay."""
    triggers = json.loads(response.headers.get("HX-Trigger", "{}"))
    # Headers are Latin-1: json.dumps keeps every other letter as an escape.
    response.headers["HX-Trigger"] = json.dumps({**triggers, "toast": {"kind": kind, "text": str(text)}})
    return response
