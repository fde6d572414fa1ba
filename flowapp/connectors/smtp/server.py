"""The address of a mail server, out of a URL or an integration, and a connection to it."""

from __future__ import annotations

import ipaddress
import smtplib
import socket
import ssl
from dataclasses import dataclass, field
from email.utils import formataddr
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

from flowapp.catalog import IntegrationHandle
from flowapp.errors import ConfigError, StepError
from flowapp.security.addresses import Guard

SENDGRID = "sendgrid"
Security = Literal["offered", "starttls", "tls", "none"]


@dataclass(frozen=True, slots=True)
class Server:
    """`security` offered: STARTTLS where the server offers it, but no password without it (loopback excepted)."""

    host: str
    port: int
    security: Security
    username: str = ""
    password: str = field(default="", repr=False)
    sender: str = ""

    @property
    def may_be_plain(self) -> bool:
        """Whether a password may be sent unencrypted: on this machine, or because the owner said so."""
        try:
            local = ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            local = self.host == "localhost"
        return local or self.security == "none"


def server_from_url(url: str, sender: str) -> Server:
    """smtp://user:password@host:587 (STARTTLS when offered), smtps://…:465, ?security=none|starttls. ConfigError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigError("SMTP_URL cannot be read: write smtp://user:password@host:587.") from None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ConfigError("SMTP_URL must start with smtp:// or smtps:// and name a host.")
    asked = parse_qs(parts.query).get("security", ["tls" if parts.scheme == "smtps" else "offered"])[-1]
    known: dict[str, Security] = {"offered": "offered", "starttls": "starttls", "tls": "tls", "none": "none"}
    if asked not in known:
        raise ConfigError("The security in SMTP_URL must be starttls, tls or none.")
    return Server(
        host=parts.hostname,
        port=port or (465 if known[asked] == "tls" else 25),
        security=known[asked],
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        sender=sender,
    )


def server_of(handle: IntegrationHandle, sender: str) -> Server:
    """The server of an integration of type `email`; `sender` where its config names none. StepError for other types."""
    if handle.integration_type != "email":
        raise StepError(f"The integration “{handle.name}” does not send e-mail.", permanent=True)
    config, secrets = handle.config, handle.credentials
    if config["from_email"]:
        sender = formataddr((config["from_name"], config["from_email"]), charset="utf-8")
    if config["provider"] == SENDGRID:
        # https://www.twilio.com/docs/sendgrid/for-developers/sending-email/integrating-with-the-smtp-api
        key = secrets["api_key"] or secrets["password"]
        return Server("smtp.sendgrid.net", 587, "starttls", "apikey", key, sender)
    return Server(
        host=config["host"],
        port=config["port"],
        security=config["security"],
        username=config["username"],
        password=secrets["password"],
        sender=sender,
    )


class Client(smtplib.SMTP):
    """smtplib's client, its socket opened by the guard (where there is one) and its certificates checked."""

    def __init__(self, server: Server, guard: Guard | None, timeout: float) -> None:
        self._server, self._guard = server, guard
        super().__init__(server.host, server.port, timeout=timeout)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        guard = self._guard
        made = guard.connect(host, port, timeout) if guard else socket.create_connection((host, port), timeout)
        made.settimeout(timeout)
        if self._server.security == "tls":
            return ssl.create_default_context().wrap_socket(made, server_hostname=host)
        return made


def open_client(server: Server, guard: Guard | None, timeout: float) -> Client:
    """A client that has said EHLO, encrypted and signed in. Raises what smtplib raises, and StepError."""
    client = Client(server, guard, timeout)
    try:
        client.ehlo_or_helo_if_needed()
        encrypted = server.security == "tls"
        if server.security == "starttls" or (server.security == "offered" and client.has_extn("starttls")):
            client.starttls(context=ssl.create_default_context())
            client.ehlo()
            encrypted = True
        if server.username:
            _sign_in(client, server, encrypted=encrypted)
    except BaseException:
        client.close()
        raise
    return client


def _sign_in(client: Client, server: Server, *, encrypted: bool) -> None:
    if not encrypted and not server.may_be_plain:
        raise StepError(
            f"{server.host} offers no encryption, so the password was not sent. "
            "Use smtps://, or add ?security=none to SMTP_URL.",
            permanent=True,
        )
    client.login(server.username, server.password)
