"""Who sends: the app itself, and webhooks that admins add with a CLIENT_ID of their own.

A webhook's address is its credential: it is stored encrypted, called through the guarded client, and shown masked. Whether the portal still
accepts it is noted on the sender wherever it is used (b24app.rest.access).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from b24app.models import Portal, Sender
from b24app.rest.access import WEBHOOK_REFUSALS
from b24app.rest.calls import Call
from b24app.rest.client import as_webhook
from b24app.rest.errors import RestError

HIDDEN = "••••••"

# What Bitrix24 shows as an inbound webhook's address; its request builder appends a method and perhaps a query.
_ADDRESS = re.compile(
    r"(?P<base>(?P<scheme>https?)://(?P<host>[^/?#@\\]+)/rest/(?P<user>[1-9]\d{0,18})/)(?P<secret>[A-Za-z0-9_-]+)(/([\w.]*)/?)?(\?.*)?",
    re.ASCII | re.IGNORECASE,
)
_DEFAULT_PORTS = {"https": ":443", "http": ":80"}
# Needs scope im, as sending and deleting do, and changes nothing (bitrix24.md 6): one call shows that the webhook is accepted and may send.
_PROBE: Call[None] = Call("im.notify.schema.get", {}, lambda answer: None, repeatable=True)

_NOT_ALLOWED = _(
    "This webhook may not send notifications. In Bitrix24 give it the permission “Chat and Notifications (im)”, then try again."
)
_REVOKED = _("Bitrix24 does not accept this webhook: it was deleted or changed, or its owner has left.")
_REMOVED = _("Its webhook was removed here.")
_PASTE_ANOTHER = _("Create a new one in Bitrix24 and paste its address.")
_REPLACE = _("Create a new one in Bitrix24 and add it below with the same CLIENT_ID: it takes this place, also for taking back.")
_REPLACE_WITHOUT = _("Create a new one in Bitrix24 and add it below, again without CLIENT_ID: it takes this place.")


class Refused(Exception):
    """A sender that cannot be added. `problems` has a sentence for each field that is wrong: name, address or client_id."""

    def __init__(self, problems: Mapping[str, Promise | str]) -> None:
        super().__init__(", ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Entry:
    """What an admin types to add a webhook sender."""

    name: str
    address: str
    client_id: str
    without_client_id: bool


def of_portal(portal: Portal) -> list[Sender]:
    """Every sender of the portal: the app first, then webhooks by name, also those without an address any more."""
    return sorted(portal.senders.all(), key=lambda sender: (sender.kind != Sender.Kind.APP, sender.name.lower(), sender.pk))


def usable(portal: Portal) -> list[Sender]:
    """The senders that notifications can be sent through now, the app first."""
    return [sender for sender in of_portal(portal) if sender.kind == Sender.Kind.APP or _works(sender)]


def masked_address(sender: Sender) -> str:
    """The webhook's address for people, `https://portal/rest/7/••••••/`; empty when there is none."""
    found = _ADDRESS.fullmatch(str(sender.webhook_url))
    return f"{found['base']}{HIDDEN}/" if found else ""


def trouble(sender: Sender) -> str:
    """Why nothing can be sent through this sender, and how to mend it; empty when it works."""
    if sender.kind == Sender.Kind.APP or _works(sender):
        return ""
    if sender.webhook_url and sender.broken_code == "INSUFFICIENT_SCOPE":
        return str(_NOT_ALLOWED)
    return f"{_REVOKED if sender.webhook_url else _REMOVED} {_REPLACE if sender.client_id else _REPLACE_WITHOUT}"


def add(portal: Portal, entry: Entry) -> Sender:
    """Store a webhook sender after one call through it; one that works no more and has the same CLIENT_ID gets the new name and address.

    Raises Refused with all that is wrong, found without any call where possible; RestError when the portal could not be asked.
    """
    address = _address(portal, entry.address)
    client_id = entry.client_id.strip()
    problems: dict[str, Promise | str] = {}
    if not address:
        problems["address"] = _address_problem(portal, entry.address)
    if not client_id and not entry.without_client_id:
        problems["client_id"] = _(
            "Without a CLIENT_ID notifications can be sent, but Bitrix24 will never let anybody take them back by TAG or SUB_TAG. "
            "Type a CLIENT_ID, or tick “Send without CLIENT_ID”."
        )
    elif taken := _taken(portal, client_id):
        problems["client_id"] = taken
    if problems:
        raise Refused(problems)
    _try(Sender(portal=portal, kind=Sender.Kind.WEBHOOK, name=entry.name, client_id=client_id, webhook_url=address))
    return _store(portal, entry.name.strip(), address, client_id)


