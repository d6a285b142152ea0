"""The cloud's limits (doc: performance/limits)."""

import time

from devportal.server import Stand
from devportal.world import Portal
from tests.devportal.conftest import Rest


def test_bucket_holds_fifty(stand: Stand, hooked: Rest, portal: Portal) -> None:
    portal.bucket.leak = 0
    assert [hooked("profile")[0] for _ in range(50)] == [200] * 50
    assert hooked.error("profile") == (503, "QUERY_LIMIT_EXCEEDED")
    portal.bucket.leak = 2
    stand.clock.advance(1)
    assert hooked("profile")[0] == 200


def test_bucket_drains_with_the_clock(stand: Stand, portal: Portal) -> None:
    portal.bucket.fill("192.0.2.1")
    stand.clock.advance(10)
    assert 29.5 < portal.bucket.level("192.0.2.1") <= 30
    assert portal.bucket.level("192.0.2.2") == 0


def test_enterprise_holds_more(hooked: Rest, portal: Portal) -> None:
    portal.limits = "enterprise"
    assert (portal.bucket.capacity, portal.bucket.leak) == (250, 5)
    assert all(hooked("profile")[0] == 200 for _ in range(60))


def test_method_budget_blocks_that_method_only(stand: Stand, hooked: Rest, portal: Portal) -> None:
    """480 s in ten minutes; the call that crosses the limit still ends well."""
    portal.method_seconds["user.current"] = 250
    _, first = hooked("user.current")
    assert 250 <= first["time"]["operating"] < 251
    assert abs(first["time"]["operating_reset_at"] - (stand.clock.now() + 600)) < 5
    assert hooked("user.current")[0] == 200
    assert hooked.error("user.current") == (429, "OPERATION_TIME_LIMIT")
    assert hooked("profile")[0] == 200
    stand.clock.advance(601)
    assert hooked("user.current")[0] == 200


def test_budget_is_given_back_minute_by_minute(stand: Stand, hooked: Rest, portal: Portal) -> None:
    """operating_reset_at is when the oldest minute leaves; the later ones still count."""
    portal.method_seconds["user.current"] = 200
    hooked.result("user.current")
    stand.clock.advance(120)
    _, second = hooked("user.current")
    assert second["time"]["operating_reset_at"] < stand.clock.now() + 600 - 100
    stand.clock.travel_to(second["time"]["operating_reset_at"] + 1)
    _, third = hooked("user.current")
    assert 400 <= third["time"]["operating"] < 401


def test_budget_is_checked_inside_batches_too(hooked: Rest, portal: Portal) -> None:
    portal.method_seconds["user.current"] = 481
    result = hooked.result("batch", cmd={"a": "user.current", "b": "user.current", "c": "profile"})
    assert result["result"].keys() == {"a", "c"}
    assert result["result_error"]["b"]["error"] == "OPERATION_TIME_LIMIT"


def test_budget_is_per_application(hooked: Rest, rest: Rest, portal: Portal) -> None:
    portal.method_seconds["user.current"] = 481
    hooked.result("user.current")
    assert rest("user.current")[0] == 200


def test_self_hosted_has_no_limits(hooked: Rest, portal: Portal) -> None:
    portal.limits = "self-hosted"
    portal.method_seconds["profile"] = 500
    answers = [hooked("profile") for _ in range(60)]
    assert {status for status, _ in answers} == {200}
    assert not {"operating", "operating_reset_at"} & answers[0][1]["time"].keys()


def test_batch_takes_its_ordered_time(hooked: Rest, portal: Portal) -> None:
    portal.batch_seconds = 0.05
    started = time.perf_counter()
    hooked.result("batch", cmd=["profile"])
    assert time.perf_counter() - started >= 0.05
