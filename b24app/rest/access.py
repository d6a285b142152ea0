"""In whose name a portal is called: a person, whichever admin can, or a webhook. One object per call."""

from collections.abc import Collection
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

from django.db.models import QuerySet

from b24app import tokens
from b24app.models import Portal, PortalUser, Sender
from b24app.rest.calls import Answer
from b24app.rest.deadline import Deadline
from b24app.rest.errors import Policy, RestError

# The token, or the webhook, is refused for good.
_DEAD = frozenset({"INVALID_TOKEN", "NO_AUTH_FOUND", "AUTHORIZATION_ERROR"})
# What concerns one person only, so that another admin may succeed.
_PERSONAL = _DEAD | {"EXPIRED_TOKEN", "INVALID_GRANT", "NO_USABLE_TOKEN", "USER_ACCESS_ERROR", "INVALID_CREDENTIALS"}
# With these the portal refuses a webhook itself: it was deleted, its owner left, or it lacks a permission.
WEBHOOK_REFUSALS = _DEAD | {"INVALID_CREDENTIALS", "INSUFFICIENT_SCOPE", "USER_ACCESS_ERROR"}


class Access(Protocol):
    """A way to call a portal."""

    user_id: int | None

    def base(self) -> str:
        """The address that a method's name is appended to."""

    def credentials(self, deadline: Deadline) -> dict[str, str]:
        """What to add to the body. Raises RestError when there is nothing usable."""

    def secrets(self) -> Collection[str]:
        """Texts that must not be kept of this call."""

    def recover(self, error: RestError) -> bool:
        """Do what can be done about `error`; True when the call is worth repeating."""

    def moved(self, base: str) -> None:
        """Note that the portal has proven to live at `base`."""

    def worked(self, answered: Collection[Answer | RestError] = ()) -> None:
        """Note that a call came through; `answered` is what a batch's commands came to."""


class PersonAccess:
    """A person's own token, refreshed once when the portal says that it has expired."""

    def __init__(self, person: PortalUser) -> None:
        self._person = person
        self._token = ""
        self._expired = False
        self.user_id: int | None = person.user_id

    def base(self) -> str:
        return _rest_base(self._person.portal)

    def credentials(self, deadline: Deadline) -> dict[str, str]:
        if self._expired:
            self._token = tokens.refresh(self._person, self._token, deadline=deadline)
        else:
            self._token = tokens.access_token(self._person, deadline=deadline)
        return {"auth": self._token}

    def secrets(self) -> Collection[str]:
        return {self._token}

    def recover(self, error: RestError) -> bool:
        if error.policy is Policy.REFRESH and not self._expired:
            self._expired = True
            return True
        if error.code in _DEAD and self._token:
            tokens.bury(self._person, self._token)
        return False

    def moved(self, base: str) -> None:
        _move_portal(self._person.portal, base)

    def worked(self, answered: Collection[Answer | RestError] = ()) -> None:
        """Nothing to note: a token that works is what is expected."""


class AdminAccess:
    """Any admin's valid token: when one fails for a reason of its own, the next admin's takes over within the same call."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._tried: set[int] = set()
        self._current: PersonAccess | None = None
        self.user_id: int | None = None

    def base(self) -> str:
        return _rest_base(self._portal)

    def credentials(self, deadline: Deadline) -> dict[str, str]:
        while True:
            current = self._current or self._next()
            try:
                return current.credentials(deadline)
            except RestError as error:
                if error.code not in _PERSONAL:
                    raise
            self._current = None

    def secrets(self) -> Collection[str]:
        return self._current.secrets() if self._current else ()

    def recover(self, error: RestError) -> bool:
        if self._current is None or self._current.recover(error):
            return self._current is not None
        if error.code not in _PERSONAL or not self._candidates().exists():
            return False
        self._current = None
        return True

    def moved(self, base: str) -> None:
        _move_portal(self._portal, base)

    def worked(self, answered: Collection[Answer | RestError] = ()) -> None:
        """Nothing to note: a token that works is what is expected."""

    def _candidates(self) -> QuerySet[PortalUser]:
        return tokens.admins_with_tokens(self._portal).exclude(pk__in=self._tried)

    def _next(self) -> PersonAccess:
        person = self._candidates().first()
        if person is None:
            raise RestError("NO_USABLE_TOKEN")
        self._tried.add(person.pk)
        person.portal = self._portal
        self._current = PersonAccess(person)
        self.user_id = person.user_id
        return self._current


class WebhookAccess:
    """A webhook: its address is the credential. `broken_code` of the Sender says why the portal refuses it, until it works again."""

    user_id: int | None = None

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def base(self) -> str:
        return f"{str(self._sender.webhook_url).rstrip('/')}/"

    def credentials(self, deadline: Deadline) -> dict[str, str]:
        if not self._sender.webhook_url:
            raise RestError("NO_WEBHOOK")
        return {}

    def secrets(self) -> Collection[str]:
        # /rest/<user id>/<secret>/
        return {urlsplit(self._sender.webhook_url).path.strip("/").rpartition("/")[2]}

    def recover(self, error: RestError) -> bool:
        if error.code in WEBHOOK_REFUSALS:
            self._note(error.code)
        return False

    def moved(self, base: str) -> None:
        self._store(webhook_url=base)
        _move_portal(self._sender.portal, base)

    def worked(self, answered: Collection[Answer | RestError] = ()) -> None:
        # A batch comes through also when the webhook may not do what its commands ask. One that may do a part of it says neither that
        # it works nor that it does not: names of people come with a sending, and need a permission that sending does not.
        refused = [answer.code for answer in answered if isinstance(answer, RestError) and answer.code in WEBHOOK_REFUSALS]
        if len(refused) in (0, len(answered)):
            self._note(refused[0] if refused else "")

    def _note(self, code: str) -> None:
        if code != self._sender.broken_code:
            self._store(broken_code=code)

    def _store(self, **changes: str) -> None:
        for name, value in changes.items():
            setattr(self._sender, name, value)
        # Not save(): the sender may be about to be added, or have been removed meanwhile.
        Sender.objects.filter(pk=self._sender.pk).update(**changes)


def _rest_base(portal: Portal) -> str:
    return f"{portal.client_endpoint.rstrip('/')}/"


def _move_portal(portal: Portal, base: str) -> None:
    """Store the new host in `portal` and its row; the endpoint's path stays, as a webhook's base has a secret in it."""
    new_host = urlsplit(base).netloc
    portal.client_endpoint = urlunsplit(urlsplit(portal.client_endpoint)._replace(netloc=new_host))
    portal.domain = new_host
    portal.save(update_fields=["client_endpoint", "domain"])
