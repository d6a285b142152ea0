"""What tests of the platform floor share: rows for a stand-in portal, simple calls, and a server that misbehaves below HTTP."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from django.utils import timezone

from b24app import tokens
from b24app.models import Portal, PortalUser
from b24app.rest.calls import Call
from devportal import people, world


def meet(portal: world.Portal, app: world.App, person: people.Person) -> PortalUser:
    """The rows that a person's opening of the app leaves: an active portal, the person, valid tokens."""
    if app.client_id not in portal.installations:
        portal.install(app, portal.admin)
        portal.installations[app.client_id].installed = True
    fields = portal.launch(app, person).fields
    row, _created = Portal.objects.get_or_create(
        member_id=portal.member_id,
        defaults={
            "domain": portal.domain,
            "client_endpoint": portal.client_endpoint,
            "oauth_server": portal.world.auth_url,
            "client_id": app.client_id,
            "state": Portal.State.ACTIVE,
        },
    )
    user, _created = PortalUser.objects.get_or_create(portal=row, user_id=person.id, defaults={"is_admin": person.admin})
    expires_at = timezone.now() + timedelta(seconds=int(fields["AUTH_EXPIRES"]))
    tokens.store(user, fields["AUTH_ID"], fields["REFRESH_ID"], expires_at)
    return user


def plain(method: str, **params: Any) -> Call[Any]:
    """A call whose value is its result as it came."""
    return Call(method, params, lambda answer: answer.result)


def run_out(person: PortalUser) -> None:
    """Let the stored access token have expired, as far as we know."""
    PortalUser.objects.filter(pk=person.pk).update(expires_at=timezone.now() - timedelta(seconds=1))


@contextmanager
def raw_server(answer: Callable[[socket.socket, bytes], None]) -> Iterator[str]:
    """A TCP server on localhost that reads one HTTP request per connection and hands the socket to `answer`; yields its base address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        # The client going away is what some tests are about.
        with connection, suppress(OSError):
            answer(connection, connection.recv(65536))

    def accept() -> None:
        while True:
            try:
                connection, _address = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()
