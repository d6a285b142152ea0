"""What holds for every request."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from b24app.rest import client
from b24app.rest.deadline import request_limit


def answer_in_time(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """A person who clicked gets an answer within 10 s (design.md 5), however many calls to however many servers the click makes."""

    def answer(request: HttpRequest) -> HttpResponse:
        with request_limit(client.CLICK_SECONDS):
            return get_response(request)

    return answer
