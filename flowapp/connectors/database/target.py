"""The database that an integration names, and how its server may be reached."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from flowapp.catalog import IntegrationHandle
from flowapp.errors import StepError
from flowapp.texts import say

MOST_ROWS, LONGEST = 100_000, 3600
_PORTS = {"postgresql": 5432, "mysql": 3306}
_PATIENCE = 5  # seconds that a server has beyond its own time limit before its connection is cut

Connect = Callable[[str, int, float], socket.socket]
AddressesOf = Callable[[str, int], Sequence[str]]
Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Target:
    """Where statements go. `connect` and `addresses` are the egress guard's."""

    kind: str
    host: str
    port: int
    database: str
    username: str
    password: str
    tls: str
    allow_changes: bool
    timeout: int
    row_limit: int
    connect: Connect
    addresses: AddressesOf

    def fault(self, reason: str, *, permanent: bool, **details: object) -> StepError:
        """An error in plain words, without the password."""
        if self.password:
            reason = reason.replace(self.password, "…")
        message = say("The database “%(database)s” on %(host)s: %(reason)s", database=self.database, host=self.host,
                      reason=reason)  # fmt: skip
        return StepError(message, permanent=permanent, details=dict(details))

    def too_slow(self) -> StepError:
        """The server ended the statement."""
        return self.fault(say("the statement took longer than %(seconds)s seconds.", seconds=self.timeout), permanent=False)  # fmt: skip

    def read_only(self) -> StepError:
        """A change that is not allowed."""
        return self.fault(
            say("changes are not allowed. Turn on “Allow changes” in the integration to write to it."), permanent=True
        )

    def lost(self, reason: str) -> StepError:
        """The connection broke. Where something was written, nobody knows whether it was kept."""
        return self.fault(
            say("the connection was lost (%(reason)s).", reason=reason), permanent=False, sent=self.allow_changes
        )


@dataclass(frozen=True, slots=True)
class Found:
    """The rows of a statement, or how many it changed; `more`: there were more than the limit."""

    rows: list[Row]
    count: int
    more: bool = False


def target_of(handle: IntegrationHandle, connect: Connect, addresses: AddressesOf, most: float = LONGEST) -> Target:
    """`most`: seconds that the step has."""
    config = handle.config
    port = config["port"] or _PORTS[config["kind"]]
    if not 0 < port < 65536:
        raise StepError(say("The port must be between 1 and 65535."), permanent=True)
    return Target(
        kind=config["kind"],
        host=config["host"],
        port=port,
        database=config["database"],
        username=config["username"],
        password=handle.credentials["password"],
        tls=config["tls"],
        allow_changes=config["allow_changes"],
        timeout=max(1, min(config["timeout"], int(most), LONGEST)),
        row_limit=max(1, min(config["row_limit"], MOST_ROWS)),
        connect=connect,
        addresses=addresses,
    )


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
