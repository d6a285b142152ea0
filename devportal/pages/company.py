"""People: the list, one person's page, the person switch, and what the picking dialogs ask for."""

from math import ceil
from typing import Any
from urllib.parse import urlencode

import flask
import flask.typing

from devportal.pages.people import Face, matches, tree
from devportal.pages.site import Site, local_path
from devportal.world import PERSON_COOKIE, Person

ON_A_PAGE = 25
IN_A_LIST = 50


class Company:
    """Pages and answers about the people of one portal."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def register(self, blueprint: flask.Blueprint) -> None:
        """Adds the pages, the switch and the lists."""
        blueprint.add_url_rule("/company/", "people", self.show)
        blueprint.add_url_rule("/company/personal/user/<int:user_id>/", "person", self.show_person)
        blueprint.add_url_rule("/_portal/switch", "switch", self.switch, methods=["POST"])
        blueprint.add_url_rule("/_portal/people", "find_people", self.find)
        blueprint.add_url_rule("/_portal/access-rights", "find_rights", self.find_rights)

    def show(self) -> flask.typing.ResponseReturnValue:
        """Everybody, 25 on a page; query: q, department, page."""
        query, department = flask.request.args.get("q", "").strip(), flask.request.args.get("department", type=int)
        found = [person for person in self._found(query) if department is None or department in person.departments]
        pages = max(1, ceil(len(found) / ON_A_PAGE))
        page = min(max(1, flask.request.args.get("page", 1, type=int)), pages)
        return self._site.render(
            "people.html",
            people=[self._site.face(person) for person in found[(page - 1) * ON_A_PAGE : page * ON_A_PAGE]],
            departments=tree(self._site.portal.departments, list(self._site.portal.people.values())),
            query=query,
            department=department,
            total=len(found),
            page=page,
            pages=pages,
            address=lambda **changed: "?" + urlencode({**flask.request.args.to_dict(), **changed}),
        )

    def show_person(self, user_id: int) -> flask.typing.ResponseReturnValue:
        """One person's page."""
        person = self._site.portal.people.get(user_id) or flask.abort(404)
        return self._site.render("person.html", person=self._site.face(person))

    def switch(self) -> flask.typing.ResponseReturnValue:
        """From now on this browser is another person (form: user_id, next)."""
        person = self._site.portal.people.get(flask.request.form.get("user_id", 0, type=int)) or flask.abort(404)
        response = flask.redirect(local_path(flask.request.form.get("next", "/")), code=303)
        response.set_cookie(PERSON_COOKIE, str(person.id), samesite="Lax")
        return response

    def find(self) -> flask.typing.ResponseReturnValue:
        """Active people for pickers, at most 50: {people: [selectUser's object plus what the list shows]}; query: q."""
        active = [person for person in self._found(flask.request.args.get("q", "")) if person.active]
        return flask.jsonify(people=[_picked(self._site.face(person), person) for person in active[:IN_A_LIST]])

    def find_rights(self) -> flask.typing.ResponseReturnValue:
        """Access rights for the picker, at most 50: {rights: [{id, name, note, initials, colour}]}; query: q.

        AU is everybody signed in, DR<id> a department with those below it, U<id> a person (doc: BX24.selectAccess).
        """
        text = flask.request.args.get("q", "").strip()
        rights = [_right("AU", "All authorized users", "Everybody", 0)]
        rights += [_right(f"DR{id_}", department.name, "Department", id_) for id_, department in self._site.portal.departments.items()]
        rights = [right for right in rights if text.casefold() in right["name"].casefold()]
        rights += [_right(f"U{person.id}", person.full_name, person.position, person.id) for person in self._found(text) if person.active]
        return flask.jsonify(rights=rights[:IN_A_LIST])

    def _found(self, text: str) -> list[Person]:
        return [person for person in self._site.portal.people.values() if matches(person, text.strip())]


def _picked(face: Face, person: Person) -> dict[str, Any]:
    return {
        "id": str(face.id),
        "name": face.name,
        "photo": person.photo,
        "position": face.position,
        "url": face.url,
        # Whether somebody is the viewer's subordinate or superior: this company has no such order.
        "sub": False,
        "sup": False,
        "initials": face.initials,
        "colour": face.colour,
        "admin": face.admin,
    }


def _right(id_: str, name: str, note: str, number: int) -> dict[str, Any]:
    initials = "".join(word[0] for word in name.split()[:2]).upper()
    return {"id": id_, "name": name, "note": note, "initials": initials, "colour": number % 10}
