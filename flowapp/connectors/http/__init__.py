"""The integration type `webhook`: how outgoing calls sign in, kept in one place instead of in every step."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import Field, field_validator

from flowapp.catalog import N_, ConnectorSpec, Params, connector, ui
from flowapp.catalog.fields import HeaderName
from flowapp.catalog.http_answers import failed
from flowapp.security.addresses import credentials_of, origin_of
from flowapp.texts import say


class HttpConfig(Params):
    """`base_url` bounds where the secret goes: calls through this integration stay under it."""

    base_url: str = Field(
        min_length=1,
        max_length=2000,
        json_schema_extra=ui(
            N_("Base URL"),
            N_("Calls with this integration go to this host only. Steps can then use just a path."),
            placeholder="https://api.example.com",
        ),
    )
    auth: Literal["none", "bearer", "basic", "header"] = Field(
        "bearer",
        json_schema_extra=ui(
            N_("Authentication"),
            widget="select",
            choices=[
                ("none", N_("None")),
                ("bearer", N_("Bearer token")),
                ("basic", N_("User name and password")),
                ("header", N_("Custom header")),
            ],
        ),
    )
    username: str = Field("", json_schema_extra=ui(N_("User name"), show_if={"auth": ["basic"]}))
    header_name: HeaderName = Field("X-Api-Key", json_schema_extra=ui(N_("Header name"), show_if={"auth": ["header"]}))

    @field_validator("base_url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if not value.lower().startswith(("http://", "https://")):
            raise ValueError(say("The base URL must start with http:// or https://."))
        if not origin_of(value):
            raise ValueError(say("Enter a host; user name and password have their own fields."))
        return value


class HttpCredentials(Params):
    """Token, password or the header's value."""

    secret: str = Field("", json_schema_extra=ui(N_("Token or password"), widget="secret"))


def try_service(config: HttpConfig, credentials: HttpCredentials, context: Any) -> str:
    """GETs the base address. Any answer but 401, 403 and the 500s shows that the service can be used."""
    headers, basic = credentials_of(config.model_dump(), credentials.model_dump())
    answer = context.http.request("GET", config.base_url, headers=headers, auth=basic, timeout=15.0)
    now = datetime.now(UTC)
    if answer.status in (401, 403):
        raise failed(
            answer,
            say(
                "%(base_url)s refused the credentials (status %(status)s).",
                base_url=config.base_url,
                status=answer.status,
            ),
            now,
        )
    if answer.status >= 500:
        raise failed(
            answer,
            say(
                "%(base_url)s responded with status %(status)s and cannot be used right now.",
                base_url=config.base_url,
                status=answer.status,
            ),
            now,
        )
    return say("%(base_url)s returned %(status)s.", base_url=config.base_url, status=answer.status)


connector(
    ConnectorSpec(
        type="webhook",
        label=N_("HTTP service"),
        description=N_("Keeps the token, password or header with which the step “Send HTTP request” signs in."),
        icon="world",
        config=HttpConfig,
        credentials=HttpCredentials,
        test=try_service,
        providers=("http",),
        category="developer",
        default_action="send_webhook",
        destination=lambda config: origin_of(config.base_url),
        credential_type=lambda config: {"basic": "basic", "none": "custom"}.get(config.auth, "api_key"),
    )
)
