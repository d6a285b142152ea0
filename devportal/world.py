"""Everything the stand-in knows, in memory: portals, people, applications, installations, tokens. Guarded by `World.lock`."""

import itertools
import json
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode, urlsplit

from devportal.clock import Clock
from devportal.faults import Faults
from devportal.feed import ACCEPT_COLORS, CONFIRM, REFUSE_COLORS, Button, Feed, FeedItem, TagRule, namespaced
from devportal.limits import RATES, LeakyBucket, LimitKind, OperatingBudget
from devportal.people import Department, Person, departments, staff
from devportal.requestlog import RequestLog

if TYPE_CHECKING:
    from werkzeug import Request

__all__ = [
    "App", "Code", "Department", "EventBinding", "FeedItem", "Installation", "Launch", "Person", "PlacementBinding", "Portal", "Token",
    "Webhook", "World",
]  # fmt: skip

ACCESS_SECONDS = 3600
REFRESH_SECONDS = 180 * 86400
CODE_SECONDS = 30
PERSON_COOKIE = "devportal_user"
ConfirmationKind = Literal["group", "calendar", "rest_confirm"]


@dataclass(frozen=True)
class App:
    """An application's registration at the authorization server. Addresses are absolute, `name` is what people see in the portal."""

    client_id: str
    client_secret: str = field(repr=False)
    code: str
    app_url: str
    install_url: str | None
    events_url: str | None
    redirect_url: str
    scope: tuple[str, ...]
    name: str


@dataclass
class EventBinding:
    """A handler bound with event.bind, or the install event's address of the application's card (`id` 0)."""

    id: int
    event: str
    handler: str
    auth_type: int = 0


@dataclass
class PlacementBinding:
    """A widget handler bound with placement.bind."""

    placement: str
    handler: str
    title: str = ""
    description: str = ""
    user_id: int = 0
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class Token:
    """An access token with its refresh token, for one person of one portal and one application. Times are epoch seconds."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    portal: "Portal"
    app: App
    person: Person
    expires_at: float
    refresh_expires_at: float
    scope: tuple[str, ...]


@dataclass
class Code:
    """An authorization code of full OAuth: 30 seconds, single use."""

    app: App
    portal: "Portal"
    person: Person
    expires_at: float


@dataclass
class Webhook:
    """An incoming webhook of a person."""

    person: Person
    secret: str = field(repr=False)
    scope: tuple[str, ...]


@dataclass
class Installation:
    """An application on a portal. Not `installed` until installFinish; `blocked` names the error its calls get, if any."""

    app: App
    portal: "Portal"
    installed_by: Person
    application_token: str = field(repr=False)
    scope: tuple[str, ...]
    installed: bool = False
    version: int = 1
    id: int = 1
    events: list[EventBinding] = field(default_factory=list)
    placements: list[PlacementBinding] = field(default_factory=list)
    app_options: dict[str, Any] = field(default_factory=dict)
    user_options: dict[int, dict[str, Any]] = field(default_factory=dict)
    first_run_done: set[int] = field(default_factory=set)
    allowed: set[int] | None = None
    blocked: str | None = None


@dataclass(frozen=True)
class Launch:
    """What the portal POSTs into the frame: `url` with its query, `fields` the form body, the frame's `window_name` (frame-protocol 1)."""

    url: str
    fields: dict[str, str] = field(repr=False)
    app_sid: str
    window_name: str
    installer: bool


