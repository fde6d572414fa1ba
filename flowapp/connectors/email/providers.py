"""Who sends the e-mails of an integration of type `email`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from flowapp.catalog import Http, IntegrationHandle, Mailer
from flowapp.catalog.mail_text import Mailbox
from flowapp.connectors.email import mailgun, sendgrid
from flowapp.connectors.email.mail import SmtpMail
from flowapp.connectors.email.mailgun import MailgunMail
from flowapp.connectors.email.sendgrid import SendgridMail
from flowapp.connectors.email.server import Server
from flowapp.connectors.email.ses import SesMail, ses_server
from flowapp.errors import StepError
from flowapp.security.addresses import Guard
from flowapp.texts import say

API_KEY = ("sendgrid", "mailgun")  # providers whose secret is an API key
PASSWORD = ("smtp", "ses")


class Outgoing(Http, Protocol):
    """`ctx.http` with the guard behind it, by which SMTP connections are opened."""

    guard: Guard


class TestContext(Protocol):
    """What the test of an integration is given."""

    http: Outgoing


class Provider(Mailer, Protocol):
    """A mailer that can be asked for a sign of life."""

    def check(self) -> str:
        """What the person who tests the integration reads. StepError says what is wrong."""
        ...


def mailer_of(handle: IntegrationHandle, sender: str, http: Outgoing) -> Provider:
    """The provider that an integration names; `sender` where its config names none. StepError for other types."""
    if handle.integration_type != "email":
        raise StepError(say("The integration “%(name)s” does not send e-mail.", name=handle.name), permanent=True)
    config, secrets = handle.config, handle.credentials
    sender = _sender(config, sender)
    if config["provider"] == "sendgrid":
        key = secrets["api_key"] or secrets["password"]  # where older releases were given it
        return SendgridMail(http, sendgrid.ORIGINS[config["data_region"]], key, sender)
    if config["provider"] == "mailgun":
        origin = mailgun.ORIGINS[config["data_region"]]
        return MailgunMail(http, origin, secrets["api_key"], sender, config["domain"])
    if config["provider"] == "ses":
        server = ses_server(config["aws_region"], config["username"], secrets["password"], sender)
        return SesMail(server, guard=http.guard)
    return SmtpMail(server_of(handle, sender), guard=http.guard)


def server_of(handle: IntegrationHandle, sender: str) -> Server:
    """The mail server of an integration that sends by SMTP."""
    config = handle.config
    return Server(
        host=config["host"],
        port=config["port"],
        security=config["security"],
        username=config["username"],
        password=handle.credentials["password"],
        sender=_sender(config, sender),
    )


def _sender(config: Mapping[str, str], default: str) -> str:
    """The sender's address under its name; where that has one already, as it is."""
    name, address = config["from_name"], config["from_email"]
    if not address:
        return default
    return str(Mailbox(name, address)) if name and "<" not in address else address
