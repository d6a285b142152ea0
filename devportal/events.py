"""Delivery of ONAPPINSTALL, ONAPPUPDATE and ONAPPUNINSTALL to the handlers of an application (doc: api-reference/common/events)."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import requests

from devportal import phpforms

if TYPE_CHECKING:
    from devportal.world import EventBinding, Installation, World

TIMEOUT_SECONDS = 10


@dataclass
class Delivery:
    """One event to one handler: `fields` are the form's pairs, `status` the handler's HTTP answer (None: none came, or not sent)."""

    event: str
    handler: str
    fields: list[tuple[str, str]] = field(repr=False)
    status: int | None = None


@dataclass
class _Order:
    event: str | None
    kind: str
    seconds: float
    times: int | None


class EventDelivery:
    """Sends events in threads. `sent` lists what went out, `held` what waits for release()."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._lock = threading.Lock()
        self._orders: list[_Order] = []
        self._threads: list[threading.Timer] = []
        self.sent: list[Delivery] = []
        self.held: list[Delivery] = []

    def order(self, kind: str, *, event: str | None = None, seconds: float = 0.0, times: int | None = 1) -> None:
        """Let the next `times` deliveries of `event` (any without it) be "drop"ped, "double"d, "delay"ed by `seconds` or "hold" back."""
        with self._lock:
            self._orders.append(_Order(event, kind, seconds, times))

    def release(self) -> None:
        """Send what was held back, in the order it came."""
        with self._lock:
            waiting, self.held = self.held, []
        for delivery in waiting:
            self._start(delivery, 0.0)

    def wait(self, timeout: float = 10.0) -> None:
        """Return when all deliveries under way have been answered."""
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(timeout)

    def clear(self) -> None:
        """Forget orders, held and sent deliveries; what is delayed is not sent any more."""
        with self._lock:
            for thread in self._threads:
                thread.cancel()
            self._orders.clear()
            self.held.clear()
            self.sent.clear()

    def installed(self, installation: "Installation") -> None:
        """ONAPPINSTALL, with a token of the person who installed."""
        data = {"VERSION": installation.version, "ACTIVE": "Y", "INSTALLED": "Y", "LANGUAGE_ID": installation.portal.language}
        self._deliver("ONAPPINSTALL", installation, installation.events, data, self._full_auth(installation))

    def updated(self, installation: "Installation", bound: "Iterable[EventBinding]") -> None:
        """ONAPPUPDATE to the handlers that were bound before the update, with the new application_token."""
        data = {
            "VERSION": installation.version,
            "PREVIOUS_VERSION": installation.version - 1,
            "LANGUAGE_ID": installation.portal.language,
        }
        self._deliver("ONAPPUPDATE", installation, bound, data, self._full_auth(installation))

    def uninstalled(self, installation: "Installation", clean: bool) -> None:
        """ONAPPUNINSTALL, without tokens."""
        data = {"LANGUAGE_ID": installation.portal.language, "CLEAN": int(clean)}
        self._deliver("ONAPPUNINSTALL", installation, installation.events, data, self._short_auth(installation))

    def _short_auth(self, installation: "Installation") -> dict[str, Any]:
        return {
            "domain": installation.portal.domain,
            "server_endpoint": self._world.server_endpoint,
            "client_endpoint": installation.portal.client_endpoint,
            "member_id": installation.portal.member_id,
            "application_token": installation.application_token,
        }

    def _full_auth(self, installation: "Installation") -> dict[str, Any]:
        with self._world.lock:
            token = self._world.current(installation.portal, installation.app, installation.installed_by)
            return {
                "access_token": token.access,
                "refresh_token": token.refresh,
                "expires_in": int(token.expires_at - self._world.clock.now()),
                "scope": " ".join(token.scope),
                "status": installation.portal.status,
                **self._short_auth(installation),
            }

    def _deliver(
        self, event: str, installation: "Installation", bound: "Iterable[EventBinding]", data: dict[str, Any], auth: dict[str, Any]
    ) -> None:
        message = {"event": event, "data": data, "ts": int(self._world.clock.now()), "auth": auth}
        handlers = dict.fromkeys(binding.handler for binding in bound if binding.event == event)
        for handler in handlers:
            self._dispatch(Delivery(event, handler, phpforms.flatten(message)))

    def _dispatch(self, delivery: Delivery) -> None:
        order = self._ordered(delivery.event)
        kind = order.kind if order else ""
        if kind == "drop":
            return
        if kind == "hold":
            with self._lock:
                self.held.append(delivery)
            return
        self._start(delivery, order.seconds if order and kind == "delay" else 0.0)
        if kind == "double":
            self._start(Delivery(delivery.event, delivery.handler, delivery.fields), 0.0)

    def _ordered(self, event: str) -> _Order | None:
        with self._lock:
            for order in self._orders:
                if order.event in (None, event):
                    if order.times is not None:
                        order.times -= 1
                        if order.times <= 0:
                            self._orders.remove(order)
                    return order
        return None

    def _start(self, delivery: Delivery, delay: float) -> None:
        thread = threading.Timer(delay, self._send, (delivery,))
        thread.daemon = True
        with self._lock:
            self.sent.append(delivery)
            self._threads = [*(running for running in self._threads if running.is_alive()), thread]
            thread.start()

    def _send(self, delivery: Delivery) -> None:
        try:
            answer = requests.post(delivery.handler, data=delivery.fields, timeout=TIMEOUT_SECONDS, allow_redirects=False)
        except requests.RequestException:
            return
        delivery.status = answer.status_code
