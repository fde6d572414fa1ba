"""The authorization code, with PKCE: a person is sent to the service, and what they come back with becomes tokens."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import NamedTuple

from oauthlib.common import add_params_to_uri
from pydantic import ValidationError
from sqlalchemy.orm import Session

from flowapp.catalog import Http, OAuth2
from flowapp.engine.store import polls
from flowapp.errors import ConflictError
from flowapp.integrations import credentials, service
from flowapp.integrations.oauth import exchange
from flowapp.models import Integration, utcnow
from flowapp.security.credentials import Vault
from flowapp.texts import say


class Started(NamedTuple):
    """Where a person is sent, and what their session keeps until they are back. `token_url`: who may get what they bring."""

    url: str
    state: str
    verifier: str
    token_url: str


def spec_of(row: Integration) -> OAuth2 | None:
    """How the integration signs in by OAuth2; None where it does not, or its config is an older release's."""
    connector = service.connector(row.integration_type)
    try:
        return connector.oauth2(connector.config.model_validate(row.config or {}))
    except ValidationError:
        return None


def asks_person(row: Integration) -> bool:
    """Whether a person has to sign in at the service before the integration can be used."""
    spec = spec_of(row)
    return spec is not None and spec.grant == "authorization_code"


def begin(vault: Vault, row: Integration, redirect_uri: str) -> Started:
    """ConflictError where no person signs in, or the client is not known yet."""
    spec, known = spec_of(row), credentials.read(vault, row)
    if spec is None or spec.grant != "authorization_code":
        raise ConflictError(say("This integration does not sign in through the service's own page."))
    if not known.get("client_id"):
        raise ConflictError(say("Enter the client ID first, and save it."))
    return request(spec, known, redirect_uri)


def request(spec: OAuth2, known: Mapping[str, object], redirect_uri: str) -> Started:
    """The address at the service, with what it will want to see again, of which only the challenge is told now."""
    client = exchange.client_of(known)
    verifier, state = client.create_code_verifier(64), secrets.token_urlsafe(32)
    asked = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": redirect_uri,
        **({"scope": " ".join(spec.scopes)} if spec.scopes else {}),
        "state": state,
        "code_challenge": client.create_code_challenge(verifier, "S256"),
        "code_challenge_method": "S256",
    }
    url = add_params_to_uri(spec.authorize_url, list({**spec.extra, **asked}.items()))
    return Started(url, state, verifier, spec.token_url)


def finish(
    session: Session, vault: Vault, http: Http, row: Integration, *, code: str, verifier: str, redirect_uri: str,
    token_url: str,
) -> None:  # fmt: skip
    """Gives the code for tokens, and stores them. StepError where the service refuses. The caller commits.

    ConflictError where the integration has got another `token_url` meanwhile: that one is given no code of this service's.
    """
    spec, known = spec_of(row), credentials.read(vault, row)
    if spec is None:
        raise ConflictError(say("This integration does not sign in through the service's own page."))
    if spec.token_url != token_url:
        raise ConflictError(say("The integration was changed while you signed in. Start again."))
    body = exchange.client_of(known).prepare_request_body(code=code, redirect_uri=redirect_uri, code_verifier=verifier)
    tokens = exchange.ask(http, spec, known, body)
    credentials.write(session, vault, row, dict(tokens), "oauth_tokens")
    row.reconnect_reason, row.last_test_ok, row.last_tested_at, row.last_test_message = "", None, None, ""
    row.changed_at = utcnow()
    polls.ask_again(session, utcnow())
