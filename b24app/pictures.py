"""Addresses of pictures that portals tell, as our pages can show them."""

from urllib.parse import urlsplit

from django.conf import settings

LONGEST = 500
"""Characters of an address that is kept (PortalUser.photo): a longer one cut short would be a dead picture."""

# The messenger's file for people without a picture (observed in the messenger's own clients, which show none for it).
_NO_PICTURE = "/js/im/images/blank.gif"


def picture(address: str, origin: str = "") -> str:
    """The absolute address of a picture that a page may load, or empty; `origin` of the portal completes a path of the portal.

    Pages load pictures over HTTPS only, and over HTTP where portals may use it (settings.CONTENT_SECURITY_POLICY).
    """
    address = address.strip()
    if address.startswith("/") and not address.startswith(("//", "/\\")):
        address = f"{origin}{address}"
    schemes = ("https", "http") if settings.B24_ALLOW_HTTP else ("https",)
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    usable = parts.scheme in schemes and parts.netloc and address.isprintable() and len(address) <= LONGEST
    return address if usable and not parts.path.endswith(_NO_PICTURE) else ""
