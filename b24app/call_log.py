"""The log of REST calls that the Market asks for: what was asked and answered, kept seven days, with every secret masked."""

import json
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from b24app.models import CallLog, Portal
from b24app.rest import masking

KEPT = timedelta(days=7)
_LONGEST = 20_000


def record(
    portal: Portal,
    method: str,
    *,
    user_id: int | None,
    request: Mapping[str, Any],
    response: Any,
    code: str,
    http_status: int | None,
    milliseconds: int,
    secrets: Collection[str] = (),
) -> None:
    """Add one row. `request` and `response` are JSON-like; `secrets` are texts known to be secret, masked wherever they stand."""
    hidden = {*secrets, portal.application_token, settings.B24_CLIENT_SECRET} - {""}
    CallLog.objects.create(
        portal=portal,
        user_id=user_id,
        method=method[:64],
        request=_short(masking.mask(request, hidden)),
        response=_short(masking.mask(response, hidden)),
        code=masking.text(code, hidden)[:64],
        http_status=http_status,
        failed_commands=_failed_commands(response),
        milliseconds=milliseconds,
    )


def forget_old() -> int:
    """Delete rows older than KEPT; returns how many."""
    return CallLog.objects.filter(created_at__lt=timezone.now() - KEPT).delete()[0]


def _failed_commands(response: Any) -> int:
    """How many errors a batch's answer tells; an empty list stands for none (doc: batch)."""
    result = response.get("result") if isinstance(response, Mapping) else None
    errors = result.get("result_error") if isinstance(result, Mapping) else None
    return len(errors) if isinstance(errors, Mapping | list) else 0


def _short(value: Any) -> Any:
    """The value itself, or the beginning of its JSON text when that is very long."""
    whole = json.dumps(value, ensure_ascii=False)
    return value if len(whole) <= _LONGEST else {"shortened": whole[:_LONGEST], "length": len(whole)}
