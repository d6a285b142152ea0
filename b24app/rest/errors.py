"""Every error a portal or an authorization server can answer with, and what to do about it.

Sources: bitrix24.md 4 (settings/oauth/error-codes), 5 (error-codes; b24pysdk) and 6 (the im.notify.* pages).
"""

from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Policy(StrEnum):
    """What the caller does about an error."""

    RETRY_LATER = "retry later"
    REFRESH = "refresh and retry once"
    STOP_JOB = "stop this job"
    PORTAL_UNUSABLE = "this portal is unusable"
    OUR_MISTAKE = "our mistake"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table: what to do, and the sentence for people (what happened, what to do); `%(code)s` in it shows the code."""

    policy: Policy
    message: Promise | str


class RestError(Exception):
    """A call that failed. `code` is upper case; `description` is the portal's own English text, never shown alone.

    `unknown_outcome` is true when the portal may have done the work although no answer came.
    `retry_at` is epoch seconds where the portal named a time (operating_reset_at).
    """

    def __init__(
        self,
        code: str,
        description: str = "",
        *,
        http_status: int | None = None,
        unknown_outcome: bool = False,
        retry_at: float | None = None,
    ) -> None:
        super().__init__(code.upper())
        self.code = code.upper()
        self.description = description
        self.http_status = http_status
        self.unknown_outcome = unknown_outcome
        self.retry_at = retry_at

    @property
    def row(self) -> str:
        """The key of this error's row in the table, to be kept where the sentence is needed later (`sentence`): mostly the code."""
        return _access_denied_row(self.description, self.http_status) if self.code == "ACCESS_DENIED" else self.code

    @property
    def rule(self) -> Rule:
        """The row of the table for this error; an unlisted code stops the job, or waits when the server itself failed (5xx)."""
        return RULES.get(self.row, UNLISTED_SERVER_FAULT if self._is_server_fault else UNLISTED)

    @property
    def policy(self) -> Policy:
        """What to do; an answer that is none passes when the server itself failed: then it is the page of a proxy."""
        if self.code == "BAD_ANSWER" and self._is_server_fault:
            return Policy.RETRY_LATER
        return self.rule.policy

    @property
    def concerns_portal(self) -> bool:
        """Whether the portal as a whole cannot be reached or used now, so that any other call would fare no better."""
        passes = self.unknown_outcome or self.policy is Policy.RETRY_LATER
        return self.policy is Policy.PORTAL_UNUSABLE or (passes and self.code != "OPERATION_TIME_LIMIT")

    @property
    def message(self) -> str:
        """The translated sentence for people."""
        return _with_code(self.rule, self.code)

    @property
    def _is_server_fault(self) -> bool:
        return (self.http_status or 0) >= 500


def sentence(row: str) -> str:
    """The translated sentence for a RestError.row that was stored; empty for an empty one."""
    return _with_code(RULES.get(row, UNLISTED), row) if row else ""


def _with_code(rule: Rule, code: str) -> str:
    return str(rule.message) % {"code": code}


def is_suspending(code: str) -> bool:
    """Whether a portal that answers with this code is unusable until that changes. Where the RestError is at hand, ask its policy."""
    return code.upper() in RULES and RULES[code.upper()].policy is Policy.PORTAL_UNUSABLE


def _access_denied_row(description: str, http_status: int | None) -> str:
    """Which of its three meanings ACCESS_DENIED has.

    No REST on this plan is HTTP 403 "REST API is available only on commercial plans" (doc: error-codes). im.notify.delete by webhook
    answers it with "Client ID not specified" (observed in server source), other methods with "Access denied! …" for missing rights
    (doc: app.info, event.bind). An error inside a batch has no HTTP status of its own.
    """
    text = description.lower()
    if "client id" in text:
        return "CLIENT_ID_NOT_SPECIFIED"
    if "plan" in text or (http_status == 403 and "access denied" not in text):
        return "ACCESS_DENIED"
    return "RIGHTS_DENIED"


UNLISTED = Rule(
    Policy.STOP_JOB,
    _("The portal refused this with an error the app does not know. Try again; if it repeats, tell support this code: %(code)s."),
)
UNLISTED_SERVER_FAULT = Rule(
    Policy.RETRY_LATER,
    _("The portal has a fault of its own just now. Try again in a few minutes; if it repeats, tell support this code: %(code)s."),
)

_OUR_MISTAKE = _("The app asked the portal in a wrong way and nothing was changed. Tell support this code: %(code)s.")
_PORTAL_FAULT = _("The portal could not finish this because of a fault of its own. Try again in a few minutes.")
_REOPEN = _("The portal no longer accepts your sign-in to the app. Close the app and open it again from the portal's menu.")
_REINSTALL = _("The app is not installed on this portal any more. Ask a portal administrator to install it again from the Market.")
_NO_NEXT_PAGE = _("The next page of the list could not be found. Open the tab again to see the list from its beginning.")
_NOTHING_MEANT = _("The portal was not told which notification is meant. Open the tab again and choose it again.")

