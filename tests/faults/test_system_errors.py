"""Every system error of bitrix24.md 5, for whole batches and for single commands: what goes on by itself, what waits for a person."""

import pytest

from b24app.rest.errors import sentence
from notifications.models import Dispatch
from tests.errors.codes import ANY_METHOD, SENDING
from tests.faults.conftest import RECIPIENTS, Drill

ALL = len(RECIPIENTS)

SILENCE, METHOD, PORTAL = "figures-silence", "figures-method", "figures-portal"
PASSES = {
    "INTERNAL_SERVER_ERROR": SILENCE,
    "ERROR_UNEXPECTED_ANSWER": SILENCE,
    "QUERY_LIMIT_EXCEEDED": SILENCE,
    "OPERATION_TIME_LIMIT": METHOD,
    "OVERLOAD_LIMIT": PORTAL,
    "ACCESS_DENIED": PORTAL,
    "PORTAL_DELETED": PORTAL,
    "APPLICATION_NOT_FOUND": PORTAL,
    "PAYMENT_REQUIRED": PORTAL,
    "ERROR_OAUTH": PORTAL,
}
"""After these the sending goes on by itself once the portal works again; until then the page tells what it waits for."""

OWN_FAULTS = ("INTERNAL_SERVER_ERROR", "ERROR_UNEXPECTED_ANSWER")
"""Of a single command they say nothing about the next one."""

STOPS = [code for code in ANY_METHOD if code not in PASSES]
"""After these the dispatch is paused, and its author decides."""


@pytest.mark.parametrize("code", PASSES)
def test_what_passes_needs_nobody(drill: Drill, code: str) -> None:
    drill.stand.faults.order(method="batch", code=code, times=None)
    drill.finish(steps=3)
    assert drill.states() == {"queued": ALL}
    drill.minute()
    assert f'id="{PASSES[code]}"' in drill.page()
    drill.stand.faults.clear()
    drill.finish()
    assert drill.states() == {"sent": ALL}
    assert drill.dispatch.state == Dispatch.State.DONE


@pytest.mark.parametrize("code", STOPS)
def test_what_stops_waits_for_its_author(drill: Drill, code: str) -> None:
    drill.stand.faults.order(method="batch", code=code, times=None)
    drill.finish(steps=3)
    drill.stand.faults.clear()
    asked = drill.stand.log.count("batch")
    drill.minute()
    assert drill.stand.log.count("batch") == asked
    assert drill.states() == {"queued": ALL}
    assert drill.dispatch.state == Dispatch.State.PAUSED
    assert sentence(drill.dispatch.error_code) in drill.page()
    drill.repair()
    assert drill.states() == {"sent": ALL}


@pytest.mark.parametrize("code", ["INTERNAL_SERVER_ERROR", "OVERLOAD_LIMIT", "METHOD_CONFIRM_DENIED", "expired_token"])
def test_one_batch_of_three(drill: Drill, code: str) -> None:
    """The others are on their way at that moment."""
    drill.stand.faults.order(method="batch", code=code)
    drill.finish()
    missing = ALL - drill.states().get("sent", 0)
    assert missing in ((20, 50, 70, 100) if code == "METHOD_CONFIRM_DENIED" else (0,))
    drill.repair()
    assert drill.states() == {"sent": ALL}


def test_mixed_errors_inside_batches(drill: Drill) -> None:
    """Each is its own recipient's: named on the page, and sent again when the author says so."""
    own = {*STOPS, *SENDING, *OWN_FAULTS}
    for code in own:
        drill.stand.faults.order(method="im.notify.personal.add", code=code, inside_batch=True)
    drill.finish()
    assert drill.states() == {"sent": ALL - len(own), "failed": len(own)}
    assert drill.dispatch.state == Dispatch.State.DONE
    page = drill.page()
    for code in own:
        assert f'id="failure-{code.upper()}"' in page
    drill.repair()
    assert drill.states() == {"sent": ALL}


@pytest.mark.parametrize("code", [code for code in PASSES if code not in OWN_FAULTS])
def test_errors_inside_batches_that_are_nobodys_own(drill: Drill, code: str) -> None:
    drill.stand.faults.order(method="im.notify.personal.add", code=code, inside_batch=True, times=7)
    drill.finish()
    assert drill.states() == {"sent": ALL}
