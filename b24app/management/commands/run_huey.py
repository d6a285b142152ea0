"""The worker: `manage.py run_huey`."""

from argparse import ArgumentParser

from huey.contrib.djhuey.management.commands.run_huey import Command as HueyCommand

# Tasks wait for portals most of their time.
WORKERS = 8
# How long an idle worker on a SQLite queue may overlook a new task; the other stores wake it.
LONGEST_POLL_SECONDS = 1.0
# A portal may work on one request for 60 s (doc: limits), and rarely needs two; what is cut off is made up for when its lease has run out.
SHUTDOWN_SECONDS = 60.0


class Command(HueyCommand):  # type: ignore[misc]
    """Huey's command with defaults of ours; the consumer is b24app.queue.Consumer."""

    help = "Run the worker. SIGTERM and SIGINT let it finish what is in flight; a second signal ends it at once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Huey's options, all of them."""
        super().add_arguments(parser)
        parser.set_defaults(workers=WORKERS, max_delay=LONGEST_POLL_SECONDS, shutdown_timeout=SHUTDOWN_SECONDS)
