"""The batch method (doc: settings/how-to-call-rest-api/batch; shapes recorded by fast_bitrix24)."""

import requests

from devportal.rest.batch import resolve
from devportal.world import Portal
from tests.devportal.conftest import Rest


def test_named_commands_give_objects(hooked: Rest) -> None:
    result = hooked.result("batch", cmd={"me": "profile", "people": "user.get?FILTER[<ID]=3", "lost": "no.such"})
    assert result["result"]["me"]["ID"] == "1"
    assert result["result_total"] == {"people": 2}
    assert result["result_next"] == []
    assert result["result_error"] == {"lost": {"error": "ERROR_METHOD_NOT_FOUND", "error_description": "Method not found!"}}
    assert result["result_time"].keys() == {"me", "people"}


def test_consecutive_keys_give_lists(hooked: Rest) -> None:
    """PHP arrays with keys 0, 1, 2… are JSON lists; with a gap they are objects."""
    result = hooked.result("batch", cmd=["profile", "no.such", "user.admin"])
    assert result["result"] == {"0": result["result"]["0"], "2": True}
    assert result["result_error"].keys() == {"1"}
    assert hooked.result("batch", cmd={"0": "user.admin", "1": "user.admin"})["result"] == [True, True]
    assert hooked.result("batch", cmd={})["result"] == []


def test_form_body(http: requests.Session, portal: Portal) -> None:
    answer = http.post(
        f"{portal.webhook(portal.admin)}batch.json",
        data={"halt": "0", "cmd[a]": "user.get?ID=2", "cmd[b]": "profile"},
        timeout=10,
    ).json()
    assert answer["result"]["result"]["a"][0]["ID"] == "2"


def test_halt_stops_at_the_first_error(hooked: Rest) -> None:
    cmd = {"a": "profile", "b": "no.such", "c": "profile"}
    assert hooked.result("batch", cmd=cmd, halt=1)["result"].keys() == {"a"}
    assert hooked.result("batch", cmd=cmd, halt=0)["result"].keys() == {"a", "c"}


def test_fifty_commands_and_no_nesting(hooked: Rest) -> None:
    result = hooked.result("batch", cmd={f"c{number}": "user.admin" for number in range(52)})
    assert len(result["result"]) == 50
    assert {error["error"] for error in result["result_error"].values()} == {"ERROR_BATCH_LENGTH_EXCEEDED"}
    nested = hooked.result("batch", cmd={"inner": "batch?cmd[a]=profile"})
    assert nested["result_error"]["inner"]["error"] == "ERROR_BATCH_METHOD_NOT_ALLOWED"


def test_later_commands_use_earlier_results(hooked: Rest) -> None:
    result = hooked.result(
        "batch",
        cmd={
            "me": "user.get?ID=3",
            "home": "department.get?ID=$result[me][0][UF_DEPARTMENT][0]",
            "sent": "im.notify?USER_ID=2&MESSAGE=Hello%20$result[me][0][LAST_NAME]!",
        },
    )["result"]
    assert result["home"][0]["ID"] == "11"
    assert isinstance(result["sent"], int)


def test_missing_reference_is_empty() -> None:
    assert resolve({"ID": "$result[a][0]", "T": "x$result[b]y"}, {"a": []}) == {"ID": "", "T": "xy"}
    assert resolve("$result[a]", {"a": [1, 2]}) == [1, 2]


def test_one_batch_is_one_request_of_the_bucket(hooked: Rest, portal: Portal) -> None:
    """doc: performance/limits."""
    hooked.result("batch", cmd={f"c{number}": "user.admin" for number in range(50)})
    assert 0.5 < portal.bucket.level("127.0.0.1") <= 1
