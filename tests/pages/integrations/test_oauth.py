"""“Connect with …”: the person is sent to the service with PKCE, and what comes back belongs to this browser alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from sqlalchemy import select

from flowapp import tasks
from flowapp.catalog import OAuth2
from flowapp.extensions import db
from flowapp.integrations import credentials
from flowapp.integrations.oauth import exchange, grants
from flowapp.models import AuditEntry, Integration
from flowapp.models.tenancy import system_session
from flowapp.security.egress import SafeHttp
from tests.support.browser import Browser
from tests.support.connectors.oauth import config_of, install_oauth
from tests.support.servers.oauth import CLIENT, OAuthServer
from tests.support.servers.sink import Sink


@pytest.fixture
def server(sink: Sink) -> OAuthServer:
    return OAuthServer(sink)


@pytest.fixture
def ada(app: Any, monkeypatch: pytest.MonkeyPatch) -> Browser:
    install_oauth(monkeypatch)
    return Browser(app).set_up()


@pytest.fixture
def path(ada: Browser, server: OAuthServer) -> str:
    config = {f"config-{name}": str(value) for name, value in config_of(server, grant="authorization_code").items()}
    secrets = {"secret-client_id": CLIENT["client_id"], "secret-client_secret": CLIENT["client_secret"]}
    return str(ada.post("/integrations/new/acme", {"name": "Acme", **config, **secrets}).location)


def stored(app: Any) -> tuple[Integration, dict[str, Any]]:
    with app.app_context(), system_session(db.engine) as system:
        row = system.scalars(select(Integration)).one()
        return row, credentials.read(tasks.runtime().vault, row, "oauth_tokens")


def local(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def test_a_person_connects_a_service(app: Any, ada: Browser, server: OAuthServer, path: str) -> None:
    ada.get(path)
    assert f"{path}/connect" in ada.text and "Connect with Acme" in ada.text
    ada.post(f"{path}/test", {})
    assert "Works" in ada.get(path).text
    away = ada.get(f"{path}/connect", 303).location
    asked = parse_qs(urlsplit(away).query)
    assert away.startswith(server.url("/authorize?")) and asked["access_type"] == ["offline"]
    assert asked["redirect_uri"][0].endswith("/integrations/oauth/callback")
    assert asked["scope"] == ["read write"]
    back = local(server.sign_in(away))
    assert ada.get(back, 303).location == path
    assert "“Acme” is connected" in ada.get(path).text and "Not tested yet" in ada.text  # the test is of before
    row, tokens = stored(app)
    assert tokens["access_token"] in server.valid and row.reconnect_reason == ""
    assert CLIENT["client_secret"] not in away + ada.text
    with app.app_context(), system_session(db.engine) as system:
        assert "integration.connected" in system.scalars(select(AuditEntry.action)).all()
    ada.get(back, 303)  # the address once more
    assert "not begun in this browser" in ada.get("/integrations").text
    assert len(server.calls) == 1


@pytest.mark.parametrize("change", [{"state": "guessed"}, {"state": ""}])
def test_what_was_begun_elsewhere_is_refused(
    app: Any, ada: Browser, server: OAuthServer, path: str, change: dict[str, str]
) -> None:
    away = ada.get(f"{path}/connect", 303).location
    back = urlsplit(server.sign_in(away))
    query = {name: values[0] for name, values in parse_qs(back.query).items()} | change
    ada.get(f"{back.path}?{urlencode(query)}", 303)
    assert "not begun in this browser" in ada.get("/integrations").text
    assert stored(app)[1] == {}
    assert server.calls == []


def test_a_person_who_says_no_changes_nothing(app: Any, ada: Browser, server: OAuthServer, path: str) -> None:
    away = ada.get(f"{path}/connect", 303).location
    state = parse_qs(urlsplit(away).query)["state"][0]
    ada.get(f"/integrations/oauth/callback?error=access_denied&state={state}", 303)
    assert "access was not granted" in ada.get(path).text
    assert stored(app)[1] == {}


def test_what_the_service_answers_to_a_wrong_code_is_said(app: Any, ada: Browser, path: str) -> None:
    state = parse_qs(urlsplit(ada.get(f"{path}/connect", 303).location).query)["state"][0]
    ada.get(f"/integrations/oauth/callback?code=made-up&state={state}", 303)
    assert "invalid_grant" in ada.get(path).text
    assert stored(app)[1] == {}


def test_a_signed_out_integration_asks_to_reconnect(app: Any, ada: Browser, server: OAuthServer, path: str) -> None:
    with app.app_context(), system_session(db.engine) as system:
        system.scalars(select(Integration)).one().reconnect_reason = "“Acme” is signed out: invalid_grant."
        system.commit()
    page = ada.get(path).text
    assert "is signed out: invalid_grant" in page and "Reconnect" in page
    ada.get(local(server.sign_in(ada.get(f"{path}/connect", 303).location)), 303)
    assert "is signed out: invalid_grant" not in ada.get(path).text


def test_the_redirect_address_is_told_before_the_client_is_made(ada: Browser) -> None:
    for path in ("/integrations/new/google_sheets", "/integrations/beside-a-step/google_sheets"):
        ada.get(path)
        assert "/integrations/oauth/callback</code>" in ada.text
        ada.post(path, {"name": "Sheets", "secret-client_id": ""}, 422)
        assert "This must not be empty" in ada.text or "This field is required" in ada.text


def test_beside_a_step_the_person_is_asked_to_sign_in(app: Any, ada: Browser, server: OAuthServer) -> None:
    config = {f"config-{name}": str(value) for name, value in config_of(server, grant="authorization_code").items()}
    secrets = {"secret-client_id": CLIENT["client_id"], "secret-client_secret": CLIENT["client_secret"]}
    ada.post("/integrations/beside-a-step/acme?field=p-integration", {"name": "Acme", **config, **secrets}, 200)
    row, _tokens = stored(app)
    assert f'data-connected="{row.id}"' in ada.text and "data-said" not in ada.text
    assert f'target="_blank" href="/integrations/{row.id}/connect"' in ada.text and "Now sign in" in ada.text


def test_other_credentials_ask_to_connect_again(app: Any, ada: Browser, server: OAuthServer, path: str) -> None:
    ada.get(local(server.sign_in(ada.get(f"{path}/connect", 303).location)), 303)
    config = {f"config-{name}": str(value) for name, value in config_of(server, grant="authorization_code").items()}
    ada.post(path, {"name": "Renamed", **config, "secret-client_id": CLIENT["client_id"], "secret-client_secret": ""})
    assert stored(app)[1] != {}
    ada.post(path, {"name": "Renamed", **config, "secret-client_id": "another", "secret-client_secret": ""})
    assert stored(app)[1] == {}


@pytest.fixture
def provider() -> Iterator[str]:
    """An OpenID provider that was written by others."""
    from oidc_provider_mock import run_server_in_thread

    with run_server_in_thread() as running:
        yield f"http://localhost:{running.server_port}"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # what the provider itself leans on
def test_an_independent_provider_signs_in_and_renews(app: Any, ada: Browser, provider: str) -> None:
    """The same calls as `grants` and `tokens` make, against somebody else's reading of the RFC."""
    spec = OAuth2(f"{provider}/oauth2/token", authorize_url=f"{provider}/oauth2/authorize", scopes=("openid", "email"))
    back, known = (
        "https://flow.example/integrations/oauth/callback",
        {"client_id": "us", "client_secret": "x y"},
    )
    url, _state, verifier, _token_url = grants.request(spec, known, back)
    client = exchange.client_of(known)
    code = parse_qs(urlsplit(_agreed(url)).query)["code"][0]
    http = SafeHttp(("localhost", "127.0.0.1"))
    body = client.prepare_request_body(code=code, redirect_uri=back, code_verifier=verifier)
    first = exchange.ask(http, spec, known, body)
    renewed = exchange.ask(http, spec, known, client.prepare_refresh_body(refresh_token=first["refresh_token"]))
    assert renewed["access_token"] != first["access_token"]
    answer = http.request("GET", f"{provider}/userinfo", headers={"Authorization": f"Bearer {renewed['access_token']}"})
    assert answer.json == {"sub": "ada", "email": "ada"}
    with pytest.raises(exchange.RefusedError, match="invalid_grant"):
        exchange.ask(http, spec, known, client.prepare_refresh_body(refresh_token="made-up"))


