"""The portal that an operator names on the command line."""

from django.core.management.base import CommandError, CommandParser

from b24app.models import Portal


def add_to(parser: CommandParser) -> None:
    """The argument `portal` of a command."""
    parser.add_argument("portal", help="the portal's member_id or its domain, as `portals` lists them")


def find(name: str) -> Portal:
    """The portal of this member_id or domain; CommandError when there is none, or more than one."""
    portals = Portal.objects.defer("application_token")
    found = portals.filter(member_id=name).first()
    if found is not None:
        return found
    rows = list(portals.filter(domain__iexact=name))
    if not rows:
        raise CommandError(f"No portal has the member_id or the domain {name}. `portals` lists them all.")
    if len(rows) > 1:
        raise CommandError(f"More than one portal has had the domain {name}: name its member_id, as `portals` lists it.")
    return rows[0]
