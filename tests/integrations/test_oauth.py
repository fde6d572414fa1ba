"""OAuth2: PKCE, both ways of client authentication, renewal once for all who wait, and what is said where it ends."""

from __future__ import annotations

import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select

from flowapp import tasks
from flowapp.errors import StepError
from flowapp.integrations import credentials
from flowapp.integrations.oauth import grants, tokens
from flowapp.integrations.oauth.exchange import RefusedError
from flowapp.integrations.oauth.tokens import AccessTokens
from flowapp.models import Integration, Lease, Notification
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.security.credentials import Vault
from flowapp.security.egress import SafeHttp
from tests.integrations.conftest import connect
from tests.support.connectors.oauth import config_of, install_oauth
from tests.support.servers.oauth import CLIENT, OAuthServer
from tests.support.servers.sink import Answer, Sink
from tests.support.tenant import Tenant

BACK = "https://flow.example/integrations/oauth/callback"
HTTP = SafeHttp(("127.0.0.1",))


@pytest.fixture(autouse=True)
def _connector(monkeypatch: pytest.MonkeyPatch) -> None:
    install_oauth(monkeypatch)


@pytest.fixture
def server(sink: Sink) -> OAuthServer:
    return OAuthServer(sink)


class Service:
    """An integration with the double, and processes that use it."""

    def __init__(self, runtime: tasks.Runtime, tenant: Tenant, server: OAuthServer, **config: str) -> None:
        self.runtime, self.tenant, self.server = runtime, tenant, server
        known = {"integration_type": "acme", "config": config_of(server, **config), "credentials": CLIENT}
        self.id = connect(runtime, tenant, "Acme", **known)

    def process(self) -> AccessTokens:
        """As another process has it, which knows nothing of what this one has read."""
        vault = Vault(self.runtime.settings.encryption_keys)
        return AccessTokens(self.runtime.engine, vault, HTTP, self.tenant.organization_id)

    def get(self, refused: str = "") -> str:
        return self.process().get(self.id, refused)

    def row(self) -> Integration:
        with tenant_session(self.runtime.engine, self.tenant.organization_id) as session:
            return session.get_one(Integration, self.id)

    def sign_in(self) -> None:
        with tenant_session(self.runtime.engine, self.tenant.organization_id) as session:
            row = session.get_one(Integration, self.id)
            asked = grants.begin(self.runtime.vault, row, BACK)
            back = self.server.sign_in(asked.url)
            code = back.partition("code=")[2].partition("&")[0]
            how = {"code": code, "verifier": asked.verifier, "redirect_uri": BACK, "token_url": asked.token_url}
            grants.finish(session, self.runtime.vault, HTTP, row, **how)
            session.commit()

    def expire(self) -> None:
        """The access token has come to its end."""
        with tenant_session(self.runtime.engine, self.tenant.organization_id) as session:
            row = session.get_one(Integration, self.id)
            stored = credentials.read(self.runtime.vault, row, "oauth_tokens")
            credentials.write(
                session, self.runtime.vault, row, stored | {"expires_at": 1.0, "renew_at": 1.0}, "oauth_tokens"
            )
            session.commit()


@pytest.fixture
def service(runtime: tasks.Runtime, tenant: Tenant, server: OAuthServer) -> Service:
    made = Service(runtime, tenant, server)
    made.sign_in()
    return made


def test_the_code_with_pkce_becomes_a_token_that_the_service_takes(service: Service, server: OAuthServer) -> None:
    token = service.get()
    assert token in server.valid
    assert service.get() == token, "it is used until it ends"
    (call,) = server.calls
    assert call["grant_type"] == "authorization_code" and len(call["code_verifier"]) == 64
    row = service.row()
    for secret in (token, CLIENT["client_secret"], "refresh-"):
        assert secret.encode() not in (row.oauth_tokens or b"") + row.credentials


@pytest.mark.parametrize("client_auth", ["basic", "body"])
@pytest.mark.parametrize("grant", ["authorization_code", "client_credentials"])
def test_both_ways_of_client_authentication(
    runtime: tasks.Runtime, tenant: Tenant, server: OAuthServer, client_auth: str, grant: str
) -> None:
    server.client_auth = client_auth
    service = Service(runtime, tenant, server, grant=grant)
    if grant == "authorization_code":
        service.sign_in()
    first = service.get()
    service.expire()
    assert service.get() != first
    kinds = [call["grant_type"] for call in server.calls]
    assert kinds == ([grant, "refresh_token"] if grant == "authorization_code" else [grant, grant])


def test_a_verifier_of_another_sign_in_is_refused(runtime: tasks.Runtime, tenant: Tenant, server: OAuthServer) -> None:
    service = Service(runtime, tenant, server)
    with tenant_session(runtime.engine, tenant.organization_id) as session:
        row = session.get_one(Integration, service.id)
        asked, other = (grants.begin(runtime.vault, row, BACK) for _ in range(2))
        code = server.sign_in(asked.url).partition("code=")[2].partition("&")[0]
        with pytest.raises(RefusedError, match="invalid_grant"):
            how = {"code": code, "verifier": other.verifier, "redirect_uri": BACK, "token_url": asked.token_url}
            grants.finish(session, runtime.vault, HTTP, row, **how)
    assert service.row().oauth_tokens is None


