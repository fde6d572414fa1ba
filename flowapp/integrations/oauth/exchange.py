"""One call of a service's token endpoint, and what it answers: oauthlib's words over our own HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NotRequired, TypedDict
from urllib.parse import parse_qsl, quote_plus, urlsplit

from oauthlib.oauth2 import OAuth2Error, WebApplicationClient

from flowapp.catalog import Http, HttpResponse, OAuth2
from flowapp.errors import StepError
from flowapp.models import utcnow
from flowapp.security.opened import Opened, collecting
from flowapp.texts import say

TIMEOUT = 20.0  # seconds for one call
_EARLY = 60.0  # seconds before its end a token is renewed, or a fifth of its life where that is less
_MOST_SAID = 300  # characters of a service's own reason


class Tokens(TypedDict):
    """What a service gave. Times in seconds since 1970; without them it holds until it is refused."""

    access_token: str
    refresh_token: NotRequired[str]
    expires_at: NotRequired[float]
    renew_at: NotRequired[float]


class RefusedError(StepError):
    """The service gave no token; `code` is its reason by RFC 6749 (invalid_grant), empty where it gave none, and `said`
    what it says to that."""

    def __init__(self, message: str, code: str = "", said: str = "", *, permanent: bool = True) -> None:
        super().__init__(message, permanent=permanent)
        self.code, self.said = code, said


def client_of(credentials: Mapping[str, object]) -> WebApplicationClient:
    """The client, with its id."""
    return WebApplicationClient(str(credentials.get("client_id") or ""))


def ask(http: Http, spec: OAuth2, credentials: Mapping[str, object], body: str) -> Tokens:
    """Sends the form to the token endpoint, as the client. RefusedError, or StepError where it cannot be reached."""
    client_id, secret = (str(credentials.get(name) or "") for name in ("client_id", "client_secret"))
    form: dict[str, str | list[str]] = {**dict(parse_qsl(body, keep_blank_values=True)), **spec.token_extra}
    auth = None
    if spec.client_auth == "basic" and secret:
        form.pop("client_id", None)
        auth = quote_plus(client_id), quote_plus(secret)  # RFC 6749, 2.3.1
    else:
        form |= {"client_id": client_id} | ({"client_secret": secret} if secret else {})
    with collecting(
        Opened([secret, *(str(form[name]) for name in _SECRET if name in form)])
    ):  # no redirect takes them along
        answer = http.request(
            "POST", spec.token_url, headers={"Accept": "application/json"}, form=form, auth=auth, timeout=TIMEOUT
        )
    return _read(spec, answer)


_SECRET = ("refresh_token", "code", "code_verifier")


def _read(spec: OAuth2, answer: HttpResponse) -> Tokens:
    host = urlsplit(spec.token_url).hostname
    try:
        given = WebApplicationClient("").parse_request_body_response(answer.text)
    except (OAuth2Error, ValueError, TypeError, AttributeError) as error:
        code = _code(answer)
        again = answer.status in (408, 429) or answer.status >= 500
        said = str(getattr(error, "description", "") or "")[:_MOST_SAID].rstrip(". ") if code else ""
        reason = (f"{code}: {said}" if said not in ("", code) else code) or f"status {answer.status}"
        message = say("%(host)s gave no access token (%(reason)s).", host=host, reason=reason)
        raise RefusedError(message, code, said or code, permanent=not again) from None
    return _tokens(given)


def _code(answer: HttpResponse) -> str:
    said = answer.json if isinstance(answer.json, Mapping) else dict(parse_qsl(answer.text[:2000]))
    return str(said.get("error") or "")[:60]


def _tokens(given: Mapping[str, object]) -> Tokens:
    tokens: Tokens = {"access_token": str(given["access_token"])}
    if given.get("refresh_token"):
        tokens["refresh_token"] = str(given["refresh_token"])
    lifetime = given.get("expires_in")
    if isinstance(lifetime, int | float) and lifetime > 0:
        tokens["expires_at"] = utcnow().timestamp() + lifetime
        tokens["renew_at"] = tokens["expires_at"] - min(_EARLY, lifetime / 5)
    return tokens
