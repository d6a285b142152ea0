"""Languages: the portal's codes and ours."""

from django.conf import settings

from b24app.models import Portal

DEFAULT = "en"

# Bitrix24's codes are not BCP 47; these differ from Django's (frame-protocol.md 5.5).
_DJANGO_CODES = {"la": "es", "br": "pt-br", "ua": "uk", "vn": "vi", "kz": "kk", "in": "hi", "sc": "zh-hans", "tc": "zh-hant"}


def django_language(bitrix_code: str) -> str:
    """The interface language for a portal's language code such as `ru` or `BR`; English where we have no translation."""
    code = bitrix_code.lower()
    wanted = _DJANGO_CODES.get(code, code)
    return wanted if wanted in dict(settings.LANGUAGES) else DEFAULT


def interface_language(portal: Portal, opened_in: str = "") -> str:
    """The language to speak: the portal's fixed choice, else the one the app was opened in, else the portal's own."""
    return portal.interface_language or django_language(opened_in or portal.language)
