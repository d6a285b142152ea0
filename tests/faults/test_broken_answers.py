"""No answer, or none that can be read, before and after the portal has done the work: sent again with the same TAG, nobody twice."""

from typing import Any

import pytest

from b24app.rest import client as rest_client
from notifications import recording
from notifications.models import Dispatch
from tests.faults.conftest import RECIPIENTS, Drill

ALL = len(RECIPIENTS)
KINDS = ["cut_before", "cut_after", "half_json", "wrong_shape", "html"]


@pytest.mark.parametrize("kind", KINDS)
def test_one_broken_answer_costs_nobody_anything(drill: Drill, kind: Any) -> None:
    drill.stand.faults.order(method="batch", kind=kind)
    drill.work()
    drill.states()
    drill.finish()
    assert drill.states() == {"sent": ALL}
    assert drill.dispatch.state == Dispatch.State.DONE


@pytest.mark.parametrize("status", [200, 403])
def test_a_page_instead_of_json(drill: Drill, status: int) -> None:
    """Whatever stands between us and the portal: a guest network's page, a firewall's."""
    drill.stand.faults.order(method="batch", kind="html", status=status)
    drill.finish()
    drill.repair()
    assert drill.states() == {"sent": ALL}


@pytest.mark.parametrize("kind", ["cut_before", "cut_after"])
def test_a_portal_that_breaks_every_answer_for_a_while(drill: Drill, kind: Any) -> None:
    drill.stand.faults.order(method="batch", kind=kind, times=None)
    drill.finish(steps=4)
    told = drill.states()
    assert told.get("sent", 0) == told.get("failed", 0) == 0
    drill.stand.faults.clear()
    drill.finish()
    assert drill.states() == {"sent": ALL}


def test_what_is_given_up_is_named_and_can_be_sent_again(drill: Drill) -> None:
    """The portal does the work each time, and each time the answer is lost."""
    drill.stand.faults.order(method="batch", kind="cut_after", times=None)
    drill.finish(each=3700.0)
    assert drill.dispatch.state == Dispatch.State.DONE
    assert drill.states() == {"unknown": ALL}
    assert {row.error_code for row in drill.dispatch.notifications.all()} == {"CONNECTION_BROKEN"}
    assert {row.attempts for row in drill.dispatch.notifications.all()} == {recording.MOST_ATTEMPTS}
    drill.stand.faults.clear()
    drill.repair()
    assert drill.states() == {"sent": ALL}


def test_answers_that_come_too_late(drill: Drill, monkeypatch: pytest.MonkeyPatch) -> None:
    """The portal may take a minute for a request (doc: limits); here it is a moment, and two batches are slower."""
    monkeypatch.setattr(rest_client, "_REQUEST_SECONDS", 0.4)
    drill.stand.faults.order(method="batch", kind="slow", times=2)
    drill.work()
    assert drill.states()["unknown"] in (70, 100)
    drill.stand.faults.release()
    drill.finish()
    assert drill.states() == {"sent": ALL}


def test_slow_answers_that_come_in_time(drill: Drill) -> None:
    drill.portal.batch_seconds = 0.3
    drill.finish()
    assert drill.states() == {"sent": ALL}
    assert drill.stand.log.count("batch") == 3
