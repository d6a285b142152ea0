"""`manage.py rebind`: the app's events and links at a portal, bound again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from b24app import bindings
from b24app.management import portal_argument
from b24app.models import Portal
from b24app.rest.errors import RestError


class Command(BaseCommand):
    help = "Bind the app's events and links at a portal again, with any of its admins' tokens. Ends with 1 when something stays unbound."

    def add_arguments(self, parser: CommandParser) -> None:
        portal_argument.add_to(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        portal = portal_argument.find(options["portal"])
        if portal.state == Portal.State.REMOVED:
            raise CommandError(f"The app is not installed on {portal.domain} any more: there is nothing to bind.")
        try:
            missing = bindings.rebind(portal)
        except RestError as error:
            raise CommandError(f"{portal.domain} could not be bound: {error.code}. {error.message}") from None
        if missing:
            raise CommandError(f"{portal.domain} did not bind: {', '.join(missing)}. `portal {portal.member_id}` shows what it answered.")
        self.stdout.write(f"Bound at {portal.domain}: events and links.")
