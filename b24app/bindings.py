"""The batch by which the app and a portal get to know each other: who the person is, and which addresses of ours the portal calls."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils import timezone

from b24app import scopes
from b24app.models import Portal, PortalUser
from b24app.pictures import picture
from b24app.rest.calls import Answer, Call, Outcome
from b24app.rest.client import PortalClient, as_person, as_portal
from b24app.rest.errors import RestError

# The portal drops all of these when the app is updated or removed (doc: events/event-bind), so each installation and version binds them.
EVENTS = ("ONAPPINSTALL", "ONAPPUPDATE", "ONAPPUNINSTALL")
# Links into the app, `/marketplace/view/<code>/?params[…]=…` (doc: widgets/universal/app-url).
LINKS = "REST_APP_URI"


@dataclass(frozen=True, slots=True)
class Profile:
    """A person as method `profile` tells; it needs no scope."""

    name: str
    is_admin: bool
    photo: str
    time_zone: str


def introduce(person: PortalUser, *, bind: bool) -> list[str]:
    """Learn who the person is, their departments, and the portal's plan and, with `bind`, bind events and links, all in one batch.

    The batch is made with the person's token. Updates the person, the portal's license_family (it decides on the request budget) and, where
    the person turns out to be an admin, its bound_version: what others bind is bound for themselves alone (doc: events/event-bind).
    Returns the names of what could not be bound; raises RestError when the batch or `profile` failed.
    """
    client = as_person(person)
    calls: dict[str, Call[Any]] = {
        "profile": Call("profile", {}, _read_profile, repeatable=True),
        "app": Call("app.info", {}, _read_license, repeatable=True),
    }
    if scopes.opens_people(person.portal.scopes):
        calls["departments"] = Call("user.current", {}, _read_departments, repeatable=True)
    outcomes = client.run_batch(calls | (_binding_calls() if bind else {}))
    if license_family := outcomes["app"].value:
        Portal.objects.filter(pk=person.portal.pk).update(license_family=license_family)
        person.portal.license_family = license_family
    profile = outcomes["profile"]
    if profile.error is not None:
        raise profile.error
    # Without the right to ask, a person is in no department; what only failed for now leaves what is known.
    departments = outcomes["departments"] if "departments" in outcomes else Outcome([])
    if departments.error is None:
        person.departments = departments.value
    _save(person, profile.value)
    return _record(client, outcomes) if bind and person.is_admin else []


def rebind(portal: Portal) -> list[str]:
    """Bind events and links with any admin's token, in one batch. Returns the names of what could not be bound; raises RestError."""
    client = as_portal(portal)
    return _record(client, client.run_batch(_binding_calls()))


def _binding_calls() -> dict[str, Call[Any]]:
    handler = f"{settings.APP_URL}/events/"
    calls: dict[str, Call[Any]] = {event: _binding("event.bind", event=event, handler=handler) for event in EVENTS}
    # A second bind of this placement is refused (ERROR_PLACEMENT_MAX_COUNT), so the old one goes first.
    calls["unbind"] = _binding("placement.unbind", PLACEMENT=LINKS)
    calls[LINKS] = _binding("placement.bind", PLACEMENT=LINKS, HANDLER=f"{settings.APP_URL}/app/")
    return calls


def _binding(method: str, **params: str) -> Call[Any]:
    return Call(method, params, lambda answer: answer.result, repeatable=True)


def _record(client: PortalClient, outcomes: Mapping[str, Outcome[Any]]) -> list[str]:
    portal, outcomes = client.portal, {**outcomes, **_bound_alone(client, outcomes)}
    missing = [name for name in (*EVENTS, LINKS) if (error := outcomes[name].error) is not None and not _already_bound(error)]
    portal.bound_version = None if missing else portal.version
    portal.save(update_fields=["bound_version"])
    return missing


def _bound_alone(client: PortalClient, outcomes: Mapping[str, Outcome[Any]]) -> dict[str, Outcome[Any]]:
    """What came of the link placement by calls of its own, where the portal takes it in no batch; empty where it did.

    The documentation of placement.bind says nothing about batches; public threads report this refusal.
    """
    refusal = outcomes[LINKS].error
    if refusal is None or refusal.code != "ERROR_BATCH_METHOD_NOT_ALLOWED":
        return {}
    calls = _binding_calls()
    return {name: _alone(client, calls[name]) for name in ("unbind", LINKS)}


def _alone(client: PortalClient, call: Call[Any]) -> Outcome[Any]:
    try:
        return Outcome(client.run(call))
    except RestError as error:
        return Outcome(error=error)


def _already_bound(error: RestError) -> bool:
    """The portal answers ERROR_CORE and this English text when the very same handler is bound (seen in public code that calls it)."""
    return "already bind" in error.description.lower()


def _read_profile(answer: Answer) -> Profile:
    told = answer.result
    if not isinstance(told, dict):
        raise RestError("BAD_ANSWER")
    name = " ".join(part for part in (_text(told, "NAME"), _text(told, "LAST_NAME")) if part)
    return Profile(
        name=name[:255],
        is_admin=told.get("ADMIN") in (True, "true", "Y", "1"),
        photo=picture(_text(told, "PERSONAL_PHOTO")),
        time_zone=_text(told, "TIME_ZONE")[:64],
    )


def _read_license(answer: Answer) -> str:
    """LICENSE_FAMILY of method `app.info` (doc: common/system/app-info), empty where the portal tells none."""
    return _text(answer.result, "LICENSE_FAMILY")[:64] if isinstance(answer.result, dict) else ""


def _read_departments(answer: Answer) -> list[int]:
    """UF_DEPARTMENT of method `user.current` (doc: user/user-current): numbers, which PHP may write as texts."""
    told = answer.result.get("UF_DEPARTMENT") if isinstance(answer.result, dict) else None
    values = told.values() if isinstance(told, dict) else told if isinstance(told, list) else ()
    return sorted({int(value) for value in values if str(value).isdecimal()})


def _text(told: Mapping[str, Any], key: str) -> str:
    value = told.get(key)
    return value.strip().replace("\0", "") if isinstance(value, str) else ""


def _save(person: PortalUser, profile: Profile | None) -> None:
    if profile is None:
        raise RestError("BAD_ANSWER")
    person.name, person.is_admin, person.photo, person.time_zone = profile.name, profile.is_admin, profile.photo, profile.time_zone
    person.profile_at = timezone.now()
    person.save(update_fields=["name", "is_admin", "photo", "time_zone", "departments", "profile_at"])
