"""The database that an integration names, and how its server may be reached."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from flowapp.catalog import IntegrationHandle
from flowapp.errors import StepError
from flowapp.security.opened import Opened
from flowapp.texts import say

MOST_ROWS, LONGEST = 100_000, 3600
_PORTS = {"postgresql": 5432, "mysql": 3306}
_PATIENCE = 5  # seconds that a server has beyond its own time limit before its connection is cut


class Access(Protocol):
    """What may be reached, as the egress guard decides: a StepContext, or the guard itself."""

    connect: Callable[[str, int, float], socket.socket]
    addresses: Callable[[str, int], list[str]]
    database_file: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Target:
    """Where statements go. `writes`: whether they may change something; `tls_ca`: the authority of the server's certificate."""

    kind: str
    host: str
    port: int
    database: str
    username: str
    password: str
    tls: str
    tls_ca: str
    writes: bool
    timeout: int
    row_limit: int
    access: Access

    def fault(self, reason: str, *, permanent: bool, **details: object) -> StepError:
        """An error in plain words, without the password."""
        reason = Opened([self.password]).mask(reason)
        if self.kind == "sqlite":
            message = say("The database “%(database)s”: %(reason)s", database=self.database, reason=reason)
        else:
            message = say("The database “%(database)s” on %(host)s: %(reason)s", database=self.database, host=self.host,
                          reason=reason)  # fmt: skip
        return StepError(message, permanent=permanent, details=dict(details))

    def too_slow(self) -> StepError:
        """The server ended the statement."""
        return self.fault(say("the statement took longer than %(seconds)s seconds.", seconds=self.timeout), permanent=False)  # fmt: skip

    def only_reads(self) -> StepError:
        """A change by a step that reads."""
        reason = say("this step only reads. Use the step “Change a database with SQL” to change something.")
        return self.fault(reason, permanent=True)

    def trust(self) -> ssl.SSLContext:
        """Checks the server's certificate, by the authority of the integration, else by those that this machine knows."""
        try:
            return ssl.create_default_context(cadata=self.tls_ca or None)
        except (ssl.SSLError, TypeError, ValueError):  # TypeError: not ASCII
            raise StepError(say("“Certificate of the authority” is no certificate. Paste the text from BEGIN CERTIFICATE to END CERTIFICATE."), permanent=True) from None  # fmt: skip

    def lost(self, reason: str) -> StepError:
        """The connection broke. Where something was written, nobody knows whether it was kept."""
        return self.fault(
            say("the connection was lost (%(reason)s).", reason=reason), permanent=False, sent=self.writes
        )


def target_of(handle: IntegrationHandle, access: Access, most: float = LONGEST, *, writes: bool = False) -> Target:
    """`most`: seconds that the step has. StepError where it wants to write, and may not."""
    config = handle.config
    port = config["port"] or _PORTS.get(config["kind"], 1)
    if not 0 < port < 65536:
        raise StepError(say("The port must be between 1 and 65535."), permanent=True)
    made = Target(
        kind=config["kind"],
        host=config["host"],
        port=port,
        database=config["database"],
        username=config["username"],
        password=handle.credentials["password"],
        tls=config["tls"],
        tls_ca=config["tls_ca"].strip(),
        writes=writes,
        timeout=max(1, min(config["timeout"], int(most), LONGEST)),
        row_limit=max(1, min(config["row_limit"], MOST_ROWS)),
        access=access,
    )
    if writes and not config["allow_changes"]:
        reason = say("changes are not allowed. Turn on “Allow changes” in the integration to write to it.")
        raise made.fault(reason, permanent=True)
    return made


@contextmanager
def cut_after(descriptor: int, seconds: int) -> Iterator[None]:
    """Ends a connection whose server keeps silent, so that no worker waits for ever."""
    with socket.socket(fileno=_copy(descriptor)) as copy:
        timer = threading.Timer(seconds + _PATIENCE, _cut, [copy])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _copy(descriptor: int) -> int:
    return socket.dup(descriptor)


def _cut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:  # it is closed
        return
