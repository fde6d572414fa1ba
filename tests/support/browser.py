"""A person at a browser without script: keeps cookies, sends the CSRF token of the last page, follows nothing."""

from __future__ import annotations

import re
from typing import Any

PASSWORD = "correct horse battery"
_TOKEN = re.compile(r'name="csrf-token" content="([^"]+)"')


class Browser:
    """`text` is the body of the last answer."""

    def __init__(self, app: Any) -> None:
        self.client, self.text = app.test_client(), ""

    def get(self, path: str, status: int = 200, **options: Any) -> Any:
        answer = self.client.get(path, **options)
        self.text = answer.text
        assert answer.status_code == status, (path, answer.status_code, answer.location, answer.text[:2000])
        return answer

    def post(self, path: str, data: dict[str, Any] | None = None, status: int = 303, **options: Any) -> Any:
        answer = self.client.post(path, data={"csrf_token": self.token(), **(data or {})}, **options)
        self.text = answer.text
        assert answer.status_code == status, (path, answer.status_code, answer.location, answer.text[:2000])
        return answer

    def token(self) -> str:
        """The token of the session: every page carries it, the page of an unknown address too."""
        answer = self.client.get("/no-such-page", follow_redirects=True)
        found = _TOKEN.search(answer.text)
        assert found, answer.text[:500]
        return found.group(1)

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
