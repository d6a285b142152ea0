"""`manage.py rotate_keys`: what is stored encrypted, encrypted with the newest key."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from b24app import encryption
from b24app.management import table


class Command(BaseCommand):
    help = (
        "Encrypt every stored token and address with the first key of TOKEN_KEYS. Safe while the app runs; may be broken off and begun "
        "again. Ends with 1 while an older key is still needed, or something cannot be read with any key."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing, only tell whether older keys are still needed")

    def handle(self, *args: Any, **options: Any) -> None:
        columns = encryption.columns()
        if not options["check"]:
            rotated = sum(encryption.rotate(column).rotated for column in columns)
            self.stdout.write(f"Encrypted anew: {rotated}.")
        # Counted after the fact: a process that still has the old order of keys may have written meanwhile.
        tallies = [(column, encryption.survey(column)) for column in columns]
        rows = [(str(column), tally.newest, tally.older, tally.unreadable) for column, tally in tallies]
        self.stdout.write(table.columns(("column", "newest key", "older key", "unreadable"), rows))
        if any(tally.unreadable for _, tally in tallies):
            raise CommandError("Some values open with no key of TOKEN_KEYS. Add the missing key at the end of the list and run this again.")
        if any(tally.older for _, tally in tallies):
            hint = "Run rotate_keys." if options["check"] else "Restart every process with the new TOKEN_KEYS and run this again."
            raise CommandError(f"Older keys are still needed. {hint}")
        self.stdout.write("Only the first key of TOKEN_KEYS is needed.")
