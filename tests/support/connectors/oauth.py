"""A connector that signs in by OAuth2, at the strict double."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import Field

from flowapp.catalog import CONNECTORS, N_, ConnectorSpec, OAuth2, Params, ui
from tests.support.servers.oauth import OAuthServer


class OAuthConfig(Params):
    url: str = Field(min_length=1, json_schema_extra=ui(N_("Address")))
    grant: str = "authorization_code"
    client_auth: str = "basic"


class OAuthCredentials(Params):
    client_id: str = Field("", json_schema_extra=ui(N_("Client ID")))
    client_secret: str = Field("", json_schema_extra=ui(N_("Client secret"), widget="secret"))


def install_oauth(monkeypatch: pytest.MonkeyPatch) -> None:
    """The integration type `acme` is known for one test."""

    def spec(config: Any) -> OAuth2:
        return OAuth2(
            token_url=f"{config.url}/token",
            authorize_url=f"{config.url}/authorize",
            grant=config.grant,
            client_auth=config.client_auth,
            scopes=("read", "write"),
            extra={"access_type": "offline"},
        )

    made = ConnectorSpec(
        type="acme",
        label="Acme",
        description="Of tests.",
        icon="world",
        config=OAuthConfig,
        credentials=OAuthCredentials,
        test=lambda _config, _credentials, _context: "ok",
        credential_type=lambda _config: "oauth2",
        oauth2=spec,
    )
    monkeypatch.setitem(CONNECTORS, "acme", made)


def config_of(server: OAuthServer, **more: str) -> dict[str, object]:
    return {"url": server.url("").rstrip("/"), "client_auth": server.client_auth, **more}
