"""`manage.py portals`: every portal in a line."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from b24app import inspection
from b24app.management import table
from b24app.models import Portal


class Command(BaseCommand):
    help = "List the portals: number, domain, member_id, state, version, admins with a valid token, last call, last error. Times are UTC."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--state", action="append", choices=Portal.State.values, help="only these; may be repeated")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = inspection.overview(options["state"] or ())
        if not rows:
            self.stdout.write("No portal.")
            return
        head = ("number", "domain", "member_id", "state", "version", "admins", "last call", "last error")
        self.stdout.write(table.columns(head, [_cells(row) for row in rows]))


def _cells(row: inspection.Overview) -> tuple[object, ...]:
    portal = row.portal
    state = f"{portal.state} ({portal.suspended_code})" if portal.suspended_code else portal.state
    return (portal.pk, portal.domain, portal.member_id, state, portal.version, row.admins, table.moment(row.last_call), row.last_error)
