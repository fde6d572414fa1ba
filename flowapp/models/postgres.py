"""How PostgreSQL is used: nobody waits for ever, neither for a lock, nor for a statement, nor for a server that is silent.

The server ends what takes too long (lock, statement, a transaction in which nothing happens), and notices that a host is
gone (TCP keepalive). A server that is silent cannot say so, and a proxy between takes packets in its place, so that TCP
notices nothing: whoever has waited for PATIENCE seconds asks whether the server still takes connections. Where it does,
the statement is slow, and waited for; where it does not, the connection is given up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from typing import Any, Literal, TypeVar

import psycopg
from psycopg import errors
from sqlalchemy import Engine, event, make_url

from flowapp.config import Settings

Role = Literal["web", "worker", "scheduler", "long"]  # long: backups and migrations, which take the time they need

PATIENCE = 1.0  # seconds of silence before a waiting thread asks whether the server lives
CONNECT_SECONDS = 2  # the least that libpq takes
KNOWN_SECONDS = 1.0  # how long an answer to that question stands for all threads
_HOST_IS_GONE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
_UNANSWERED_MS = 15_000  # of sent data: TCP_USER_TIMEOUT

T = TypeVar("T")


def connect_args(settings: Settings, role: Role) -> dict[str, object]:
    """Parameters of every connection of a process; what DATABASE_URL says itself goes before."""
    server = {f"tcp_{name}": value for name, value in _HOST_IS_GONE.items()}
    server["tcp_user_timeout"] = _UNANSWERED_MS
    if role != "long":
        server["lock_timeout"] = settings.db_lock_timeout * 1000
        server["statement_timeout"] = settings.db_statement_timeout * 1000
        server["idle_in_transaction_session_timeout"] = settings.db_idle_timeout * 1000
    client = {"connect_timeout": CONNECT_SECONDS, "keepalives": 1, "tcp_user_timeout": _UNANSWERED_MS, **_HOST_IS_GONE}
    said = make_url(settings.database_url).query
    options = [*(f"-c {name}={value}" for name, value in server.items()), str(said.get("options", ""))]
    return {**{name: said.get(name, value) for name, value in client.items()}, "options": " ".join(options).strip()}


class Pulse:
    """Whether a server lives. Threads that want to know at the same time ask it once. `ask()` raises psycopg.Error."""

    def __init__(self, ask: Callable[[], None]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._asked_at = float("-inf")
        self._lives = True

    def lives(self) -> bool:
        """Asks, unless somebody did just now."""
        with self._lock:
            if time.monotonic() - self._asked_at > KNOWN_SECONDS:
                self._lives = self._asked()
                self._asked_at = time.monotonic()
            return self._lives

    @property
    def stopped(self) -> bool:
        """Whether the server was found dead just now."""
        return not self._lives and time.monotonic() - self._asked_at < KNOWN_SECONDS

    def _asked(self) -> bool:
        try:
            self._ask()
        except psycopg.OperationalError as error:
            return "FATAL" in str(error)  # it answers, if only that it takes no connection now
        return True


class PatientConnection(psycopg.Connection[Any]):
    """A connection that gives up a server which is silent and takes no connection either."""

    pulse: Pulse

    def wait(self, gen: Generator[Any, Any, T], *args: Any, **options: Any) -> T:
        """Waits as psycopg does. OperationalError, and the connection is closed, where the server is dead."""
        return super().wait(self._watched(gen), *args, **options)

    def _watched(self, gen: Generator[object, object, T]) -> Generator[Any, Any, T]:
        try:
            wanted = next(gen)
            asked_at = time.monotonic()
            while True:
                ready = yield wanted
                if not ready and self._late(asked_at):
                    if not self.pulse.lives():
                        self.pgconn.finish()
                        raise errors.OperationalError("the database does not respond")
                    asked_at = time.monotonic()
                wanted = gen.send(ready)
        except StopIteration as end:
            value: T = end.value
            return value

    def _late(self, since: float) -> bool:
        return time.monotonic() - since > PATIENCE or self.pulse.stopped


def prepare_postgres(engine: Engine) -> None:
    """Has an engine make connections that are patient, but not for ever."""
    pulses: dict[str, Pulse] = {}

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: object, _record: object, arguments: list[Any], options: dict[str, Any]) -> PatientConnection:
        pulse = pulses.setdefault("", Pulse(lambda: psycopg.connect(*arguments, **options).close()))
        if pulse.stopped:
            raise errors.OperationalError("the database does not respond")
        connection = PatientConnection.connect(*arguments, **options)
        connection.pulse = pulse
        return connection