def _agreed(url: str) -> str:
    """Where the provider sends the browser back to."""
    import http.client

    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    form = urlencode({"sub": "ada"})
    connection.request(
        "POST", f"{parts.path}?{parts.query}", form, {"Content-Type": "application/x-www-form-urlencoded"}
    )
    return connection.getresponse().headers["Location"]


def test_a_code_goes_to_nobody_else_when_the_integration_was_changed_meanwhile(
    app: Any, ada: Browser, server: OAuthServer, path: str, sink: Sink
) -> None:
    back = local(server.sign_in(ada.get(f"{path}/connect", 303).location))
    changed = {
        "config-url": sink.url("/elsewhere"),
        "config-grant": "authorization_code",
        "config-client_auth": "basic",
    }
    again = {"secret-client_id": "theirs", "secret-client_secret": "theirs-too"}
    ada.post(path, {"name": "Acme", **changed, **again})
    before = len(sink.requests)
    ada.get(back, 303)
    assert "was changed while you signed in" in ada.get(path).text
    assert len(sink.requests) == before
    assert stored(app)[1] == {}


def test_a_sign_in_ends_with_the_session_that_began_it(app: Any, ada: Browser, server: OAuthServer, path: str) -> None:
    """Who signs in after somebody in the same browser does not finish what they began."""
    back = local(server.sign_in(ada.get(f"{path}/connect", 303).location))
    ada.post("/logout")
    ada.sign_in()
    ada.get(back, 303)
    assert "not begun in this browser" in ada.get("/integrations").text
    assert server.calls == []


@pytest.mark.parametrize("what", ["error", "error_description"])
def test_what_the_service_sends_along_is_text_and_leads_nowhere(
    app: Any, ada: Browser, server: OAuthServer, path: str, what: str
) -> None:
    state = parse_qs(urlsplit(ada.get(f"{path}/connect", 303).location).query)["state"][0]
    said = {"error": "x", what: "<script>alert(1)</script>" * 30, "next": "https://evil.example", "state": state}
    assert ada.get(f"/integrations/oauth/callback?{urlencode(said)}", 303).location == path
    ada.get(path)
    assert "<script>alert" not in ada.text and "&lt;script&gt;alert" in ada.text
