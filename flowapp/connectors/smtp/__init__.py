"""E-mail through an SMTP server (RFC 5321): the integration type `email`, and the service behind `ctx.mail`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AliasChoices, Field, ValidationInfo, field_validator

from flowapp.catalog import N_, ConnectorSpec, IntegrationHandle, Params, connector, ui
from flowapp.connectors.smtp.headers import decoded
from flowapp.connectors.smtp.mail import SmtpMail
from flowapp.connectors.smtp.message import addresses, compose
from flowapp.connectors.smtp.server import SENDGRID, server_of
from flowapp.errors import StepError
from flowapp.texts import say

__all__ = ["EmailConfig", "EmailCredentials", "SmtpMail", "compose"]


class EmailConfig(Params):
    """Where and as whom to send."""

    provider: Literal["smtp", "sendgrid"] = Field(
        "smtp",
        json_schema_extra=ui(N_("Provider"), widget="select", choices=[("smtp", "SMTP"), ("sendgrid", "SendGrid")]),
    )
    host: str = Field(
        "",
        validate_default=True,
        max_length=253,
        validation_alias=AliasChoices("host", "smtp_host"),
        json_schema_extra=ui(N_("Host"), placeholder="smtp.example.com", show_if={"provider": ["smtp"]}),
    )
    port: int = Field(
        587,
        ge=1,
        le=65535,
        validation_alias=AliasChoices("port", "smtp_port"),
        json_schema_extra=ui(N_("Port"), widget="number", show_if={"provider": ["smtp"]}),
    )
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls",
        json_schema_extra=ui(
            N_("Encryption"),
            N_("STARTTLS usually uses port 587, TLS port 465."),
            widget="select",
            choices=[("starttls", "STARTTLS"), ("tls", "TLS"), ("none", N_("None (not secure)"))],
            show_if={"provider": ["smtp"]},
        ),
    )
    username: str = Field("", json_schema_extra=ui(N_("User name"), show_if={"provider": ["smtp"]}))
    from_email: str = Field("", json_schema_extra=ui(N_("Sender address"), placeholder="hello@example.com"))
    from_name: str = Field("", json_schema_extra=ui(N_("Sender name")))

    @field_validator("from_email")
    @classmethod
    def _is_address(cls, value: str) -> str:
        try:
            if len(addresses([value], "from_email")) == 1 or not value.strip():
                return value
        except StepError:
            pass
        raise ValueError(say("Enter one address, for example hello@example.com."))

    @field_validator("from_name", "username")
    @classmethod
    def _is_one_line(cls, value: str) -> str:
        try:
            decoded(value)
        except ValueError:
            raise ValueError(say("Enter a single line of text.")) from None
        return value

    @field_validator("host")
    @classmethod
    def _has_host(cls, host: str, info: ValidationInfo) -> str:
        if info.data.get("provider") == "smtp" and not host.strip():
            raise ValueError(say("Enter the mail server's host, for example smtp.example.com."))
        return host


class EmailCredentials(Params):
    """Empty for a server that asks for none."""

    password: str = Field("", json_schema_extra=ui(N_("Password"), widget="secret"))
    api_key: str = Field(
        "", json_schema_extra=ui(N_("API key"), N_("For SendGrid, instead of a password."), widget="secret")
    )


def try_server(config: EmailConfig, credentials: EmailCredentials, context: Any) -> str:
    """Signs in without sending anything. `context.http.guard` says which hosts may be reached."""
    handle = IntegrationHandle("", "", "email", config.model_dump(), credentials.model_dump())
    server = server_of(handle, "")
    SmtpMail(server, guard=context.http.guard).check()
    return say("Connected to %(host)s, port %(port)s.", host=server.host, port=str(server.port))


connector(
    ConnectorSpec(
        type="email",
        label=N_("E-mail"),
        description=N_("Sends e-mail through your own mail server or SendGrid."),
        icon="mail",
        config=EmailConfig,
        credentials=EmailCredentials,
        test=try_server,
        providers=("smtp", SENDGRID),
        category="communication",
        default_action="send_email",
        destination=lambda config: (config.provider, config.host.lower(), config.port, config.security),
        credential_type=lambda config: "api_key" if config.provider == SENDGRID else "smtp",
    )
)
