"""placement.bind, unbind, get, list (doc: api-reference/widgets). The documented HTTP status of most errors here is 200."""

from typing import Any

from devportal import phpforms
from devportal.rest.calls import Call, RestError, application, method
from devportal.rest.events import check_handler
from devportal.world import Installation, PlacementBinding

SINGLE = "REST_APP_URI"
PLACEMENTS = (SINGLE, "PAGE_BACKGROUND_WORKER", "LEFT_MENU", "USER_PROFILE_MENU", "IM_SIDEBAR", "IM_NAVIGATION", "IM_CONTEXT_MENU")


@method("placement.bind", "placement")
def placement_bind(call: Call) -> bool:
    """Bind a widget handler; admins only. REST_APP_URI takes one.

    Guesses: code and text for an unknown placement and for the same handler twice, the text of ERROR_PLACEMENT_MAX_COUNT.
    """
    installation = _managed(call)
    placement, handler = _required(call, "PLACEMENT", 200).upper(), _required(call, "HANDLER", 200)
    if placement not in PLACEMENTS:
        raise RestError("ERROR_PLACEMENT_NOT_FOUND", "Placement not found")
    if call.params.get("USER_ID"):
        raise RestError("ERROR_PLACEMENT_USER_MODE", "User mode is not available", 200)
    check_handler(installation, handler)
    bound = [known for known in installation.placements if known.placement == placement]
    if bound and placement == SINGLE:
        raise RestError("ERROR_PLACEMENT_MAX_COUNT", "Placement max count", 200)
    if any(known.handler == handler for known in bound):
        raise RestError("ERROR_CORE", "Unable to set placement handler: Handler already binded")
    options = call.params.get("OPTIONS")
    installation.placements.append(
        PlacementBinding(
            placement,
            handler,
            call.params.text("TITLE"),
            call.params.text("DESCRIPTION"),
            options=dict(options) if isinstance(options, dict) else {},
        )
    )
    return True


@method("placement.unbind", "placement")
def placement_unbind(call: Call) -> dict[str, int]:
    """Remove handlers; `count` grows by one when a handler is found and by one more when it is gone."""
    installation = _managed(call)
    placement, handler = _required(call, "PLACEMENT", 400).upper(), call.params.text("HANDLER")
    gone = [known for known in installation.placements if known.placement == placement and handler in ("", known.handler)]
    installation.placements = [known for known in installation.placements if known not in gone]
    return {"count": 2 * len(gone)}


@method("placement.get", "placement")
def placement_get(call: Call) -> list[dict[str, Any]]:
    """The application's widget handlers."""
    return [
        {
            "placement": bound.placement,
            "userId": bound.user_id,
            "handler": bound.handler,
            "options": phpforms.php_array(bound.options),
            "title": bound.title,
            "description": bound.description,
            "langAll": {call.portal.language: {"TITLE": bound.title, "DESCRIPTION": bound.description, "GROUP_NAME": ""}},
        }
        for bound in application(call).placements
    ]


@method("placement.list", "placement")
def placement_list(call: Call) -> list[str]:
    """The places a widget can be bound to."""
    application(call)
    return list(PLACEMENTS)


def _managed(call: Call) -> Installation:
    installation = application(call)
    if not call.caller.person.admin:
        raise RestError("ACCESS_DENIED", "Access denied!", 403)
    return installation


def _required(call: Call, name: str, status: int) -> str:
    value = call.params.text(name)
    if not value:
        raise RestError("ERROR_ARGUMENT", f"Argument '{name}' is null or empty", status, argument=name)
    return value