class Portal:
    """One Bitrix24: people, feed, installations, limits.

    `status` is the letter of its installations, `plan` the licence without region. What tests turn: `deleted`, `blocked` (the error code
    every call gets), `batch_seconds` (how long a batch takes), `method_seconds` (seconds a method is charged for, without waiting),
    `empty_feed_is_list` and `old_answers` (answers of older portals).
    """

    def __init__(self, world: "World", *, company: str, language: str, people: int, seed: int, plan: str = "pro100") -> None:
        self.world = world
        self.company = company
        self.language = language
        self.plan = plan
        self.member_id = f"{seed:08x}" + secrets.token_hex(12)
        self.port = 0
        self.host = "localhost"
        self.old_ports: set[int] = set()
        self.webhooks: dict[str, Webhook] = {}
        self._seed = seed
        self._people = people
        self.restart()

    def restart(self) -> None:
        """Everything as at the start; address, member_id and webhooks stay."""
        clock = self.world.clock
        self.people: dict[int, Person] = staff(self._people, domain=f"{self.company.split()[0].lower()}.example", seed=self._seed)
        self.departments: dict[int, Department] = departments(self.company, self._people)
        self.installations: dict[str, Installation] = {}
        self.store = Feed(clock)
        self.bucket = LeakyBucket(clock, *RATES["cloud"])
        self.budget = OperatingBudget(clock)
        self.limits = "enterprise" if self.plan.startswith("ent") else "cloud"
        self.status = "F"
        self.deleted = False
        self.blocked: str | None = None
        self.batch_seconds = 0.0
        self.method_seconds: dict[str, float] = {}
        self.empty_feed_is_list = False
        self.old_answers = False
        self._numbers = itertools.count(1)
        for webhook in self.webhooks.values():
            webhook.person = self.people[webhook.person.id]

    @property
    def limits(self) -> LimitKind:
        """Which limits hold: "cloud", "enterprise" or "self-hosted" (none, and no operating fields in `time`)."""
        return self._limits

    @limits.setter
    def limits(self, kind: LimitKind) -> None:
        self._limits: LimitKind = kind
        self.bucket.capacity, self.bucket.leak = RATES[kind]
        self.bucket.clear()

    @property
    def tag_rule(self) -> TagRule:
        """How far a repeated TAG replaces: in the "recipient"'s feed, in the whole "application", or only "confirmations"."""
        return self.store.tag_rule

    @tag_rule.setter
    def tag_rule(self, rule: TagRule) -> None:
        self.store.tag_rule = rule

    @property
    def domain(self) -> str:
        """Host and port, as in DOMAIN."""
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The portal's address without a final slash."""
        return f"{self.world.scheme}://{self.domain}"

    @property
    def client_endpoint(self) -> str:
        """Where REST lives, with a final slash."""
        return f"{self.url}/rest/"

    @property
    def licence(self) -> str:
        """LICENSE of app.info: region and plan."""
        return f"{'ru' if self.language == 'ru' else 'en'}_{self.plan}"

    @property
    def admin(self) -> Person:
        """The first admin."""
        return self.people[1]

    @property
    def second_admin(self) -> Person:
        """Another admin."""
        return self.people[2]

    @property
    def person(self) -> Person:
        """An ordinary person."""
        return self.people[3]

    def signed_in(self, request: "Request") -> Person:
        """Who uses this portal in the browser of `request`: the person of cookie `devportal_user`, by default the first admin."""
        chosen = request.cookies.get(PERSON_COOKIE, "")
        person = self.people.get(int(chosen)) if chosen.isdecimal() else None
        return person if person is not None and person.active else self.admin

    def session_id(self, person: Person) -> str:
        """The `sessid` a portal page of that person sends with its own REST calls."""
        return f"{self._seed:016x}{person.id:016x}"

    # Life of an application

    def install(self, app: App, person: Person) -> Installation:
        """Put `app` on the portal as the Market does: with tokens for `person`. Installing again starts over.

        The installation is not finished yet, unless the application has no installer.
        """
        with self.world.lock:
            installation = Installation(app, self, person, secrets.token_hex(16), app.scope, id=next(self._numbers))
            if app.events_url:
                installation.events.append(EventBinding(0, "ONAPPINSTALL", app.events_url))
            self.installations[app.client_id] = installation
            self.world.forget_tokens(lambda token: token.portal is self and token.app.client_id == app.client_id)
            self.world.issue(self, app, person)
        if app.install_url is None:
            self.finish_install(app)
        return installation

    def finish_install(self, app: App) -> None:
        """What setInstallFinish does: the application is installed from now on, and ONAPPINSTALL goes out."""
        with self.world.lock:
            installation = self.installations[app.client_id]
            installation.installed = True
        self.world.events.installed(installation)

    def uninstall(self, app: App, clean: bool = False) -> None:
        """Remove the application: ONAPPUNINSTALL goes to its handlers, bindings and options are gone, tokens open nothing any more."""
        with self.world.lock:
            installation = self.installations.pop(app.client_id)
        if installation.installed:
            self.world.events.uninstalled(installation, clean)

    def update(self, app: App) -> None:
        """A new version: new application_token, ONAPPUPDATE to its handlers, then all bindings are dropped (doc: event-bind).

        The next opening is everybody's first run again (frame-protocol 5.3: per person and version).
        """
        with self.world.lock:
            installation = self.installations[app.client_id]
            bound = list(installation.events)
            installation.version += 1
            installation.application_token = secrets.token_hex(16)
            installation.events = [binding for binding in bound if binding.id == 0]
            installation.placements.clear()
            installation.first_run_done.clear()
        self.world.events.updated(installation, bound)

    def launch(
        self,
        app: App,
        person: Person,
        *,
        installer: bool = False,
        placement: str = "DEFAULT",
        options: Mapping[str, Any] | None = None,
        lang: str | None = None,
    ) -> Launch:
        """The opening of the application's frame by `person` (frame-protocol 1.1). The same AUTH_ID comes again within its hour."""
        with self.world.lock:
            installation = self.installations[app.client_id]
            token = self.world.current(self, app, person)
            sid = secrets.token_hex(16)
            secure = "1" if self.world.scheme == "https" else "0"
            query = {"DOMAIN": self.domain, "PROTOCOL": secure, "LANG": lang or self.language, "APP_SID": sid}
            address = self._address(installation, installer, placement)
            fields = {
                "AUTH_ID": token.access,
                "AUTH_EXPIRES": str(int(token.expires_at - self.world.clock.now())),
                "REFRESH_ID": token.refresh,
                "SERVER_ENDPOINT": self.world.server_endpoint,
                "APPLICATION_TOKEN": installation.application_token,
                "APPLICATION_SCOPE": ",".join(token.scope),
                "member_id": self.member_id,
                "status": self.status,
                "PLACEMENT": placement,
            }
            if options is not None:
                fields["PLACEMENT_OPTIONS"] = json.dumps(options, ensure_ascii=False)
            joined = f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(query)}"
            return Launch(joined, fields, sid, f"{self.domain}|{secure}|{sid}", installer)

    def _address(self, installation: Installation, installer: bool, placement: str) -> str:
        if installer and installation.app.install_url:
            return installation.app.install_url
        bound = next((binding for binding in installation.placements if binding.placement == placement), None)
        return bound.handler if bound else installation.app.app_url

    # Feed

    def feed(self, person: Person) -> list[FeedItem]:
        """The person's notifications, newest first."""
        with self.world.lock:
            return self.store.of(person.id)

    def place_confirmation(
        self,
        person: Person,
        *,
        kind: ConfirmationKind = "group",
        tag: str | None = None,
        sub_tag: str | None = None,
        buttons: Iterable[Button] | None = None,
        app: App | None = None,
    ) -> FeedItem:
        """A confirmation with buttons from a fictional module; with `app` its tags stand in that application's namespace."""
        made = CONFIRMATIONS[kind]
        with self.world.lock:
            stored = tag if tag is not None else made.tag.format(client_id=app.client_id if app else "app", user=person.id)
            if app is not None and tag is not None:
                stored = namespaced(app.client_id, tag)
            stored_sub = namespaced(app.client_id, sub_tag or "") if app is not None else sub_tag or ""
            return self.store.add(
                person.id,
                author_id=0 if kind == "rest_confirm" else self.second_admin.id,
                notify_type=CONFIRM,
                module=made.module,
                event=made.event,
                title="",
                text=made.text,
                tag=stored,
                sub_tag=stored_sub,
                buttons=tuple(buttons) if buttons is not None else made.buttons,
                answers=dict(made.answers) if buttons is None else {},
                client_id=app.client_id if app else "",
            )

    def mute(self, person: Person, app: App) -> None:
        """The person switches the application's notifications off."""
        person.muted.add(app.client_id)

    def dismiss(self, person: Person) -> None:
        """The person leaves the company: no longer active, tokens no longer valid."""
        person.active = False

    # Access

    def webhook(self, person: Person, scope: Iterable[str] = ("im", "user", "department", "placement")) -> str:
        """A new incoming webhook of `person`; its base address, with a final slash."""
        made = Webhook(person, secrets.token_hex(8), tuple(scope))
        with self.world.lock:
            self.webhooks[made.secret] = made
        return f"{self.client_endpoint}{person.id}/{made.secret}/"

    def expire_tokens(self, person: Person | None = None) -> None:
        """Let the access tokens (of `person`, else all) run out now; their refresh tokens stay good."""
        with self.world.lock:
            for token in self._tokens(person):
                token.expires_at = self.world.clock.now() - 1

    def revoke_tokens(self, person: Person | None = None) -> None:
        """Make access and refresh tokens (of `person`, else all) worthless."""
        with self.world.lock:
            self.world.forget_tokens(lambda token: token.portal is self and person in (None, token.person))

    def make_admin(self, person: Person, admin: bool) -> None:
        """Give or take admin rights."""
        person.admin = admin

    def move(self) -> str:
        """Rename the portal: a new address, returned; the old one answers 302 from now on."""
        return self.world.move(self)

    def _tokens(self, person: Person | None) -> list[Token]:
        return [token for token in self.world.access.values() if token.portal is self and person in (None, token.person)]


@dataclass(frozen=True)
class _Confirmation:
    module: str
    event: str
    tag: str
    text: str
    buttons: tuple[Button, ...]
    answers: Mapping[str, str]


CONFIRMATIONS: dict[ConfirmationKind, _Confirmation] = {
    "group": _Confirmation(
        "socialnetwork", "invite_group", "SOCNET|INVITE_GROUP|{user}|17", "You are invited to the workgroup Lantern Festival",
        (Button("Accept", "Y", *ACCEPT_COLORS), Button("Decline", "N", *REFUSE_COLORS)),
        {"Y": "You are now a member of the workgroup.", "N": "You declined the invitation to the workgroup."},
    ),
    "calendar": _Confirmation(
        "calendar", "invite", "CALENDAR|INVITE|412|{user}", "You are invited to the meeting Winter planning",
        (Button("Attend", "Y", *ACCEPT_COLORS), Button("Decline", "N", *REFUSE_COLORS)),
        {"Y": "You accepted the invitation to the meeting.", "N": "You declined the invitation to the meeting."},
    ),
    "rest_confirm": _Confirmation(
        "rest", "rest_confirm", "rest|REST_CONFIRM|{client_id}|5d1c0a|im.notify.delete|{user}",
        "An application asks to call a protected method",
        (Button("Allow", "Y", *ACCEPT_COLORS), Button("Deny", "N", *REFUSE_COLORS)),
        {"Y": "You allowed the application's request.", "N": "You denied the application's request."},
    ),
}  # fmt: skip


