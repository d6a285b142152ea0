"""`manage.py purge`: a portal's data, erased."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from b24app import lifecycle
from b24app.models import Portal


class Command(BaseCommand):
    help = "Erase every row of a portal, as a removal with `delete data` does. There is no way back but a backup."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("member_id", help="the portal's member_id, as `portals` lists it")
        parser.add_argument("--yes", action="store_true", help="really erase")
        parser.add_argument("--force", action="store_true", help="even though the app is still installed there")

    def handle(self, *args: Any, **options: Any) -> None:
        portal = Portal.objects.defer("application_token").filter(member_id=options["member_id"]).first()
        if portal is None:
            raise CommandError("No portal has this member_id. `portals` lists them all.")
        if portal.state != Portal.State.REMOVED and not options["force"]:
            raise CommandError(f"The app is still installed on {portal.domain} (state {portal.state}). --force erases it all the same.")
        if not options["yes"]:
            raise CommandError(f"This erases everything of {portal.domain} for good, {portal.people.count()} people included. Add --yes.")
        domain = portal.domain
        lifecycle.remove(portal, clean=True)
        self.stdout.write(f"Erased: {domain}.")
