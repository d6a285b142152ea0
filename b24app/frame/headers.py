"""Who may show our pages in a frame."""

from typing import TypeVar

from django.http.response import HttpResponseBase

from b24app.models import Portal

Response = TypeVar("Response", bound=HttpResponseBase)


def frame_ancestors(response: Response, portal: Portal) -> Response:
    """Let this portal alone frame `response`; without this call the settings' `'none'` stands. The portal must be a verified one."""
    # What django-csp's decorator csp_replace sets; the decorator itself cannot know the portal before the view has run.
    response._csp_replace = {"frame-ancestors": [portal.origin]}  # type: ignore[attr-defined]
    return response
