"""Many presses at once, from several processes: each request is answered once, and everybody is told the answer that counts.

On SQLite, and on PostgreSQL when DATABASE_URL names it.
"""

import json
import subprocess
import sys
import time
from uuid import uuid4

import pytest
from django.conf import settings

from b24app.models import Bucket, PortalUser, Sender
from devportal import world
from devportal.server import Stand
from notifications import ask
from notifications.models import Answer, ConfirmationRequest, Dispatch, Notification
from tests.notifications.conftest import Join
from tests.processes import environment

ROWS = 100
# Each thread has a database connection of its own, and a PostgreSQL server allows 100 unless told otherwise.
THREADS = 50 if "sqlite" in settings.DATABASES["default"]["ENGINE"] else 40
BUTTONS = (ask.Button("Confirm", "Y", ask.Means.CONFIRM), ask.Button("Decline", "N", ask.Means.DECLINE))

pytestmark = pytest.mark.django_db(transaction=True)


def press_all(stand: Stand, targets: list[tuple[int, str]]) -> list[list[str]]:
    """One process presses Y on all targets while another presses N; what each was told, target by target."""
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.notifications.press_storm", value, str(THREADS)],
            env=environment(stand),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for value in ("Y", "N")
    ]
    try:
        for line in (json.dumps(targets), "go"):
            for process in running:
                assert process.stdin is not None
                process.stdin.write(f"{line}\n")
                process.stdin.flush()
            if line != "go":
                for process in running:
                    assert process.stdout is not None
                    assert process.stdout.readline() == "ready\n"
        return [json.loads(process.communicate(timeout=120)[0]) for process in running]
    finally:
        for process in running:
            process.kill()


def requests_to(author: PortalUser, people: list[PortalUser]) -> Dispatch:
    """A request as it stands once it was sent to these people."""
    sender = Sender.objects.get(portal=author.portal, kind=Sender.Kind.APP)
    common = {"portal": author.portal, "sender": sender, "author": author}
    dispatch = Dispatch.objects.create(**common, key=uuid4(), message="Read", state=Dispatch.State.DONE)
    ConfirmationRequest.objects.create(dispatch=dispatch, buttons=ask.write(BUTTONS))
    Notification.objects.bulk_create(
        Notification(**common, dispatch=dispatch, recipient=person, wire_tag=f"{dispatch.key.hex}:{person.user_id}", state="sent")
        for person in people
    )
    return dispatch


@pytest.mark.parametrize("shape", ["a hundred people of one request", "a hundred requests of one person"])
def test_two_hundred_presses_leave_a_hundred_answers(stand: Stand, portal: world.Portal, join: Join, shape: str) -> None:
    author = join(portal, portal.admin)
    # No room in the budget: the feed is left for later, and the presses meet each other.
    Bucket.objects.create(portal=author.portal, counted=True, level=50, measured_at=time.time() + 3600)
    if shape.endswith("one request"):
        numbers = range(1000, 1000 + ROWS)
        people = PortalUser.objects.bulk_create(PortalUser(portal=author.portal, user_id=number) for number in numbers)
        dispatches = [requests_to(author, people)]
    else:
        people = [join(portal, portal.person)]
        dispatches = [requests_to(author, people) for _ in range(ROWS)]
    targets = [(person.pk, str(dispatch.confirmation_request.key)) for dispatch in dispatches for person in people]

    told = press_all(stand, targets)

    recorded = {
        (answer.notification.recipient_id, str(answer.request.key)): answer.value
        for answer in Answer.objects.select_related("notification", "request")
    }
    assert len(recorded) == Answer.objects.count() == ROWS
    for values in told:
        assert values == [recorded[target] for target in targets]
    states = Notification.objects.values_list("state", "answer__value")
    assert {(str(state), str(value)) for state, value in states} <= {("confirmed", "Y"), ("declined", "N")}
    assert sum(Dispatch.objects.values_list("change", flat=True)) == ROWS
