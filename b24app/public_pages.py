"""Pages that anybody may read, and that the app's card in the Market links to: privacy policy, licence and support.

Their texts are whole documents, so each language has templates of its own (templates/public/<language>/) in place of gettext's catalogues.
"""

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from b24app.lifecycle import APP_NAME

PAGES = ("privacy", "licence", "support")


@require_safe
def page(request: HttpRequest, name: str) -> HttpResponse:
    """One of PAGES, in the language that `?lang=` names, else in the browser's."""
    language = _language(request)
    host = urlsplit(settings.APP_URL).hostname
    context = {
        "app": APP_NAME,
        "host": host,
        # Whoever runs the app for portals of their own and has not said who they are is known by the address at least.
        "vendor": settings.VENDOR_NAME or host,
        "support_email": settings.SUPPORT_EMAIL,
        "page_name": name,
        "language": language,
        "languages": settings.LANGUAGES,
    }
    with translation.override(language):
        response = render(request, f"public/{language}/{name}.html", context)
    response.headers["Content-Language"] = language
    patch_vary_headers(response, ["Accept-Language"])
    return response


def _language(request: HttpRequest) -> str:
    wanted = request.GET.get("lang", "").lower()
    return wanted if wanted in dict(settings.LANGUAGES) else translation.get_language_from_request(request)
