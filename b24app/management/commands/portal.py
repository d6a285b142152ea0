"""`manage.py portal`: one portal in detail."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from b24app import inspection, scopes
from b24app.checking import is_bound
from b24app.management import portal_argument, table
from b24app.models import CallLog, Portal
from b24app.rest.errors import RestError


class Command(BaseCommand):
    help = "Show one portal: state, scopes, tokens, request budget, senders, last calls. Times are UTC; no token is shown."

    def add_arguments(self, parser: CommandParser) -> None:
        portal_argument.add_to(parser)
        parser.add_argument("--ask", action="store_true", help="also ask the portal which of our addresses it has bound; one call")
        parser.add_argument("--calls", type=int, default=10, help="how many of the last calls to show (default 10)")

    def handle(self, *args: Any, **options: Any) -> None:
        portal = portal_argument.find(options["portal"])
        details = inspection.details(portal, calls=max(options["calls"], 0))
        self.stdout.write(table.facts([*_identity(portal), *_health(details)]))
        if details.calls:
            head = ("time", "method", "person", "status", "code", "ms")
            self.stdout.write("\n" + table.columns(head, [_call(call) for call in details.calls]))
        if options["ask"]:
            self._ask(portal)

    def _ask(self, portal: Portal) -> None:
        try:
            bindings = inspection.ask_bindings(portal)
        except RestError as error:
            raise CommandError(f"The portal did not tell what is bound: {error.code}. {error.message}") from None
        ours = [(binding.name, binding.handler) for binding in bindings if binding.handler.startswith(f"{settings.APP_URL}/")]
        others = len(bindings) - len(ours)
        told = table.columns(("bound", "address"), ours) if ours else "The portal has bound none of our addresses."
        self.stdout.write("\n" + told + (f"\n{others} more at other addresses than APP_URL." if others else ""))


def _identity(portal: Portal) -> list[tuple[str, object]]:
    missing, bound = scopes.missing(portal.scopes), is_bound(portal)
    return [
        ("portal", f"{portal.pk}, installation {portal.installation}"),
        ("domain", portal.domain),
        ("member_id", portal.member_id),
        ("state", f"{portal.state} {portal.suspended_code}".strip()),
        ("suspended since", table.moment(portal.suspended_at)),
        ("installed", table.moment(portal.installed_at)),
        ("removed", table.moment(portal.removed_at)),
        ("last checked", table.moment(portal.checked_at)),
        ("REST address", portal.client_endpoint),
        ("authorization server", portal.oauth_server),
        ("version", f"{portal.version}, events and links {'bound' if bound else 'NOT bound: `rebind`, or an admin opens the app'}"),
        ("scopes", ", ".join(sorted(portal.scopes))),
        ("scopes missing", ", ".join(missing)),
        ("plan", f"{portal.license_family or 'unknown'}, status {portal.status or 'unknown'}"),
        ("may send, to many, see all", f"{portal.who_may_send}, {portal.who_may_send_to_many}, {portal.who_may_see_all}"),
        ("keeps the ledger", f"{portal.retention_days} days"),
    ]


def _health(details: inspection.Details) -> list[tuple[str, object]]:
    capacity, drain = details.limits.capacity, details.limits.drain
    counted = "nothing counted yet" if details.level is None else f"{details.level:.0f} of {capacity:.0f}, drains {drain:g} per second"
    admins = [f"{admin} ({admin.user_id})" for admin in details.admins]
    webhooks = [f"{sender.name} ({sender.broken_code or 'works'})" for sender in details.webhooks]
    return [
        ("people", f"{details.people} known; tokens: {details.valid_tokens} valid, {details.dead_tokens} dead"),
        ("admins with a token", ", ".join(admins) or "NONE: an admin has to open the app"),
        ("events can be proven", "yes" if details.provable else "NO: an admin has to open the app"),
        ("request budget", counted),
        ("paused methods", ", ".join(f"{pause.method} until {table.moment(pause.until)}" for pause in details.pauses)),
        ("webhooks", ", ".join(webhooks)),
    ]


def _call(call: CallLog) -> tuple[object, ...]:
    person = table.NOTHING if call.user_id is None else call.user_id
    return (table.moment(call.created_at), call.method, person, call.http_status or table.NOTHING, call.code, call.milliseconds)
