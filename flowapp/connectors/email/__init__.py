"""E-mail: the integration type `email`, and the service behind `ctx.mail`. Through an SMTP server (RFC 5321), SendGrid, Mailgun
or Amazon SES."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import AliasChoices, Field, ValidationInfo, field_validator

from flowapp.catalog import N_, ConnectorSpec, IntegrationHandle, Params, connector, ui
from flowapp.catalog.fields import ENTERED
from flowapp.connectors.email import ses
from flowapp.connectors.email.headers import decoded
from flowapp.connectors.email.mail import SmtpMail
from flowapp.connectors.email.message import compose
from flowapp.connectors.email.parts import addresses
from flowapp.connectors.email.providers import API_KEY, PASSWORD, TestContext, mailer_of
from flowapp.errors import StepError
from flowapp.texts import say

__all__ = ["EmailConfig", "EmailCredentials", "SmtpMail", "compose", "mailer_of"]

_SMTP = {"provider": ["smtp"]}
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*|[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*")
_DOMAIN = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+")


class EmailConfig(Params):
    """Where and as whom to send."""

    provider: Literal["smtp", "sendgrid", "mailgun", "ses"] = Field(
        "smtp",
        json_schema_extra=ui(
            N_("Provider"),
            widget="select",
            choices=[("smtp", "SMTP"), ("sendgrid", "SendGrid"), ("mailgun", "Mailgun"), ("ses", "Amazon SES")],
        ),
    )
    host: str = Field(
        "",
        validate_default=True,
        max_length=253,
        validation_alias=AliasChoices("host", "smtp_host"),
        json_schema_extra=ui(N_("Host"), placeholder="smtp.example.com", show_if=_SMTP),
    )
    port: int = Field(
        587,
        ge=1,
        le=65535,
        validation_alias=AliasChoices("port", "smtp_port"),
        json_schema_extra=ui(N_("Port"), widget="number", show_if=_SMTP),
    )
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls",
        json_schema_extra=ui(
            N_("Encryption"),
            N_("STARTTLS usually uses port 587, TLS port 465."),
            widget="select",
            choices=[("starttls", "STARTTLS"), ("tls", "TLS"), ("none", N_("None (not secure)"))],
            show_if=_SMTP,
        ),
    )
    domain: str = Field(
        "",
        validate_default=True,
        json_schema_extra=ui(N_("Sending domain"), placeholder="mg.example.com", show_if={"provider": ["mailgun"]}),
    )
    data_region: Literal["us", "eu"] = Field(
        "us",
        json_schema_extra=ui(
            N_("Data region"),
            N_("Where your account at the provider keeps its data."),
            widget="select",
            choices=[("us", N_("United States")), ("eu", N_("European Union"))],
            show_if={"provider": ["sendgrid", "mailgun"]},
        ),
    )
    aws_region: str = Field(
        "",
        validate_default=True,
        json_schema_extra=ui(N_("AWS region"), placeholder="eu-west-1", show_if={"provider": ["ses"]}),
    )
    username: str = Field(
        "", validate_default=True, json_schema_extra=ui(N_("User name"), show_if={"provider": list(PASSWORD)})
    )
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
        host, wanted = host.strip(), info.data.get("provider") == "smtp"
        if wanted and (not host or (info.context == ENTERED and _HOST.fullmatch(host) is None)):
            raise ValueError(say("Enter the mail server's host, for example smtp.example.com."))
        return host

    @field_validator("username")
    @classmethod
    def _has_user(cls, username: str, info: ValidationInfo) -> str:
        if info.data.get("provider") == "ses" and not username.strip():
            raise ValueError(say("Enter the SMTP user name that Amazon SES made."))
        return username

    @field_validator("domain")
    @classmethod
    def _has_domain(cls, domain: str, info: ValidationInfo) -> str:
        if info.data.get("provider") == "mailgun" and not _DOMAIN.fullmatch(domain.strip()[:254]):
            raise ValueError(say("Enter the domain that Mailgun sends from, for example mg.example.com."))
        return domain.strip()

    @field_validator("aws_region")
    @classmethod
    def _has_region(cls, region: str, info: ValidationInfo) -> str:
        if info.data.get("provider") == "ses" and not ses.REGION.fullmatch(region.strip()):
            raise ValueError(say("Enter the region where you use Amazon SES, for example eu-west-1."))
        return region.strip()


class EmailCredentials(Params):
    """Empty for a server that asks for none."""

    password: str = Field(
        "", json_schema_extra=ui(N_("Password"), widget="secret", show_if={"provider": list(PASSWORD)})
    )
    api_key: str = Field("", json_schema_extra=ui(N_("API key"), widget="secret", show_if={"provider": list(API_KEY)}))


def try_provider(config: EmailConfig, credentials: EmailCredentials, context: TestContext) -> str:
    """Signs in without sending anything, through `context.http` and its guard."""
    handle = IntegrationHandle("", "", "email", config.model_dump(), credentials.model_dump())
    return mailer_of(handle, "", context.http).check()


def destination(config: EmailConfig) -> tuple[object, ...]:
    """Where the secrets go."""
    place = (config.domain.lower(), config.data_region, config.aws_region)
    return config.provider, config.host.lower(), config.port, config.security, *place


def lacks(config: EmailConfig, credentials: EmailCredentials) -> tuple[str, ...]:
    """The credential without which nothing can be sent."""
    older = config.provider == "sendgrid" and credentials.password
    if config.provider in API_KEY and not credentials.api_key and not older:
        return ("api_key",)
    return ("password",) if config.provider == "ses" and not credentials.password else ()


connector(
    ConnectorSpec(
        type="email",
        label=N_("E-mail"),
        description=N_("Sends e-mail through your own mail server, SendGrid, Mailgun or Amazon SES."),
        icon="mail",
        config=EmailConfig,
        credentials=EmailCredentials,
        test=try_provider,
        lacks=lacks,
        guide=N_(
            "SMTP: host and user name stand in your mail provider's help. SendGrid: make an API key with the permission “Mail Send” under Settings, API Keys. Mailgun: a sending key stands under your domain's settings. Amazon SES: make user name and password under SMTP settings, Create SMTP credentials; an AWS access key does not work here."
        ),
        providers=("smtp", "sendgrid", "mailgun", "ses"),
        category="communication",
        default_action="send_email",
        destination=destination,
        credential_type=lambda config: "api_key" if config.provider in API_KEY else "smtp",
    )
)
