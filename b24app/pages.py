"""Plain pages with a few sentences: what a curious browser sees, refusals, and errors."""

import logging
import sys
from collections.abc import Callable
from functools import wraps

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import gettext as _

from b24app.frame.headers import frame_ancestors
from b24app.frame.launch import LaunchRefused, LaunchUnproven
from b24app.languages import django_language

logger = logging.getLogger(__name__)


def message(request: HttpRequest, title: str, text: str, *, status: int = 200, link: str = "", link_text: str = "") -> HttpResponse:
    """A page of one title, one text and, if given, one link. Nobody may frame it."""
    return render(request, "pages/message.html", {"title": title, "text": text, "link": link, "link_text": link_text}, status=status)


def how_to_open(request: HttpRequest) -> HttpResponse:
    """For whoever looks at the address in a browser, and for the Market's form, which asks with HEAD."""
    return message(
        request,
        _("Tagged Notifications"),
        _("This application works inside Bitrix24. Open your portal, go to Applications and choose Tagged Notifications there."),
    )


def launched(view: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """A view that the portal opens with a launch post: GET and HEAD explain how to open the app, unproven launches get a friendly page."""

    @wraps(view)
    def door(request: HttpRequest) -> HttpResponseBase:
        if request.method in ("GET", "HEAD"):
            return how_to_open(request)
        with translation.override(django_language(request.GET.get("LANG", ""))):
            try:
                return view(request)
            except LaunchRefused as refused:
                logger.info("Launch refused: %s", refused.reason)
                response = refusal(request, refused.sentence)
                return frame_ancestors(response, refused.portal) if refused.portal else response
            except LaunchUnproven as unproven:
                logger.warning("Launch could not be checked: %s", unproven.code)
                return _cannot_check(request, unproven)

    return door


def refusal(request: HttpRequest, why: str = "") -> HttpResponse:
    """The launch is not genuine, or its token has run out: the same words for both. Or it was in vain, and `why` tells the cause."""
    return message(
        request,
        _("The app could not be opened"),
        why
        or _("Bitrix24 did not confirm this opening. Open the app from your portal's menu; if its page has been open for long, reload it."),
        status=403,
    )


def _cannot_check(request: HttpRequest, unproven: LaunchUnproven) -> HttpResponse:
    response = message(
        request,
        _("Bitrix24 does not answer"),
        _("The app could not ask Bitrix24 who you are. Nothing is lost: wait a minute and reload the page."),
        status=503,
    )
    return frame_ancestors(response, unproven.portal) if unproven.portal else response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400."""
    return message(request, _("This request cannot be read"), _("Go back to your portal and open the app there again."), status=400)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404."""
    return message(request, _("There is no such page"), _("Open the app from your Bitrix24 portal's menu."), status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500; a database that does not answer is a 503, because trying again can help."""
    status = 503 if isinstance(sys.exc_info()[1], DatabaseError) else 500
    return message(
        request, _("Something went wrong on our side"), _("The error has been noted. Wait a minute and try again."), status=status
    )
