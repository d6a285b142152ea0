"""What an operator sees of a portal without opening it: state, rights, tokens, budget, last calls. No secret is among it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, OuterRef, Q, Subquery
from django.utils import timezone

from b24app import tokens
from b24app.models import Bucket, CallLog, MethodPause, Portal, PortalUser, Sender
from b24app.rest import budget
from b24app.rest.calls import Answer, Call
from b24app.rest.client import as_portal


@dataclass(frozen=True, slots=True)
class Overview:
    """One portal in a list. `last_error` is the code of the newest call in the log that failed."""

    portal: Portal
    admins: int
    last_call: datetime | None
    last_error: str


@dataclass(frozen=True, slots=True)
class Details:
    """One portal in detail. `provable` says whether its events can be proven (an application_token is stored), `level` how many
    requests are in its bucket by now, None while none was ever counted. Nothing encrypted is read: a lost key must not hide a portal.
    """

    portal: Portal
    people: int
    valid_tokens: int
    dead_tokens: int
    admins: list[PortalUser]
    webhooks: list[Sender]
    provable: bool
    level: float | None
    limits: budget.Limits
    pauses: list[MethodPause]
    calls: list[CallLog]


@dataclass(frozen=True, slots=True)
class Binding:
    """An event or a placement that the portal says it calls us for, and at which address."""

    name: str
    handler: str


def overview(states: Iterable[str] = ()) -> list[Overview]:
    """Every portal, or those in one of the states, the oldest first."""
    calls = CallLog.objects.filter(portal=OuterRef("pk")).order_by("-id")
    valid = Q(people__is_admin=True, people__token_state=PortalUser.TokenState.VALID)
    rows = Portal.objects.filter(state__in=states) if states else Portal.objects.all()
    rows = rows.defer("application_token").annotate(
        admins=Count("people", filter=valid),
        last_call=Subquery(calls.values("created_at")[:1]),
        last_error=Subquery(calls.exclude(code="").values("code")[:1]),
    )
    return [Overview(row, row.admins, row.last_call, row.last_error or "") for row in rows.order_by("pk")]


def details(portal: Portal, *, calls: int = 10) -> Details:
    """What is stored of the portal, and its last `calls`."""
    held = portal.people.aggregate(
        people=Count("pk"),
        valid=Count("pk", filter=Q(token_state=PortalUser.TokenState.VALID)),
        dead=Count("pk", filter=Q(token_state=PortalUser.TokenState.DEAD)),
    )
    bucket = Bucket.objects.filter(portal=portal).first()
    if bucket is not None:
        bucket.portal = portal
    return Details(
        portal=portal,
        people=held["people"],
        valid_tokens=held["valid"],
        dead_tokens=held["dead"],
        admins=list(tokens.admins_with_tokens(portal).defer("access_token", "refresh_token")),
        webhooks=list(portal.senders.filter(kind=Sender.Kind.WEBHOOK).defer("webhook_url").order_by("name")),
        provable=Portal.objects.filter(pk=portal.pk).exclude(application_token="").exists(),
        level=budget.level(bucket) if bucket else None,
        limits=budget.limits(portal),
        pauses=list(portal.method_pauses.filter(until__gt=timezone.now()).order_by("method")),
        calls=list(portal.calls.order_by("-id")[:calls]),
    )


def ask_bindings(portal: Portal) -> list[Binding]:
    """What the portal itself says it calls us for (doc: events/event-get, widgets/placement-get). One call; raises RestError."""
    outcomes = as_portal(portal).run_batch(
        {
            "events": Call("event.get", {}, lambda answer: _bindings(answer, "event"), repeatable=True),
            "placements": Call("placement.get", {}, lambda answer: _bindings(answer, "placement"), repeatable=True),
        }
    )
    for outcome in outcomes.values():
        if outcome.error is not None:
            raise outcome.error
    return [binding for outcome in outcomes.values() for binding in outcome.value or []]


def _bindings(answer: Answer, key: str) -> list[Binding]:
    told: Any = answer.result
    rows = [row for row in told if isinstance(row, dict)] if isinstance(told, list) else []
    return [Binding(str(row.get(key, "")), str(row.get("handler", ""))) for row in rows]
