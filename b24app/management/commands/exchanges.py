"""`manage.py exchanges`: the log of a portal's REST calls in a range of time, for a ticket at the vendor's support."""

import json
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_datetime

from b24app import exchanges
from b24app.management import portal_argument


class Command(BaseCommand):
    help = "Print calls with method, parameters, answer and time, oldest first, one JSON object a line. Secrets are masked; times are UTC."

    def add_arguments(self, parser: CommandParser) -> None:
        portal_argument.add_to(parser)
        parser.add_argument("--since", help="the first moment, for example 2026-11-28T10:00 (default: as far back as the log goes)")
        parser.add_argument("--until", help="the last moment (default: now)")
        parser.add_argument("--method", default="", help="only methods with this in their name; a batch is the method `batch`")
        parser.add_argument("--failed", action="store_true", help="only calls that failed, and batches in which a command failed")

    def handle(self, *args: Any, **options: Any) -> None:
        portal = portal_argument.find(options["portal"])
        filters = exchanges.Filters(method=options["method"], failed=options["failed"])
        for row in exchanges.between(portal, filters, _moment(options["since"]), _moment(options["until"])):
            self.stdout.write(json.dumps(exchanges.export(row), ensure_ascii=False))


def _moment(text: str | None) -> datetime | None:
    try:
        moment = parse_datetime(text) if text else None
    except ValueError:
        moment = None
    if text and moment is None:
        raise CommandError(f"{text} is no date and time. Write it like 2026-11-28T10:00.")
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment
