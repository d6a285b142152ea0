"""Controls: what a real portal does by itself, here on a developer's order; and the log of requests."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import get_args

import flask
import flask.typing

from devportal.faults import DOCUMENTED, FaultKind
from devportal.limits import RATES, LimitKind
from devportal.pages.site import Site, back
from devportal.requestlog import LogEntry
from devportal.world import ConfirmationKind, Person

PAGE = "/_portal/controls/"
SHOWN_REQUESTS = 100
SHOWN_PARAMS = 300
SUGGESTED_PEOPLE = 50
HTTP_ERROR = 400

FAULT_TITLES: dict[FaultKind, str] = {
    "error": "Error answer",
    "slow": "Slow answer",
    "cut_before": "Connection cut before the work",
    "cut_after": "Connection cut after the work",
    "html": "HTML page instead of JSON",
    "half_json": "Half of the JSON",
    "wrong_shape": "JSON of a wrong shape",
    "moved": "Redirect, as of a renamed portal",
}
CONFIRMATION_TITLES: dict[ConfirmationKind, str] = {
    "group": "Invitation to a group",
    "calendar": "Calendar event",
    "rest_confirm": "Protected REST method",
}


@dataclass(frozen=True)
class Request:
    """One line of the request log."""

    at: str
    server: str
    method: str
    who: str
    params: str
    answer: str
    good: bool


class Controls:
    """The developers' page of one portal."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def register(self, blueprint: flask.Blueprint) -> None:
        """Adds the page and its acts."""
        blueprint.add_url_rule(PAGE, "controls", self.show)
        acts: dict[str, Callable[[], flask.typing.ResponseReturnValue]] = {
            "clock": self.move_clock,
            "fault": self.order_fault,
            "clear-faults": self.clear_faults,
            "person": self.change_person,
            "confirmation": self.place_confirmation,
            "tokens": self.end_tokens,
            "limits": self.set_limits,
            "move": self.move_portal,
        }
        for name, view in acts.items():
            blueprint.add_url_rule(f"{PAGE}{name}", f"controls_{name}", view, methods=["POST"])

    def show(self) -> flask.typing.ResponseReturnValue:
        """The forms and the newest hundred requests to this portal or to the authorization server."""
        people = [person for person in self._site.portal.people.values() if person.active]
        log = [entry for entry in self._site.world.log.entries if entry.portal in (None, self._site.portal.member_id)]
        return self._site.render(
            "controls.html",
            choices=[self._site.face(person) for person in people[:SUGGESTED_PEOPLE]],
            confirmation_kinds=CONFIRMATION_TITLES.items(),
            fault_kinds=FAULT_TITLES.items(),
            fault_codes=list(DOCUMENTED),
            limits=self._site.portal.limits,
            limits_names=list(RATES),
            requests=[_request(entry, self._site.portal.people) for entry in log[: -SHOWN_REQUESTS - 1 : -1]],
        )

    def move_clock(self) -> flask.typing.ResponseReturnValue:
        """Moves the clock by `seconds`, or back to real time with "reset"."""
        seconds = flask.request.form.get("seconds", "")
        if seconds == "reset":
            self._site.world.clock.reset()
            return back(PAGE, "The clock shows real time again.")
        if not seconds.isdecimal():
            flask.abort(400)
        self._site.world.clock.advance(int(seconds))
        return back(PAGE, "The clock was moved.")

    def order_fault(self) -> flask.typing.ResponseReturnValue:
        """Orders a fault for this portal (form: kind, code, method, times, seconds, inside_batch)."""
        form = flask.request.form
        kind: FaultKind | None = next((one for one in get_args(FaultKind) if one == form.get("kind")), None)
        if kind is None:
            flask.abort(400)
        method = form.get("method", "").strip() or None
        # The authorization server belongs to no portal.
        portal = None if method and method.startswith("oauth.") else self._site.portal
        try:
            self._site.world.faults.order(
                kind=kind,
                portal=portal,
                method=method,
                code=form.get("code") if kind == "error" else None,
                times=max(1, form.get("times", 1, type=int)),
                seconds=max(0.0, form.get("seconds", 0.0, type=float)),
                inside_batch="inside_batch" in form,
            )
        except ValueError as reason:
            return back(PAGE, f"Nothing was ordered: {reason}.")
        return back(PAGE, f"Ordered: {FAULT_TITLES[kind].lower()}, {method or 'any method'}.")

    def clear_faults(self) -> flask.typing.ResponseReturnValue:
        """Takes back all orders."""
        self._site.world.faults.clear()
        return back(PAGE, "No fault is ordered any more.")

    def change_person(self) -> flask.typing.ResponseReturnValue:
        """Mutes the applications for a person, dismisses them, or changes their role (form: user_id, what)."""
        person = self._site.portal.people.get(flask.request.form.get("user_id", 0, type=int))
        if person is None:
            return back(PAGE, "There is no person with this id.")
        acts: dict[str, tuple[Callable[[Person], None], str]] = {
            "mute": (self._mute, "has muted the applications"),
            "dismiss": (self._site.portal.dismiss, "was dismissed"),
            "admin": (lambda one: self._site.portal.make_admin(one, True), "is an administrator now"),
            "no-admin": (lambda one: self._site.portal.make_admin(one, False), "is an ordinary person now"),
        }
        act, text = acts.get(flask.request.form.get("what", "")) or flask.abort(400)
        act(person)
        return back(PAGE, f"{person.full_name} {text}.")

    def place_confirmation(self) -> flask.typing.ResponseReturnValue:
        """Puts a confirmation of a kind into the viewer's notifications."""
        kind: ConfirmationKind | None = next((one for one in CONFIRMATION_TITLES if one == flask.request.form.get("kind")), None)
        if kind is None:
            flask.abort(400)
        self._site.portal.place_confirmation(self._site.me(), kind=kind)
        return back(PAGE, "A confirmation was placed. Press the bell to see it.")

    def end_tokens(self) -> flask.typing.ResponseReturnValue:
        """Expires or revokes all tokens of this portal (form: what)."""
        if flask.request.form.get("what") == "revoke":
            self._site.portal.revoke_tokens()
            return back(PAGE, "All tokens were revoked.")
        self._site.portal.expire_tokens()
        return back(PAGE, "All access tokens have expired.")

    def set_limits(self) -> flask.typing.ResponseReturnValue:
        """Chooses whose limits this portal keeps (form: limits)."""
        kind: LimitKind | None = next((one for one in RATES if one == flask.request.form.get("limits")), None)
        if kind is None:
            flask.abort(400)
        self._site.portal.limits = kind
        return back(PAGE, f"This portal now has the limits of: {kind}.")

    def move_portal(self) -> flask.typing.ResponseReturnValue:
        """Renames the portal and leads the browser to the new address."""
        self._site.portal.move()
        return back(f"{self._site.portal.url}{PAGE}", "The portal has moved to a new address.")

    def _mute(self, person: Person) -> None:
        for installation in self._site.installations():
            self._site.portal.mute(person, installation.app)


def _request(entry: LogEntry, people: dict[int, Person]) -> Request:
    commands = {command.name: f"{command.method} {json.dumps(command.params, ensure_ascii=False)}" for command in entry.commands}
    params = json.dumps(commands or entry.params, ensure_ascii=False, default=str)
    person = people.get(entry.who or 0)
    return Request(
        at=f"{datetime.fromtimestamp(entry.at, UTC):%H:%M:%S}",
        server=entry.server,
        method=entry.method,
        who=person.full_name if person else "",
        params=params if len(params) <= SHOWN_PARAMS else f"{params[:SHOWN_PARAMS]}…",
        answer=" ".join(str(part) for part in (entry.status, entry.code) if part),
        good=entry.code is None and (entry.status or 0) < HTTP_ERROR,
    )
