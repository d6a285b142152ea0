"""The table of errors against the lists it must cover."""

import pytest
from b24pysdk.api.requesters._utils.parse_response import _EXCEPTIONS_BY_ERROR
from django.utils import translation

from b24app.rest.errors import RULES, Policy, RestError, is_suspending


def codes(text: str) -> list[str]:
    return text.split()


AUTHORIZATION_SERVER = codes(
    """
    invalid_request invalid_client invalid_grant invalid_scope insufficient_scope PAYMENT_REQUIRED WRONG_CLIENT NOT_INSTALLED NO_AUTH_FOUND
    """
)
ANY_METHOD = codes(
    """
    INTERNAL_SERVER_ERROR ERROR_UNEXPECTED_ANSWER QUERY_LIMIT_EXCEEDED ERROR_BATCH_METHOD_NOT_ALLOWED
    ERROR_BATCH_LENGTH_EXCEEDED NO_AUTH_FOUND
    INVALID_REQUEST OVERLOAD_LIMIT ACCESS_DENIED INVALID_CREDENTIALS ERROR_MANIFEST_IS_NOT_AVAILABLE insufficient_scope expired_token
    user_access_error PORTAL_DELETED invalid_token APPLICATION_NOT_FOUND PAYMENT_REQUIRED ERROR_OAUTH authorization_error
    METHOD_CONFIRM_WAITING METHOD_CONFIRM_DENIED OPERATION_TIME_LIMIT
    """
)
NOTIFICATIONS = codes(
    """
    WRONG_AUTH_TYPE USER_ID_EMPTY MESSAGE_EMPTY ATTACH_OVERSIZE ATTACH_ERROR LAST_ID_AND_LAST_TYPE LAST_ID_STRING PARAMS_ERROR ID_ERROR
    ANSWER_TEXT_ERROR NOTIFY_VALUE_ERROR ACCESS_DENIED SEARCH_TEXT_ERROR
    """
)
OURS = codes(
    """
    TIMEOUT CONNECTION_BROKEN BAD_ANSWER HOST_REFUSED NO_USABLE_TOKEN BUDGET_EXHAUSTED OAUTH_SERVER_REFUSED AUTH_SERVER_FAULT WRONG_PORTAL
    BATCH_HALTED NO_WEBHOOK RIGHTS_DENIED CLIENT_ID_NOT_SPECIFIED
    """
)
OTHERS = ["ERROR_PLACEMENT_MAX_COUNT", "ERROR_METHOD_NOT_FOUND"]


def test_covers_every_documented_code_and_nothing_unknown() -> None:
    """bitrix24.md 4 (settings/oauth/error-codes), 5 (error-codes), 6 (the im.notify.* pages), 8 (app-url), and b24pysdk's own list."""
    listed = [*AUTHORIZATION_SERVER, *ANY_METHOD, *NOTIFICATIONS, *OURS, *OTHERS, *_EXCEPTIONS_BY_ERROR]
    assert set(RULES) == {code.upper() for code in listed}


@pytest.mark.parametrize("code", RULES)
def test_tells_people_what_happened_and_what_to_do(code: str) -> None:
    with translation.override("en"):
        message = str(RULES[code].message)
    assert message.count(". ") >= 1, "one sentence says what happened, the next what to do"
    assert message.endswith(".")
    assert code not in message


@pytest.mark.parametrize(
    ("policy", "codes"),
    [
        (Policy.REFRESH, {"EXPIRED_TOKEN"}),
        (
            Policy.RETRY_LATER,
            {
                "QUERY_LIMIT_EXCEEDED", "OPERATION_TIME_LIMIT", "INTERNAL_SERVER_ERROR", "ERROR_UNEXPECTED_ANSWER", "TIMEOUT",
                "CONNECTION_BROKEN", "AUTH_SERVER_FAULT", "BUDGET_EXHAUSTED",
            },
        ),
        (
            Policy.PORTAL_UNUSABLE,
            {
                "PAYMENT_REQUIRED", "PORTAL_DELETED", "ACCESS_DENIED", "APPLICATION_NOT_FOUND", "OVERLOAD_LIMIT", "NOT_INSTALLED",
                "INVALID_CLIENT", "ERROR_OAUTH",
            },
        ),
    ],
)  # fmt: skip
def test_policies_follow_the_design(policy: Policy, codes: set[str]) -> None:
    """design.md 5: what is retried, what is never retried, what makes a portal unusable."""
    assert {code for code, rule in RULES.items() if rule.policy is policy} == codes


@pytest.mark.parametrize(
    ("error", "concerns_portal"),
    [
        (RestError("TIMEOUT", unknown_outcome=True), True),
        (RestError("BAD_ANSWER", unknown_outcome=True), True),
        (RestError("QUERY_LIMIT_EXCEEDED"), True),
        (RestError("OVERLOAD_LIMIT"), True),
        (RestError("OPERATION_TIME_LIMIT"), False),
        (RestError("INVALID_GRANT"), False),
        (RestError("INSUFFICIENT_SCOPE"), False),
    ],
)
def test_what_any_other_call_would_meet_as_well(error: RestError, concerns_portal: bool) -> None:
    assert error.concerns_portal is concerns_portal


def test_codes_come_in_either_case() -> None:
    """bitrix24.md 5."""
    assert RestError("expired_token").policy is RestError("EXPIRED_TOKEN").policy is Policy.REFRESH
    assert RestError("expired_token").code == "EXPIRED_TOKEN"
    assert is_suspending("payment_required")
    assert not is_suspending("expired_token")
    assert not is_suspending("NEVER_HEARD_OF")


@pytest.mark.parametrize(
    ("description", "http_status", "policy"),
    [
        ("REST API is available only on commercial plans", 403, Policy.PORTAL_UNUSABLE),
        ("", 403, Policy.PORTAL_UNUSABLE),
        ("Client ID not specified", 403, Policy.STOP_JOB),
        ("Client ID not specified", 400, Policy.STOP_JOB),
        ("Client ID not specified", None, Policy.STOP_JOB),
        ("Access denied! Application context required", 403, Policy.STOP_JOB),
        ("Access denied!", 400, Policy.STOP_JOB),
    ],
)
def test_access_denied_has_three_meanings(description: str, http_status: int | None, policy: Policy) -> None:
    """No REST on the plan (doc: error-codes); no CLIENT_ID (bitrix24.md 6, im.notify.delete); no rights (doc: app.info, event.bind)."""
    error = RestError("ACCESS_DENIED", description, http_status=http_status)
    assert error.policy is policy
    assert error.code == "ACCESS_DENIED"
    assert ("CLIENT_ID" in error.message) == ("Client ID" in description)


def test_an_unlisted_code_stops_the_job_unless_the_server_itself_failed() -> None:
    assert RestError("SOMETHING_NEW", http_status=400).policy is Policy.STOP_JOB
    assert RestError("SOMETHING_NEW", http_status=502).policy is Policy.RETRY_LATER
