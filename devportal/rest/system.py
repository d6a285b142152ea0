"""app.info, scope, methods, method.get, server.time (doc: api-reference/common/system)."""

import re
from datetime import UTC, datetime
from typing import Any

from devportal.rest.calls import METHODS, Call, RestError, method, opens

ALL_SCOPES = ("bizproc", "calendar", "crm", "department", "im", "placement", "task", "user", "user_basic", "user_brief")


@method("app.info")
def app_info(call: Call) -> dict[str, Any]:
    """What the portal knows of the calling application."""
    installation = call.caller.installation
    if installation is None:
        raise RestError("ACCESS_DENIED", "Access denied! Application context required", 400)
    portal = call.portal
    return {
        "ID": installation.id,
        "CODE": installation.app.code,
        "VERSION": installation.version,
        "STATUS": portal.status,
        "INSTALLED": installation.installed,
        "PAYMENT_EXPIRED": "N",
        "DAYS": None,
        "LANGUAGE_ID": portal.language,
        "LICENSE": portal.licence,
        "LICENSE_TYPE": portal.plan,
        "LICENSE_FAMILY": re.sub(r"\d+$", "", portal.plan),
    }


@method("scope")
def scope(call: Call) -> list[str]:
    """The caller's scopes, or all that exist."""
    return list(ALL_SCOPES if call.params.flag("FULL") else call.caller.scope)


@method("methods")
def methods(call: Call) -> list[str]:
    """Names of the methods the caller may use, of one scope, or all."""
    if "SCOPE" in call.params:
        wanted = call.params.text("SCOPE") or None
        return [known.name for known in METHODS.values() if known.scope == wanted]
    full = call.params.flag("FULL")
    return ["batch", *(known.name for known in METHODS.values() if full or opens(call.caller.scope, known.scope))]


@method("method.get")
def method_get(call: Call) -> dict[str, bool]:
    """Does a method exist here, and may the caller use it?"""
    known = METHODS.get(call.params.text("NAME"))
    return {"isExisting": known is not None, "isAvailable": known is not None and opens(call.caller.scope, known.scope)}


@method("server.time")
def server_time(call: Call) -> str:
    """Now, by the stand-in's clock."""
    return datetime.fromtimestamp(call.world.clock.now(), UTC).isoformat(timespec="seconds")
