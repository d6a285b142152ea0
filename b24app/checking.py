"""Check connection: one request that shows whether the portal answers, repairs what can be repaired, and names what is left to people."""

from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from b24app import scopes
from b24app.bindings import LINKS, introduce, rebind
from b24app.models import Portal, PortalUser
from b24app.rest.errors import RestError


@dataclass(slots=True)
class Checked:
    """What came of a check, in sentences for people: what is `done`, and what is `left` to somebody."""

    done: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def check(person: PortalUser) -> Checked:
    """Ask the portal who this person is and bind events and links again, in one batch with their token; another admin's where theirs ended.

    A call that works renews an access that had run out and lifts a suspension (b24app.rest.client). Updates person and portal.
    """
    portal, checked = person.portal, Checked()
    was_suspended, was_bound, renewed_at = portal.state == Portal.State.SUSPENDED, is_bound(portal), person.refreshed_at
    missing = _ask(person, checked)
    portal.refresh_from_db()
    person.refresh_from_db()
    if missing is not None:
        checked.done.insert(0, _("The portal answers."))
        if person.refreshed_at != renewed_at:
            checked.done.append(_("Your access had run out and was renewed."))
        if was_suspended and portal.state == Portal.State.ACTIVE:
            checked.done.append(_("What kept the app from working is over: it works again."))
        if not missing:
            checked.done.append(_("Events and links are bound.") if was_bound else _("Events and links were not bound; they are now."))
    checked.left += _left(portal, missing or [])
    return checked


def is_bound(portal: Portal) -> bool:
    """Whether events and links of the installed version are bound."""
    return portal.bound_version is not None and portal.bound_version == portal.version


def dead_admins(portal: Portal) -> list[PortalUser]:
    """The admins whose access has ended, by name."""
    dead = portal.people.filter(is_admin=True, token_state=PortalUser.TokenState.DEAD)
    return list(dead.defer("access_token", "refresh_token").order_by("name", "user_id"))


def _ask(person: PortalUser, checked: Checked) -> list[str] | None:
    """What could not be bound; None when the portal did not answer as it should, and then `checked` says why."""
    try:
        return introduce(person, bind=True)
    except RestError as error:
        person.refresh_from_db(fields=["token_state"])
        if person.token_state == PortalUser.TokenState.VALID:
            checked.left.append(error.message)
            return None
    try:
        missing = rebind(person.portal)
    except RestError as error:
        checked.left.append(error.message)
        return None
    checked.done.append(_("Your own access has ended, so another administrator's was used."))
    return missing


def _left(portal: Portal, unbound: list[str]) -> list[str]:
    left = []
    if unbound:
        names = ", ".join(_("links into the app") if name == LINKS else name for name in unbound)
        left.append(_("These could not be bound: %(names)s. Check again later, or install the app anew.") % {"names": names})
    if missing_rights := scopes.missing(portal.scopes):
        left.append(
            _("The portal has not given the app these rights: %(names)s. They come with an update or a new installation of the app.")
            % {"names": ", ".join(missing_rights)}
        )
    if dead := dead_admins(portal):
        left.append(
            _("The access of these administrators has ended: %(names)s. Each of them opens the app once.")
            % {"names": ", ".join(map(str, dead))}
        )
    return left
