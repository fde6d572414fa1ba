"""How SQLite is used: WAL, and transactions that take the write lock with their first write.

Reads before the first write run on their own (each sees what is committed, as in PostgreSQL's READ COMMITTED); the first
write begins with BEGIN IMMEDIATE. So no transaction ever upgrades from reading to writing, which SQLite would refuse with
"database is locked" at once instead of waiting.

SQLite lets writers wait in a loop whose pauses grow to 100 ms, so that under load some wait for seconds. Here the threads
of a process queue for a lock of their own, and the one whose turn it is asks every millisecond for that of a file beside
the database, which all processes of Flowapp share; the system frees it when its holder dies. Whoever has both finds
SQLite's own lock free, unless another program writes: that one is waited for as SQLite does it.
"""

from __future__ import annotations

import fcntl
import sqlite3
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Engine, event

from flowapp.values.text import folded

BUSY_SECONDS = 15.0
_ASK_AGAIN = 0.001
_PATIENT = f"PRAGMA busy_timeout={BUSY_SECONDS * 1000:.0f}"
_READS = ("SELECT", "PRAGMA", "EXPLAIN", "VALUES")


class WaitingConnection(sqlite3.Connection):
    """A connection whose write transactions wait their turn in `turn`, the lock of the process's engine."""

    turn: threading.Lock
    patience = BUSY_SECONDS
    gate: IO[bytes]  # of this connection alone: what is opened before a fork would be one lock for both
    _mine = False

    def begin(self) -> None:
        """Begins a write transaction. sqlite3.OperationalError where the database is busy for `patience` seconds."""
        if not self.turn.acquire(timeout=self.patience):
            raise sqlite3.OperationalError("database is locked")
        self._mine = True
        try:
            self._pass_gate()
            self.execute("BEGIN IMMEDIATE")
        except BaseException:
            self._leave()
            raise

    def commit(self) -> None:
        """Commits, and lets the next one write."""
        try:
            super().commit()
        finally:
            self._leave()

    def rollback(self) -> None:
        """Rolls back, and lets the next one write."""
        try:
            super().rollback()
        finally:
            self._leave()

    def close(self) -> None:
        """Closes; what was not committed is rolled back."""
        super().close()
        self.gate.close()
        if self._mine:
            self._mine = False
            self.turn.release()

    def _pass_gate(self) -> None:
        end = time.monotonic() + self.patience
        while True:
            try:
                fcntl.flock(self.gate, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > end:
                    raise sqlite3.OperationalError("database is locked") from None
                time.sleep(_ASK_AGAIN)
            else:
                return

    def _leave(self) -> None:
        if self._mine and not self.in_transaction:
            self._mine = False
            fcntl.flock(self.gate, fcntl.LOCK_UN)
            self.turn.release()


def wait_at_most(connection: sqlite3.Connection, seconds: float) -> None:
    """Has a connection wait that long for others that write."""
    if isinstance(connection, WaitingConnection):
        connection.patience = seconds
    connection.execute(f"PRAGMA busy_timeout={seconds * 1000:.0f}").close()


def _gate(database: str | None) -> IO[bytes]:
    if not database or database == ":memory:":
        return tempfile.TemporaryFile()
    return Path(f"{database}-turn").open("ab")


def _folded(value: object) -> str | None:
    return None if value is None else folded(str(value))


def prepare_sqlite(engine: Engine, synchronous: str) -> None:
    """Installs the pragmas and the lazy BEGIN IMMEDIATE on an engine."""
    turn = threading.Lock()

    @event.listens_for(engine, "do_connect")
    def _waiting(_dialect: object, _record: object, _arguments: object, options: dict[str, Any]) -> None:
        options["factory"] = WaitingConnection

    @event.listens_for(engine, "connect")
    def _pragmas(connection: WaitingConnection, _record: object) -> None:
        connection.turn, connection.gate = turn, _gate(engine.url.database)
        connection.isolation_level = None  # transactions are begun below, not by the driver
        connection.execute(_PATIENT).close()
        connection.create_function("flowapp_folded", 1, _folded, deterministic=True)
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={synchronous}",
            "foreign_keys=ON",
            "temp_store=MEMORY",
            "cache_size=-8000",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "before_cursor_execute")
    def _begin(_c: object, cursor: Any, statement: str, _p: object, _context: object, _many: bool) -> None:
        if not cursor.connection.in_transaction and not statement.lstrip()[:7].upper().startswith(_READS):
            cursor.connection.begin()


def refresh_statistics(engine: Engine) -> None:
    """Has SQLite look at how its indexes are filled, a sample of each: without, it may read a million rows for a page.

    PostgreSQL does so by itself. With the limit it takes milliseconds: https://sqlite.org/lang_analyze.html#approx
    """
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA analysis_limit=400")
            connection.exec_driver_sql("ANALYZE")
            # Connections that are open read the figures again only where the schema has changed: they plan by old ones else.
            connection.exec_driver_sql("CREATE VIEW statistics_changed AS SELECT 1")
            connection.exec_driver_sql("DROP VIEW statistics_changed")
            connection.commit()
