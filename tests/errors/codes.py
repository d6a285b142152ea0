"""Every error code of bitrix24.md 4, 5 and 6, written down here on purpose: the app's own table is what is tested against it."""

TOKEN_ENDPOINT = (
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "invalid_scope",
    "insufficient_scope",
    "PAYMENT_REQUIRED",
    "WRONG_CLIENT",
    "NOT_INSTALLED",
    "NO_AUTH_FOUND",
)
"""bitrix24.md 4: settings/oauth/error-codes; the last three are b24pysdk's."""

ANY_METHOD: dict[str, int] = {
    "INTERNAL_SERVER_ERROR": 500,
    "ERROR_UNEXPECTED_ANSWER": 500,
    "QUERY_LIMIT_EXCEEDED": 503,
    "ERROR_BATCH_METHOD_NOT_ALLOWED": 405,
    "ERROR_BATCH_LENGTH_EXCEEDED": 400,
    "NO_AUTH_FOUND": 401,
    "INVALID_REQUEST": 400,
    "OVERLOAD_LIMIT": 503,
    "ACCESS_DENIED": 403,
    "INVALID_CREDENTIALS": 403,
    "ERROR_MANIFEST_IS_NOT_AVAILABLE": 404,
    "insufficient_scope": 403,
    "expired_token": 401,
    "user_access_error": 403,
    "PORTAL_DELETED": 410,
    "OPERATION_TIME_LIMIT": 429,
    "invalid_token": 401,
    "APPLICATION_NOT_FOUND": 401,
    "PAYMENT_REQUIRED": 402,
    "ERROR_OAUTH": 403,
    "authorization_error": 401,
    "METHOD_CONFIRM_WAITING": 401,
    "METHOD_CONFIRM_DENIED": 403,
}
"""bitrix24.md 5: error-codes and limits, with their HTTP statuses; from invalid_token on the SDKs', whose statuses are a guess."""

OTHER_STATUS = {"INVALID_CREDENTIALS": 401, "PORTAL_DELETED": 500}
"""bitrix24.md 5: codes that come with either of two statuses."""

SENDING = ("WRONG_AUTH_TYPE", "USER_ID_EMPTY", "MESSAGE_EMPTY", "ATTACH_OVERSIZE", "ATTACH_ERROR")
"""bitrix24.md 6: im.notify, im.notify.personal.add, im.notify.system.add."""

FEED = ("LAST_ID_AND_LAST_TYPE", "LAST_ID_STRING")
"""bitrix24.md 6: im.notify.get."""

SEARCH = ("SEARCH_TEXT_ERROR", "LAST_ID_STRING")
"""bitrix24.md 6: im.notify.history.search."""

READ_LIST = ("PARAMS_ERROR",)
"""bitrix24.md 6: im.notify.read.list."""

ANSWER = ("ID_ERROR", "ANSWER_TEXT_ERROR")
"""bitrix24.md 6: im.notify.answer."""

CONFIRM = ("ID_ERROR", "NOTIFY_VALUE_ERROR")
"""bitrix24.md 6: im.notify.confirm."""

DELETE = ("PARAMS_ERROR", "ACCESS_DENIED")
"""bitrix24.md 6: im.notify.delete; ACCESS_DENIED means there "Client ID not specified"."""

OWN = (SENDING, FEED, SEARCH, READ_LIST, ANSWER, CONFIRM, DELETE)
ALL = sorted({code.upper() for group in (TOKEN_ENDPOINT, ANY_METHOD, *OWN) for code in group})
"""Each code once, as the app's table writes them."""
