"""The requests of one person's page, as htmx makes them."""

from django.http import HttpResponse
from django.test import Client

from b24app.frame import session
from b24app.models import PortalUser


class Browse:
    """Asks for addresses under /frame/ with a person's bearer token."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def get(self, by: PortalUser, path: str, target: str = "main", **params: object) -> str:
        """The fragment for `target`; anything but 200 fails the test."""
        response = self._client.get(f"/frame/{path}", params, headers=_headers(by, target))
        assert response.status_code == 200, response.content
        return response.content.decode()

    def status(self, by: PortalUser, path: str, **params: object) -> int:
        return self.answer(by, path, **params).status_code

    def answer(self, by: PortalUser, path: str, **params: object) -> HttpResponse:
        return self._client.get(f"/frame/{path}", params, headers=_headers(by, "main"))

    def post(self, by: PortalUser, path: str, **form: object) -> HttpResponse:
        return self._client.post(f"/frame/{path}", form, headers=_headers(by, "dialog-content"))

    def post_encoded(self, by: PortalUser, path: str, body: str) -> HttpResponse:
        """A form as the page itself encodes it."""
        headers = _headers(by, "dialog-content")
        return self._client.post(f"/frame/{path}", body, content_type="application/x-www-form-urlencoded", headers=headers)


def _headers(by: PortalUser, target: str) -> dict[str, str]:
    return {"HX-Request": "true", "HX-Target": target, "Authorization": f"Bearer {session.issue(by)}"}