def test_fifty_steps_at_a_tokens_end_make_one_call_and_none_fails(service: Service, server: OAuthServer) -> None:
    service.expire()
    before, begin = len(server.calls), threading.Barrier(50)

    def step(_number: int) -> str:
        begin.wait()
        return service.get()

    with ThreadPoolExecutor(50) as pool:
        got = set(pool.map(step, range(50)))
    assert len(server.calls) == before + 1
    assert got == server.valid


def test_processes_renew_one_after_the_other(
    service: Service, server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.expire()
    waiting, go_on = threading.Event(), threading.Event()

    class NoLock:  # what another process has of this one's
        def acquire(self, **_how: Any) -> bool:
            return True

        def release(self) -> None:
            pass

    class NoLocks(dict[str, Any]):
        def setdefault(self, *_what: Any) -> Any:
            return NoLock()

    monkeypatch.setattr(tokens, "_renewing", NoLocks())
    monkeypatch.setattr(tokens.time, "sleep", lambda _seconds: (go_on.set(), waiting.wait(0.02)))
    server.hook = lambda: go_on.wait(10)  # until somebody else waits for the lease
    before = len(server.calls)
    with ThreadPoolExecutor(4) as pool:
        got = set(pool.map(lambda _number: service.get(), range(4)))
    assert len(server.calls) == before + 1
    assert got == server.valid
    with system_session(service.runtime.engine) as system:
        assert system.scalars(select(Lease.name).where(Lease.name.startswith("oauth"))).all() == []


def test_the_rotated_token_is_stored_before_it_is_used_and_the_next_step_reads_it(
    service: Service, server: OAuthServer
) -> None:
    for _time in range(3):  # each refresh token is good for one use
        service.expire()
        assert service.get() in server.valid
    assert [call["grant_type"] for call in server.calls[1:]] == ["refresh_token"] * 3
    assert len({call["refresh_token"] for call in server.calls[1:]}) == 3


def test_a_service_that_gives_no_new_refresh_token_keeps_the_old_one(service: Service, server: OAuthServer) -> None:
    server.rotates = False
    for _time in range(2):
        service.expire()
        assert service.get() in server.valid
    assert len({call["refresh_token"] for call in server.calls[1:]}) == 1


def test_a_token_that_the_service_refuses_before_its_end_is_renewed(service: Service, server: OAuthServer) -> None:
    first = service.get()
    fresh = service.get(refused=first)
    assert fresh != first
    assert fresh in server.valid
    assert service.get(refused=first) == fresh, "somebody else has renewed it already"
    assert len(server.calls) == 2


def test_invalid_grant_marks_the_integration_and_tells_its_owner_once(service: Service, server: OAuthServer) -> None:
    server.revoke()
    service.expire()
    for _time in range(2):
        with pytest.raises(StepError, match="“Acme” is signed out") as failed:
            service.get()
        assert failed.value.permanent
    assert len(server.calls) == 2, "no call where it is known to fail"
    row = service.row()
    assert "Token has been revoked" in row.reconnect_reason and "Sign in again" in row.reconnect_reason
    with system_session(service.runtime.engine) as system:
        (told,) = system.scalars(select(Notification)).all()
    assert (told.user_id, told.link) == (service.tenant.user_id, f"/integrations/{service.id}")
    service.sign_in()
    assert service.row().reconnect_reason == ""
    assert service.get() in server.valid


def test_an_outage_of_the_service_signs_nobody_out(service: Service, server: OAuthServer) -> None:
    service.expire()
    for broken in (Answer(503, b"<h1>no</h1>", {"Content-Type": "text/html"}), Answer(close=True), Answer(200, b"[1]")):
        server.broken = broken
        with pytest.raises(StepError) as failed:
            service.get()
        assert failed.value.permanent == (broken.status == 200 and not broken.close)
    server.broken = None
    assert service.get() in server.valid
    assert service.row().reconnect_reason == ""


def test_a_wrong_client_secret_says_so(runtime: tasks.Runtime, tenant: Tenant, server: OAuthServer) -> None:
    service = Service(runtime, tenant, server, grant="client_credentials")
    with tenant_session(runtime.engine, tenant.organization_id) as session:
        row = session.get_one(Integration, service.id)
        credentials.write(session, runtime.vault, row, CLIENT | {"client_secret": "wrong"})
        session.commit()
    with pytest.raises(StepError, match=r"invalid_client.*Check the client ID and secret"):
        service.get()


def test_before_anybody_signed_in(runtime: tasks.Runtime, tenant: Tenant, server: OAuthServer) -> None:
    service = Service(runtime, tenant, server)
    with pytest.raises(StepError, match="Nobody has signed in to “Acme” yet"):
        service.get()
    assert service.row().reconnect_reason == ""
    assert server.calls == []


def test_a_token_without_an_end_is_used_until_it_is_refused(
    runtime: tasks.Runtime, tenant: Tenant, server: OAuthServer
) -> None:
    server.lifetime = None
    service = Service(runtime, tenant, server)
    service.sign_in()
    assert service.get() == service.get()
    assert len(server.calls) == 1


def test_a_redirect_of_the_token_endpoint_takes_no_secret_along(
    service: Service, server: OAuthServer, runtime: tasks.Runtime
) -> None:
    service.expire()
    server.broken = Answer(307, b"", {"Location": "http://localhost:9/elsewhere"})
    with pytest.raises(StepError, match="would receive a secret"):
        service.get()
    assert dataclasses.asdict(server.broken)["status"] == 307
