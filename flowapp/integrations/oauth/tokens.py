"""Access tokens of integrations, valid when they are used.

One process at a time renews the token of an integration, under a lease in the database; whoever waits reads again what that one
has stored. It is stored before it is used: where a service gives a new refresh token with each, the one before is void.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from oauthlib.oauth2 import BackendApplicationClient
from sqlalchemy import Engine, Update, select, update

from flowapp.catalog import Http, OAuth2
from flowapp.engine.store.named_leases import give_back, take_lease
from flowapp.errors import StepError
from flowapp.exact_json import Json
from flowapp.integrations import credentials
from flowapp.integrations.oauth import exchange
from flowapp.integrations.oauth.exchange import RefusedError, Tokens
from flowapp.integrations.oauth.grants import spec_of
from flowapp.models import Integration, Lease, new_id, utcnow
from flowapp.models.tenancy import tenant_session
from flowapp.notifications import connections
from flowapp.security.credentials import Vault
from flowapp.security.opened import note
from flowapp.texts import say

LEASE = timedelta(seconds=60)  # longer than a call may take
PATIENCE = 45.0  # seconds that a step waits for whoever renews the token
_LOOK = 0.1
_renewing: dict[str, threading.Lock] = {}  # within this process nobody asks the database whether another one is done
_DENIED = frozenset(
    {"invalid_grant", "invalid_client", "unauthorized_client", "access_denied", "unsupported_grant_type"}
)


@dataclass(frozen=True, slots=True)
class State:
    """What is stored of an integration's sign-in. `raw`: the tokens as they stand in the row."""

    name: str
    spec: OAuth2
    client: Json
    tokens: Tokens | None
    raw: bytes | None
    reconnect: str

    def token(self, refused: str) -> str:
        """The access token, where it can still be used; else empty."""
        tokens = self.tokens
        if tokens is None or tokens["access_token"] == refused:
            return ""
        ends = tokens.get("renew_at")
        return tokens["access_token"] if ends is None or utcnow().timestamp() < ends else ""


