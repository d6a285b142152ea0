"""`manage.py check_address`: can portals and the Market reach the app, and will they tomorrow?"""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from b24app.management import reach
from b24app.version import VERSION


class Command(BaseCommand):
    help = "Ask APP_URL from outside: certificate, the two addresses of the Market's form, the card's links, the running version."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=21, help="how long the certificate should still be valid (default 21)")

    def handle(self, *args: Any, **options: Any) -> None:
        found = list(reach.look(settings.APP_URL, VERSION, options["days"], settings.B24_CA_FILE))
        for finding in found:
            self.stdout.write(f"{'ok ' if finding.good else 'BAD'}  {finding.sentence}")
        if not all(finding.good for finding in found):
            raise CommandError(f"{settings.APP_URL} is not as it should be.")
