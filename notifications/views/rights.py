"""The card of rights on the Settings tab, for admins."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from b24app.frame.notices import toast
from b24app.frame.session import FrameRequest, frame_view
from b24app.roles import is_admin
from notifications import rights as giving
from notifications.rights_form import NAMES, RightsForm


@require_http_methods(["GET", "POST"])
@frame_view(allow=is_admin)
def rights(request: FrameRequest) -> HttpResponse:
    """Who may do what; POST saves it, all or none. What was chosen stays when something is wrong."""
    if request.method == "GET":
        return _card(request, RightsForm(request.portal))
    form = RightsForm(request.portal, request.POST)
    if not form.is_valid():
        # With status 200: browsers write any other one into the console as an error.
        return _card(request, form)
    changed = giving.give(request.person, form.wanted())
    request.portal.refresh_from_db()
    names = "; ".join(str(NAMES[right]) for right in changed)
    text = _("Saved: %(settings)s.") % {"settings": names} if names else _("Nothing was changed, so nothing had to be saved.")
    return toast(_card(request, RightsForm(request.portal)), text)


def _card(request: FrameRequest, form: RightsForm) -> HttpResponse:
    return render(request, "frame/rights.html", {"form": form})
