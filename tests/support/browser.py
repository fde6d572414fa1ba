"""A person at a browser without script, and one of its tabs: cookies are kept, no redirect is followed."""

from __future__ import annotations

import secrets
from html.parser import HTMLParser
from typing import Any

from flask import session as flask_session
from flask_wtf.csrf import generate_csrf

PASSWORD = "correct horse battery"


def csrf_token(client: Any) -> str:
    """The token that the pages of this client's session carry, without a page: to make one takes 20 ms."""
    app, kept = client.application, secrets.token_hex(16)
    with client.session_transaction() as session:
        kept = session.setdefault("csrf_token", kept)
    with app.test_request_context():
        flask_session["csrf_token"] = kept
        return str(generate_csrf())


class Browser:
    """`text` is the body of the last answer."""

    def __init__(self, app: Any) -> None:
        self.client, self.text = app.test_client(), ""

    def get(self, path: str, status: int = 200, **options: Any) -> Any:
        answer = self.client.get(path, **options)
        self.text = answer.data.decode(errors="replace")  # a workbook is no text
        assert answer.status_code == status, (path, answer.status_code, answer.location, self.text[:2000])
        return answer

    def post(self, path: str, data: dict[str, Any] | None = None, status: int = 303, **options: Any) -> Any:
        answer = self.client.post(path, data={"csrf_token": self.token(), **(data or {})}, **options)
        self.text = answer.text
        assert answer.status_code == status, (path, answer.status_code, answer.location, answer.text[:2000])
        return answer

    def post_and_open(self, path: str, data: dict[str, Any] | None = None, **options: Any) -> Any:
        """Posts, and opens the page that the answer leads to."""
        return self.get(self.post(path, data, **options).location)

    def token(self) -> str:
        """The token of the session."""
        return csrf_token(self.client)

    def set_up(self, **fields: str) -> Browser:
        """Makes the first account, signed in."""
        ada = {
            "name": "Ada",
            "email": "ada@example.com",
            "password": PASSWORD,
            "timezone": "UTC",
            "organization": "Acme",
        }
        self.post("/setup", ada | fields)
        return self

    def sign_in(
        self, email: str = "ada@example.com", password: str = PASSWORD, status: int = 303, **options: Any
    ) -> Any:
        return self.post("/login", {"email": email, "password": password}, status, **options)


class FormReader(HTMLParser):
    """The controls of the form of that id as a browser would send them, without its buttons."""

    def __init__(self, form_id: str, html: str) -> None:
        super().__init__()
        self.form_id, self.inside, self.found = form_id, False, False
        self.action, self.values = "", {}
        self._area: str | None = None
        self._select: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, given: list[tuple[str, str | None]]) -> None:
        attrs = {name: value or "" for name, value in given}
        if tag == "form":
            self.inside = attrs.get("id") == self.form_id
            self.found |= self.inside
            self.action = attrs.get("action", "") if self.inside else self.action
        if not self.inside or (tag != "option" and not attrs.get("name")):
            return
        kind = attrs.get("type", "text")
        if tag == "textarea":
            self._area = attrs["name"]
            self.values[self._area] = []
        elif tag == "select":
            self._select = attrs["name"]
        elif tag == "option" and self._select and ("selected" in attrs or self._select not in self.values):
            self.values[self._select] = [attrs.get("value", "")]
        elif tag == "input" and (kind not in ("checkbox", "radio") or "checked" in attrs):
            self.values.setdefault(attrs["name"], []).append(attrs.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False
        elif tag == "textarea":
            self._area = None
        elif tag == "select":
            self._select = None

    def handle_data(self, data: str) -> None:
        if self._area and self.inside:
            written = "".join(self.values[self._area]) + data
            self.values[self._area] = [written.removeprefix("\n") if not self.values[self._area] else written]


class Tab:
    """`html` is what the tab shows. `client` is Flask's test client, signed in."""

    def __init__(self, client: Any, path: str, form_id: str) -> None:
        self.client, self.path, self.form_id = client, path, form_id
        self.show(client.get(path).get_data(as_text=True))

    def show(self, html: str) -> None:
        """Takes in a page."""
        self.html = html
        reader = FormReader(self.form_id, html)
        assert reader.found, f"no form {self.form_id}: {html[:2000]}"
        self.values, self.action = reader.values, reader.action or self.path

    def type(self, **typed: Any) -> Tab:
        """Fills in controls; `__` in a name is a hyphen. None unticks or leaves out."""
        for name, value in typed.items():
            self.values[name.replace("__", "-") if not name.startswith("_") else name] = (
                [] if value is None else value if isinstance(value, list) else [value]
            )
        return self

    def send(self, status: int = 303, **buttons: Any) -> Any:
        """Presses a button (none: the one that saves) and takes in the answer."""
        answer = self.client.post(self.action, data=self.values | buttons)
        html = answer.get_data(as_text=True)
        assert answer.status_code == status, (answer.status_code, answer.location, html[-6000:])
        if status in (200, 422):
            self.show(html)
        return answer