class AccessTokens:
    """Those of an organization's integrations."""

    def __init__(
        self, engine: Engine, vault: Vault, http: Http, organization_id: str, now: Callable[[], datetime] = utcnow
    ) -> None:
        self._engine, self._vault, self._http, self._now = engine, vault, http, now
        self._organization_id = organization_id

    def get(self, integration_id: str, refused: str = "") -> str:
        """A token that holds; `refused` is one that the service did not take. StepError: permanent where somebody has to sign
        in again."""
        if token := self._usable(self._state(integration_id), refused):
            return token
        here = _renewing.setdefault(integration_id, threading.Lock())
        if not here.acquire(timeout=PATIENCE):
            raise _busy()
        try:
            return self._renewed(integration_id, refused)
        finally:
            here.release()

    def _renewed(self, integration_id: str, refused: str) -> str:
        end = time.monotonic() + PATIENCE
        while True:
            state = self._state(integration_id)
            if token := self._usable(state, refused):
                return token
            with self._lease(integration_id) as mine:
                if mine:
                    state = self._state(integration_id)  # whoever had the lease before may have stored another
                    return self._usable(state, refused) or self._renew(integration_id, state)
            if time.monotonic() > end:
                raise _busy()
            time.sleep(_LOOK)

    def _usable(self, state: State, refused: str) -> str:
        if state.reconnect:
            raise StepError(state.reconnect, permanent=True)
        return state.token(refused)

    def _renew(self, integration_id: str, state: State) -> str:
        try:
            tokens = exchange.ask(self._http, state.spec, state.client, _body(state))
        except RefusedError as error:
            if error.code not in _DENIED:
                raise
            reason = _signed_out(state, error)
            self._sign_out(integration_id, state, reason)
            raise StepError(reason, permanent=True) from None
        if state.tokens and "refresh_token" in state.tokens:
            tokens = {"refresh_token": state.tokens["refresh_token"], **tokens}
        note(dict(tokens))
        self._store(integration_id, state, tokens)
        return tokens["access_token"]

    def _store(self, integration_id: str, state: State, tokens: Tokens) -> None:
        """Unless somebody signed in again meanwhile: that one holds."""
        with tenant_session(self._engine, self._organization_id) as session:
            row = session.get_one(Integration, integration_id)
            fresh = credentials.encrypted(session, self._vault, row, dict(tokens), "oauth_tokens")
            session.execute(_where_as_it_was(integration_id, state).values(oauth_tokens=fresh))
            session.commit()

    def _sign_out(self, integration_id: str, state: State, reason: str) -> None:
        with tenant_session(self._engine, self._organization_id) as session:
            done = session.execute(
                _where_as_it_was(integration_id, state).values(oauth_tokens=None, reconnect_reason=reason[:1000])
            )
            if done.rowcount == 1:  # type: ignore[attr-defined]
                row = session.get_one(Integration, integration_id)
                connections.tell(session, row, say("“%(name)s” is signed out", name=row.name), reason)
            session.commit()

    def _state(self, integration_id: str) -> State:
        with tenant_session(self._engine, self._organization_id) as session:
            row = session.get(Integration, integration_id)
            spec = spec_of(row) if row is not None else None
            if row is None or spec is None:
                raise StepError(say("This integration does not sign in by OAuth2."), permanent=True)
            stored = credentials.read(self._vault, row, "oauth_tokens")
            return State(
                name=row.name,
                spec=spec,
                client=credentials.read(self._vault, row),
                tokens=cast(Tokens, stored) if stored else None,
                raw=row.oauth_tokens,
                reconnect=row.reconnect_reason,
            )

    @contextmanager
    def _lease(self, integration_id: str) -> Iterator[bool]:
        """Whether this is who may renew; nobody else does meanwhile."""
        name, owner = f"oauth {integration_id}", new_id()
        if not self._take(name, owner):
            yield False
            return
        try:
            yield True
        finally:
            with tenant_session(self._engine, self._organization_id) as session:
                give_back(session, name, owner)
                session.commit()

    def _take(self, name: str, owner: str) -> bool:
        now = self._now()
        with tenant_session(self._engine, self._organization_id) as session:
            until = session.scalar(select(Lease.until).where(Lease.name == name))
            if until is not None and now <= until <= now + LEASE:  # known without a write
                return False
            taken = take_lease(session, name, owner, now, now + LEASE)
            session.commit()
        return taken


def _where_as_it_was(integration_id: str, state: State) -> Update:
    known = Integration.oauth_tokens.is_(None) if state.raw is None else Integration.oauth_tokens == state.raw
    return (
        update(Integration).where(Integration.id == integration_id, known).execution_options(synchronize_session=False)
    )


def _body(state: State) -> str:
    """What is asked of the token endpoint. StepError where a person has to sign in first."""
    if state.spec.grant == "client_credentials":
        client = BackendApplicationClient(str(state.client.get("client_id") or ""))
        return str(client.prepare_request_body(scope=list(state.spec.scopes) or None))
    if state.tokens is None:
        raise StepError(
            say("Nobody has signed in to “%(name)s” yet. Open it under Integrations.", name=state.name),
            permanent=True,
        )
    if "refresh_token" not in state.tokens:
        raise RefusedError(
            say("The sign-in has expired, and the service gave nothing to renew it with."), "invalid_grant"
        )
    return str(exchange.client_of(state.client).prepare_refresh_body(refresh_token=state.tokens["refresh_token"]))


def _signed_out(state: State, error: RefusedError) -> str:
    if state.spec.grant == "client_credentials":
        return say(
            "“%(name)s” cannot sign in: %(reason)s Check the client ID and secret under Integrations.",
            name=state.name, reason=error.message,
        )  # fmt: skip
    if error.code == "invalid_grant" and error.said:
        return say(
            "“%(name)s” is signed out: the service no longer accepts the earlier sign-in (%(reason)s). "
            "Sign in again under Integrations.",
            name=state.name, reason=error.said,
        )  # fmt: skip
    return say(
        "“%(name)s” is signed out: %(reason)s Sign in again under Integrations.",
        name=state.name, reason=error.message,
    )  # fmt: skip


def _busy() -> StepError:
    return StepError(say("The access token is being renewed and is not there yet. Trying again may help."))