def check(sender: Sender) -> bool:
    """Ask the portal once through the webhook; whether it can send. Raises RestError for a failure that says nothing about the webhook."""
    try:
        as_webhook(sender).run(_PROBE)
    except RestError as error:
        if error.code not in WEBHOOK_REFUSALS:
            raise
        return False
    return True


def remove(sender: Sender) -> bool:
    """Remove a webhook sender. True when it is gone; False when rows refer to it: then only its address goes, for good."""
    try:
        with transaction.atomic():
            sender.delete()
    except IntegrityError:
        Sender.objects.filter(pk=sender.pk).update(webhook_url="", broken_code="")
        return False
    return True


def _works(sender: Sender) -> bool:
    return bool(sender.webhook_url) and not sender.broken_code


def _address(portal: Portal, typed: str) -> str:
    """The webhook's base address on this portal with a final slash; empty for anything else."""
    found = _read(typed)
    if found is None or _host(found) != portal.domain.lower() or not _is_safe(portal, found):
        return ""
    return f"{found['scheme'].lower()}://{_host(found)}/rest/{found['user']}/{found['secret']}/"


def _address_problem(portal: Portal, typed: str) -> str:
    found = _read(typed)
    if found is None:
        problem = _("This is not the address of an inbound webhook. It looks like %(example)s; copy it from Bitrix24 as a whole.")
    elif _host(found) != portal.domain.lower():
        problem = _("This webhook belongs to another portal. Create one on %(domain)s and paste its address.")
    else:
        problem = _("The address has to begin with https://, as Bitrix24 shows it: otherwise others could read it on its way.")
    return problem % {"domain": portal.domain, "example": f"{portal.origin}/rest/7/{HIDDEN}/"}


def _read(typed: str) -> re.Match[str] | None:
    # A pasted address may be wrapped.
    return _ADDRESS.fullmatch("".join(typed.split()))


def _host(found: re.Match[str]) -> str:
    return found["host"].lower().removesuffix(_DEFAULT_PORTS[found["scheme"].lower()])


def _is_safe(portal: Portal, found: re.Match[str]) -> bool:
    """A webhook is called in the clear only where the portal itself is."""
    return found["scheme"].lower() == "https" or portal.client_endpoint.startswith("http://")


def _taken(portal: Portal, client_id: str) -> str:
    """Why this CLIENT_ID cannot be used again: the tags of two senders with the same one would be the same tags. Empty when it can."""
    other = _webhook(portal, client_id)
    if other is None or not _works(other):
        return ""
    if not client_id:
        return _("“%(name)s” already sends without a CLIENT_ID. Give this one a CLIENT_ID of its own.") % {"name": other}
    return _("“%(name)s” already has this CLIENT_ID, and their tags would mix. Choose another one.") % {"name": other}


def _webhook(portal: Portal, client_id: str) -> Sender | None:
    return portal.senders.filter(kind=Sender.Kind.WEBHOOK, client_id=client_id).first()


def _try(sender: Sender) -> None:
    """Call through a sender that is not stored yet; Refused when its webhook is."""
    try:
        as_webhook(sender).run(_PROBE)
    except RestError as error:
        if error.code in WEBHOOK_REFUSALS:
            raise Refused({"address": _NOT_ALLOWED if error.code == "INSUFFICIENT_SCOPE" else f"{_REVOKED} {_PASTE_ANOTHER}"}) from None
        if error.code == "HOST_REFUSED":
            raise Refused({"address": error.message}) from None
        raise


def _store(portal: Portal, name: str, address: str, client_id: str) -> Sender:
    with transaction.atomic():
        # Two admins may add the same CLIENT_ID at once: the second waits here and is refused.
        Portal.objects.select_for_update().get(pk=portal.pk)
        if taken := _taken(portal, client_id):
            raise Refused({"client_id": taken})
        sender = _webhook(portal, client_id) or Sender(portal=portal, kind=Sender.Kind.WEBHOOK, client_id=client_id)
        sender.name, sender.webhook_url, sender.broken_code = name, address, ""
        sender.save()
    return sender
