"""A strict authorization server on loopback: PKCE is checked, refresh tokens are good for one use, and every call is counted."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import threading
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlsplit

from tests.support.servers.sink import Answer, Received, Sink

CLIENT = {"client_id": "the client", "client_secret": "s3cr3t/of+the client"}


@dataclass
class OAuthServer:
    """`lifetime` of access tokens in seconds (None: not said); `rotates`: each refresh gives a new refresh token and voids
    the one before. `calls` are the forms that the token endpoint was sent. `hook` runs inside each such call."""

    sink: Sink
    lifetime: float | None = 3600
    rotates: bool = True
    client_auth: str = "basic"
    broken: Answer | None = None
    hook: Any = lambda: None
    calls: list[dict[str, str]] = field(default_factory=list)
    valid: set[str] = field(default_factory=set)  # access tokens
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)
    _refresh: set[str] = field(default_factory=set)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.sink.ask = self._ask

    def url(self, path: str) -> str:
        return self.sink.url(path)

    def sign_in(self, url: str) -> str:
        """What a browser does that is sent to the service, where the person agrees: where it is sent back to."""
        parts = urlsplit(url)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert parts.path == "/authorize" and asked["response_type"] == "code", url
        assert asked["client_id"] == CLIENT["client_id"] and asked["code_challenge_method"] == "S256", url
        code = f"code-{next(self._numbers)}"
        self._codes[code] = asked
        return f"{asked['redirect_uri']}?code={code}&state={asked['state']}"

    def revoke(self) -> None:
        """The person takes the permission back."""
        self._refresh.clear()
        self.valid.clear()

    def _ask(self, received: Received) -> Answer | None:
        if received.path != "/token":
            token = received.headers.get("Authorization", "").removeprefix("Bearer ")
            known = token in self.valid
            return _json(200 if known else 401, {"ok": known})
        form = {name: values[0] for name, values in parse_qs(received.body.decode()).items()}
        with self._lock:
            self.calls.append(form)
        self.hook()
        if self.broken is not None:
            return self.broken
        if self._client(received, form) != (CLIENT["client_id"], CLIENT["client_secret"]):
            return _json(401, {"error": "invalid_client"})
        return self._grant(form)

    def _client(self, received: Received, form: dict[str, str]) -> tuple[str, str]:
        if self.client_auth == "body":
            return form.get("client_id", ""), form.get("client_secret", "")
        assert "client_secret" not in form
        scheme, _, said = received.headers.get("Authorization", "").partition(" ")
        name, _, secret = base64.b64decode(said).decode().partition(":")
        return (unquote_plus(name), unquote_plus(secret)) if scheme == "Basic" else ("", "")

    def _grant(self, form: dict[str, str]) -> Answer:
        with self._lock:
            kind = form["grant_type"]
            if kind == "authorization_code" and not self._code_fits(form):
                return _json(400, {"error": "invalid_grant", "error_description": "The code is not known."})
            if kind == "refresh_token":
                if form.get("refresh_token") not in self._refresh:
                    return _json(400, {"error": "invalid_grant", "error_description": "Token has been revoked."})
                if self.rotates:
                    self._refresh.discard(form["refresh_token"])
            number = next(self._numbers)
            answer: dict[str, Any] = {"access_token": f"access-{number}-{'x' * 20}", "token_type": "Bearer"}
            self.valid = {answer["access_token"]}
            if kind != "client_credentials" and (self.rotates or kind == "authorization_code"):
                answer["refresh_token"] = f"refresh-{number}-{'y' * 20}"
                self._refresh.add(answer["refresh_token"])
            return _json(200, answer | ({"expires_in": self.lifetime} if self.lifetime else {}))

    def _code_fits(self, form: dict[str, str]) -> bool:
        asked = self._codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        return (
            asked is not None and asked["code_challenge"] == challenge and asked["redirect_uri"] == form["redirect_uri"]
        )


def _json(status: int, body: Any) -> Answer:
    return Answer(status, json.dumps(body).encode(), {"Content-Type": "application/json"})
