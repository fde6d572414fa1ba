"""The address of a mail server, out of a URL or an integration, and a connection to it."""

from __future__ import annotations

import io
import ipaddress
import smtplib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from flowapp.errors import ConfigError, StepError
from flowapp.security.addresses import Guard
from flowapp.security.cutoff import CutOff
from flowapp.texts import say

MAX_SAID = 2**20  # bytes of a server in one dialogue: it says about a line for each recipient
Security = Literal["offered", "starttls", "tls", "none"]


@dataclass(frozen=True, slots=True)
class Server:
    """`security` offered: STARTTLS where the server offers it, but no password without it (loopback excepted). `most`: bytes
    of an e-mail that it takes, where that is known beforehand."""

    host: str
    port: int
    security: Security
    username: str = ""
    password: str = field(default="", repr=False)
    sender: str = ""
    most: int = 0

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
        raise ConfigError("SMTP_URL cannot be read. Use the form smtp://user:password@host:587.") from None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ConfigError("SMTP_URL must start with smtp:// or smtps:// and include a host.")
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


class Client(smtplib.SMTP):
    """smtplib's client, its socket opened by the guard (where there is one) and its certificates checked.

    Each answer comes within `timeout` seconds, the whole dialogue within `within`, and the server says at most MAX_SAID
    bytes in it: smtplib itself collects the lines of an answer for as long as they come.
    """

    def __init__(self, server: Server, guard: Guard | None, timeout: float, within: float) -> None:
        self._server, self._guard = server, guard
        self._cut_off: CutOff | None = None
        self._began, self._within, self._heard = monotonic(), within, 0
        try:
            super().__init__(server.host, server.port, timeout=min(timeout, within))
        except BaseException as error:
            self.close()
            self.say_if_late(error)
            raise

    def say_if_late(self, error: BaseException) -> None:
        """TimeoutError where the connection was ended by us."""
        if self._cut_off is not None and self._cut_off.expired:
            raise TimeoutError("timed out") from error

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        guard = self._guard
        made = guard.connect(host, port, timeout) if guard else socket.create_connection((host, port), timeout)
        self._cut_off = CutOff(made, self._within - (monotonic() - self._began))
        made.settimeout(timeout)
        if self._server.security == "tls":
            try:
                return ssl.create_default_context().wrap_socket(made, server_hostname=host)
            except BaseException:
                made.close()
                raise
        return made

    def getreply(self) -> tuple[int, bytes]:
        """One answer. TimeoutError where it took too long, SMTPServerDisconnected where the server says too much."""
        if self.file is None:
            sock = self.sock
            assert sock is not None  # noqa: S101 - smtplib connects before it reads
            self.file = io.BufferedReader(_Counted(sock, self._hear))
        try:
            return super().getreply()
        except smtplib.SMTPServerDisconnected as error:
            self.say_if_late(error)
            raise

    def _hear(self, size: int) -> None:
        self._heard += size
        if self._heard > MAX_SAID:
            raise StepError(say("The mail server sends more than %(most)s KiB.", most=MAX_SAID // 1024))

    def close(self) -> None:
        """Ends the connection, and the watch over it."""
        if self._cut_off is not None:
            self._cut_off.done()
        super().close()


class _Counted(io.RawIOBase):
    """The reading side of a socket; `hear` is told how much was read, and may raise."""

    def __init__(self, sock: socket.socket, hear: Callable[[int], None]) -> None:
        self._sock, self._hear = sock, hear

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = self._sock.recv_into(buffer)
        self._hear(size)
        return size


def open_client(server: Server, guard: Guard | None, timeout: float, within: float) -> Client:
    """A client that has said EHLO, encrypted and signed in. Raises what smtplib raises, and StepError."""
    client = Client(server, guard, timeout, within)
    try:
        client.ehlo_or_helo_if_needed()
        encrypted = server.security == "tls"
        if server.security == "starttls" or (server.security == "offered" and client.has_extn("starttls")):
            client.starttls(context=ssl.create_default_context())
            client.ehlo()
            encrypted = True
        if server.username:
            _sign_in(client, server, encrypted=encrypted)
    except BaseException as error:
        client.close()
        client.say_if_late(error)
        raise
    return client


def _sign_in(client: Client, server: Server, *, encrypted: bool) -> None:
    if not encrypted and not server.may_be_plain:
        raise StepError(
            say(
                "%(host)s does not offer encryption, so the password was not sent. Use smtps://, or add ?security=none to SMTP_URL.",
                host=server.host,
            ),
            permanent=True,
        )
    client.login(server.username, server.password)
