"""POST /install/: the first opening, and the work behind its page."""

from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import translation
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from b24app import lifecycle
from b24app.bindings import EVENTS, introduce
from b24app.frame import session
from b24app.frame.headers import frame_ancestors
from b24app.frame.launch import read_fields, verify
from b24app.frame.session import FrameRequest, frame_view
from b24app.languages import interface_language
from b24app.pages import launched
from b24app.rest.errors import RestError


@require_http_methods(["GET", "HEAD", "POST"])
@launched
def install(request: HttpRequest) -> HttpResponseBase:
    """The installer's page for a proven launch; its script does the rest through `connect`. One outbound call."""
    fields = read_fields(request)
    person = lifecycle.enter(verify(fields), installer=True)
    context = {"portal": person.portal, "frame_token": session.issue(person, fields.language)}
    with translation.override(interface_language(person.portal, fields.language)):
        response = render(request, "install/installer.html", context)
    add_never_cache_headers(response)
    return frame_ancestors(response, person.portal)


@require_POST
@frame_view()
def connect(request: FrameRequest) -> HttpResponseBase:
    """Bind events and links and learn who installs, in one batch. JSON {ok, message}; the message says what to do when it failed.

    An unbound link placement does not stop the installation (older portals have none): the next admin's opening tries again.
    """
    try:
        missing = introduce(request.person, bind=True)
    except RestError as error:
        return JsonResponse({"ok": False, "message": error.message})
    if not request.person.is_admin:
        return JsonResponse({"ok": False, "message": _("Only an administrator of the portal can install the app.")})
    if any(event in missing for event in EVENTS):
        return JsonResponse(
            {"ok": False, "message": _("The portal did not accept the app's event handlers. Try again; if it repeats, tell support.")}
        )
    return JsonResponse({"ok": True, "message": ""})
