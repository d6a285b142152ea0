"""What holds for every request."""

import logging
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from b24app import logs
from b24app.rest import client
from b24app.rest.deadline import request_limit

logger = logging.getLogger(__name__)

# Asked for all the time, by machines: told of only when something is wrong.
_QUIET = ("/healthz", "/readyz", "/metrics")


def logged(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """One line in the log per request, and the request's id in the response: a proxy's X-Request-ID when it is well-formed."""

    def answer(request: HttpRequest) -> HttpResponse:
        identity = logs.request_id(request.headers.get("X-Request-ID", ""))
        with logs.request(identity):
            response = get_response(request)
            _log(request, response.status_code)
        response.headers["X-Request-ID"] = identity
        return response

    return answer


def head_without_body(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """HEAD is answered with the headers of GET alone. Django leaves the body to the server, and gunicorn warns of each."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.method == "HEAD" and not response.streaming:
            response.headers.setdefault("Content-Length", str(len(response.content)))
            response.content = b""
        return response

    return answer


def answer_in_time(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """A person who clicked gets an answer within 10 s (design.md 5), however many calls to however many servers the click makes."""

    def answer(request: HttpRequest) -> HttpResponse:
        with request_limit(client.CLICK_SECONDS):
            return get_response(request)

    return answer


def _log(request: HttpRequest, status: int) -> None:
    # The path only: a query can hold a token, or the code of full OAuth.
    fields = {"method": request.method, "path": request.path, "status": status, "milliseconds": logs.milliseconds()}
    logger.log(_level(request.path, status), "Request", extra={"fields": fields})


def _level(path: str, status: int) -> int:
    if status >= 500:
        return logging.WARNING
    quiet = path in _QUIET or path.startswith(settings.STATIC_URL)
    return logging.DEBUG if quiet and status < 400 else logging.INFO
