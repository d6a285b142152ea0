"""The bell: a person's own notifications, as a list and as acts on them. The rules are those of devportal.feed, as for REST."""

from dataclasses import dataclass

import flask
import flask.typing
from lucide.jinja import lucide
from markupsafe import Markup

from devportal.feed import FeedItem
from devportal.pages.attach import render_attach
from devportal.pages.dates import date_text
from devportal.pages.richtext import render_text
from devportal.pages.site import Site, refuse

GONE = "This notification is no longer in your list."
WHOLE_FEED = 1000
ACCEPTING_VALUE = "Y"


@dataclass(frozen=True)
class ButtonView:
    """A button as drawn: the value Y is the solid one (look.md, "Notification centre item")."""

    text: str
    value: str

    @property
    def primary(self) -> bool:
        return self.value == ACCEPTING_VALUE


@dataclass(frozen=True)
class ItemView:
    """One notification as drawn; `colour` is None for a module or an application, which have no avatar."""

    id: int
    type: int
    tag: str
    sub_tag: str
    author: str
    initials: str
    colour: int | None
    text: Markup
    attach: Markup
    buttons: list[ButtonView]
    can_answer: bool
    answer: str
    read: bool
    date: str


class Bell:
    """Endpoints of the notification panel."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def register(self, blueprint: flask.Blueprint) -> None:
        """Adds the panel's endpoints."""
        base = "/_portal/notifications"
        blueprint.add_url_rule(base, "notifications", self.show)
        blueprint.add_url_rule(f"{base}/read-all", "read_all", self.read_all, methods=["POST"])
        for name, view in (("confirm", self.confirm), ("answer", self.answer), ("delete", self.delete), ("read", self.read)):
            blueprint.add_url_rule(f"{base}/<int:item_id>/{name}", f"notification_{name}", view, methods=["POST"])

    def show(self) -> flask.typing.ResponseReturnValue:
        """The person's notifications as HTML, confirmations first, with the number of unread ones."""
        me, feed = self._site.me(), self._site.portal.store
        with self._site.world.lock:
            items = [self._view(item) for item in feed.page(me.id, None, None, WHOLE_FEED)]
            unread = feed.unread(me.id)
        response = flask.make_response(flask.render_template("notifications.html", items=items, unread=unread, icon=lucide))
        response.headers["Cache-Control"] = "no-store"
        return response

    def confirm(self, item_id: int) -> flask.typing.ResponseReturnValue:
        """Presses a confirmation's button (form: value): {message: what the module said}."""
        with self._site.world.lock:
            said = self._site.portal.store.confirm(self._site.me().id, item_id, flask.request.form.get("value", ""))
        return refuse(GONE, 404) if said is None else flask.jsonify(message=said)

    def answer(self, item_id: int) -> flask.typing.ResponseReturnValue:
        """Answers a notification (form: text): {message: what the module said}."""
        text = flask.request.form.get("text", "").strip()
        if not text:
            return refuse("Write an answer first.")
        with self._site.world.lock:
            said = self._site.portal.store.answer(self._site.me().id, item_id, text)
        return refuse(GONE, 404) if said is None else flask.jsonify(message=said)

    def delete(self, item_id: int) -> flask.typing.ResponseReturnValue:
        """Deletes one of the person's own notifications."""
        with self._site.world.lock:
            deleted = self._site.portal.store.delete(self._site.me().id, item_id)
        return flask.jsonify({}) if deleted else refuse(GONE, 404)

    def read(self, item_id: int) -> flask.typing.ResponseReturnValue:
        """Marks one notification as read."""
        with self._site.world.lock:
            self._site.portal.store.mark(self._site.me().id, [item_id], read=True)
        return flask.jsonify({})

    def read_all(self) -> flask.typing.ResponseReturnValue:
        """Marks everything but confirmations as read."""
        with self._site.world.lock:
            self._site.portal.store.mark_all_read(self._site.me().id)
        return flask.jsonify({})

    def _view(self, item: FeedItem) -> ItemView:
        author = self._site.portal.people.get(item.author_id)
        face = author and self._site.face(author)
        return ItemView(
            id=item.id,
            type=item.notify_type,
            tag=item.tag,
            sub_tag=item.sub_tag,
            author=face.name if face else item.title or "Portal",
            initials=face.initials if face else "",
            colour=face.colour if face else None,
            text=render_text(item.text),
            attach=render_attach(item.attach),
            buttons=[ButtonView(button.text, button.value) for button in item.buttons],
            can_answer=item.answerable,
            answer=item.answer,
            read=item.read,
            date=date_text(item.created_at, self._site.world.clock.now()),
        )