class World:
    """All portals, registered applications and tokens, with the clock, the faults and the log. Hold `lock` while reading or changing."""

    def __init__(self, *, scheme: str = "http", host: str = "localhost") -> None:
        from devportal.events import EventDelivery

        self.lock = threading.RLock()
        self.clock = Clock()
        self.faults = Faults()
        self.log = RequestLog()
        self.scheme = scheme
        self.host = host
        self.auth_port = 0
        self.ca_file: str | None = None
        self.portals: list[Portal] = []
        self.apps: dict[str, App] = {}
        self.access: dict[str, Token] = {}
        self.refresh: dict[str, Token] = {}
        self.codes: dict[str, Code] = {}
        self.refreshes = 0
        self.events = EventDelivery(self)
        self.mover: Callable[[Portal], int] | None = None

    @property
    def auth_url(self) -> str:
        """The authorization server's base address, without a final slash."""
        return f"{self.scheme}://{self.host}:{self.auth_port}"

    @property
    def server_endpoint(self) -> str:
        """SERVER_ENDPOINT: the authorization server's REST, with a final slash."""
        return f"{self.auth_url}/rest/"

    def issue(self, portal: Portal, app: App, person: Person) -> Token:
        """New access and refresh tokens; older access tokens of the same person keep working until they run out (a guess)."""
        now = self.clock.now()
        installation = portal.installations.get(app.client_id)
        token = Token(
            secrets.token_hex(35), secrets.token_hex(35), portal, app, person, now + ACCESS_SECONDS, now + REFRESH_SECONDS,
            installation.scope if installation else app.scope,
        )  # fmt: skip
        self.access[token.access] = token
        self.refresh[token.refresh] = token
        return token

    def current(self, portal: Portal, app: App, person: Person) -> Token:
        """The person's newest access token while its hour lasts, else a new one."""
        now = self.clock.now()
        mine = [
            token
            for token in self.access.values()
            if token.portal is portal and token.app is app and token.person is person and token.expires_at > now
        ]
        return mine[-1] if mine else self.issue(portal, app, person)

    def forget_tokens(self, which: Callable[[Token], bool]) -> None:
        """Drop the access and refresh tokens that `which` names."""
        self.access = {key: token for key, token in self.access.items() if not which(token)}
        self.refresh = {key: token for key, token in self.refresh.items() if not which(token)}

    def move(self, portal: Portal) -> str:
        """Give the portal a new address (see Portal.move)."""
        if self.mover is None:
            raise RuntimeError("A portal can move only while a Stand serves it.")
        port = self.mover(portal)
        with self.lock:
            portal.old_ports.add(portal.port)
            portal.port = port
        return portal.domain

    def restart(self) -> None:
        """Everything as at the start, on the same addresses; registered applications stay."""
        self.faults.clear()
        self.events.clear()
        with self.lock:
            self.clock.reset()
            self.log.clear()
            self.access.clear()
            self.refresh.clear()
            self.codes.clear()
            self.refreshes = 0
            for portal in self.portals:
                portal.restart()