RULES: dict[str, Rule] = {
    # The authorization server (settings/oauth/error-codes; b24pysdk).
    "INVALID_REQUEST": Rule(
        Policy.OUR_MISTAKE,
        _("The portal accepts only secure (HTTPS) requests, or did not understand this one. Ask support to check the portal's address."),
    ),
    "INVALID_CLIENT": Rule(
        Policy.PORTAL_UNUSABLE,
        _("The authorization server does not know the app on this portal. Ask a portal administrator to install the app again."),
    ),
    "WRONG_CLIENT": Rule(
        Policy.OUR_MISTAKE,
        _("Bitrix24 does not accept the app's own name and password. Ask support to check the app's client ID and secret."),
    ),
    "INVALID_GRANT": Rule(Policy.STOP_JOB, _REOPEN),
    "INVALID_SCOPE": Rule(
        Policy.OUR_MISTAKE, _("The app asked for more permissions than its Market card lists. Tell support this code: %(code)s.")
    ),
    "NOT_INSTALLED": Rule(Policy.PORTAL_UNUSABLE, _REINSTALL),
    "PAYMENT_REQUIRED": Rule(
        Policy.PORTAL_UNUSABLE,
        _("The app's paid or trial period on this portal is over. Ask a portal administrator to extend it in the Market."),
    ),
    # Any method (error-codes; b24pysdk).
    "EXPIRED_TOKEN": Rule(
        Policy.REFRESH, _("Your sign-in to the app has run out. Close the app and open it again from the portal's menu.")
    ),
    "NO_AUTH_FOUND": Rule(Policy.STOP_JOB, _REOPEN),
    "INVALID_TOKEN": Rule(Policy.STOP_JOB, _REOPEN),
    "AUTHORIZATION_ERROR": Rule(
        Policy.STOP_JOB,
        _("The portal could not sign in the person for whom this was done; they may have been dismissed. Open the app again and repeat."),
    ),
    # b24pysdk names the code without a meaning; that it means "not installed" is a guess.
    "ERROR_OAUTH": Rule(Policy.PORTAL_UNUSABLE, _REINSTALL),
    "APPLICATION_NOT_FOUND": Rule(Policy.PORTAL_UNUSABLE, _REINSTALL),
    "PORTAL_DELETED": Rule(
        Policy.PORTAL_UNUSABLE,
        _("The portal is deleted or closed to the public. A portal administrator can open it again in the settings of the main module."),
    ),
    "OVERLOAD_LIMIT": Rule(
        Policy.PORTAL_UNUSABLE,
        _("Bitrix24 has blocked requests to this portal because of overload. Ask a portal administrator to write to Bitrix24 support."),
    ),
    "ACCESS_DENIED": Rule(
        Policy.PORTAL_UNUSABLE,
        _("This portal's plan does not include access for apps. Ask a portal administrator to change to a commercial plan."),
    ),
    "RIGHTS_DENIED": Rule(
        Policy.STOP_JOB,
        _("The portal does not give you the rights for this. Ask a portal administrator to do it or to give you the rights."),
    ),
    "CLIENT_ID_NOT_SPECIFIED": Rule(
        Policy.STOP_JOB,
        _("The portal cannot delete by TAG through a webhook without a CLIENT_ID. Enter the webhook's CLIENT_ID in the settings."),
    ),
    "USER_ACCESS_ERROR": Rule(
        Policy.STOP_JOB,
        _("You may not use the app on this portal. Ask a portal administrator to allow it for you in the app's access settings."),
    ),
    "INVALID_CREDENTIALS": Rule(
        Policy.STOP_JOB, _("The person or webhook used for this has too few rights. Ask a portal administrator to check their rights.")
    ),
    "INSUFFICIENT_SCOPE": Rule(
        Policy.STOP_JOB,
        _("The app or webhook lacks a permission for this. Ask a portal administrator to install the app again or to extend the webhook."),
    ),
    "METHOD_CONFIRM_WAITING": Rule(
        Policy.STOP_JOB,
        _("The portal asked an administrator to allow this and waits for the answer. Repeat it after the administrator agreed."),
    ),
    "METHOD_CONFIRM_DENIED": Rule(
        Policy.STOP_JOB, _("A portal administrator did not allow the app to do this. Ask the administrator before trying again.")
    ),
    "ACCESS_ERROR": Rule(
        Policy.STOP_JOB, _("The portal does not give you access to this. Ask a portal administrator for the rights and try again.")
    ),
    "ALLOWED_ONLY_INTRANET_USER": Rule(
        Policy.STOP_JOB, _("Only employees of the company may do this, not guests or external users. Ask a colleague who is an employee.")
    ),
    "QUERY_LIMIT_EXCEEDED": Rule(
        Policy.RETRY_LATER, _("The portal receives too many requests at the moment. Wait a few seconds and try again.")
    ),
    "OPERATION_TIME_LIMIT": Rule(
        Policy.RETRY_LATER, _("The portal has paused this operation because it used too much time. Try again in about ten minutes.")
    ),
    "INTERNAL_SERVER_ERROR": Rule(Policy.RETRY_LATER, _PORTAL_FAULT),
    "ERROR_UNEXPECTED_ANSWER": Rule(Policy.RETRY_LATER, _PORTAL_FAULT),
    "ERROR_BATCH_METHOD_NOT_ALLOWED": Rule(Policy.OUR_MISTAKE, _OUR_MISTAKE),
    "ERROR_BATCH_LENGTH_EXCEEDED": Rule(Policy.OUR_MISTAKE, _OUR_MISTAKE),
    "ERROR_MANIFEST_IS_NOT_AVAILABLE": Rule(
        Policy.STOP_JOB, _("The portal cannot find the app's description. Ask a portal administrator to install the app again.")
    ),
    "ERROR_METHOD_NOT_FOUND": Rule(
        Policy.STOP_JOB, _("This portal does not know the operation, perhaps because it is too old. Ask its administrator to update it.")
    ),
    "NOT_FOUND": Rule(Policy.STOP_JOB, _("The portal has nothing under this number any more. Open the tab again and choose anew.")),
    "INVALID_ARG_VALUE": Rule(Policy.OUR_MISTAKE, _OUR_MISTAKE),
    # placement.bind (api-reference/widgets/universal/app-url).
    "ERROR_PLACEMENT_MAX_COUNT": Rule(
        Policy.STOP_JOB, _("The portal already has a handler for links into the app. Finish the installation once more to replace it.")
    ),
    # im.notify.*.
    "WRONG_AUTH_TYPE": Rule(Policy.STOP_JOB, _("The portal does not allow this with a browser sign-in. Open the app again and repeat.")),
    "USER_ID_EMPTY": Rule(Policy.OUR_MISTAKE, _("No recipient was named, so nothing was sent. Choose a recipient and send again.")),
    "MESSAGE_EMPTY": Rule(Policy.OUR_MISTAKE, _("The message is empty, so nothing was sent. Write a message and send again.")),
    "ATTACH_OVERSIZE": Rule(
        Policy.OUR_MISTAKE, _("The attachment is larger than 60,000 characters, so nothing was sent. Shorten it and send again.")
    ),
    "ATTACH_ERROR": Rule(
        Policy.OUR_MISTAKE, _("The portal could not read the attachment, so nothing was sent. Check the attachment and send again.")
    ),
    "LAST_ID_AND_LAST_TYPE": Rule(Policy.OUR_MISTAKE, _NO_NEXT_PAGE),
    "LAST_ID_STRING": Rule(Policy.OUR_MISTAKE, _NO_NEXT_PAGE),
    "PARAMS_ERROR": Rule(Policy.OUR_MISTAKE, _NOTHING_MEANT),
    "ID_ERROR": Rule(Policy.OUR_MISTAKE, _NOTHING_MEANT),
    "ANSWER_TEXT_ERROR": Rule(Policy.OUR_MISTAKE, _("The answer is empty, so nothing was sent. Write an answer and send again.")),
    "NOTIFY_VALUE_ERROR": Rule(
        Policy.OUR_MISTAKE, _("The portal was not told which button to press. Open the tab again and press the button again.")
    ),
    "SEARCH_TEXT_ERROR": Rule(
        Policy.OUR_MISTAKE, _("The search text is too short for the portal. Write at least three characters, or choose a type or a date.")
    ),
    # Our own: what happened between the app and the servers.
    "TIMEOUT": Rule(Policy.RETRY_LATER, _("The portal did not answer in time. Look whether it was done after all, then try again.")),
    "CONNECTION_BROKEN": Rule(
        Policy.RETRY_LATER, _("The connection to the portal broke. Look whether it was done after all, then try again.")
    ),
    "BAD_ANSWER": Rule(
        Policy.STOP_JOB, _("The portal answered in a way the app does not understand. Look whether it was done after all, then try again.")
    ),
    "AUTH_SERVER_FAULT": Rule(Policy.RETRY_LATER, _("The Bitrix24 authorization server has a fault just now. Try again in a few minutes.")),
    "HOST_REFUSED": Rule(
        Policy.STOP_JOB,
        _("The app may not connect to this portal's address. If it is in a private network, ask support to allow private addresses."),
    ),
    "OAUTH_SERVER_REFUSED": Rule(
        Policy.STOP_JOB, _("The portal names an authorization server that the app does not trust. Open the app from a Bitrix24 portal.")
    ),
    "WRONG_PORTAL": Rule(
        Policy.STOP_JOB, _("The authorization server answered for another person or portal, so nothing was stored. Open the app again.")
    ),
    "NO_USABLE_TOKEN": Rule(
        Policy.STOP_JOB,
        _("No valid sign-in is left for this. Open the app again; if that does not help, ask a portal administrator to open it once."),
    ),
    "NO_WEBHOOK": Rule(
        Policy.STOP_JOB,
        _("The webhook this was sent through was removed. Ask an administrator to add one with the same CLIENT_ID in Settings."),
    ),
    "BUDGET_EXHAUSTED": Rule(
        Policy.RETRY_LATER, _("The portal's limit of requests is used up at the moment. Wait a few seconds and try again.")
    ),
    "BATCH_HALTED": Rule(Policy.STOP_JOB, _("This step was not done because a step before it failed. Solve that problem and try again.")),
}
