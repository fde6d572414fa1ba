"""How SQLite is used: WAL, and transactions that take the write lock with their first write.

Reads before the first write run on their own (each sees what is committed, as in PostgreSQL's READ COMMITTED); the first
write begins with BEGIN IMMEDIATE. So no transaction ever upgrades from reading to writing, which SQLite would refuse with
"database is locked" at once instead of waiting.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, event

BUSY_MILLISECONDS = 15_000
_READS = ("SELECT", "PRAGMA", "EXPLAIN", "VALUES")


def prepare_sqlite(engine: Engine, synchronous: str) -> None:
    """Installs the pragmas and the lazy BEGIN IMMEDIATE on an engine."""

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout={BUSY_MILLISECONDS}",
            "journal_mode=WAL",
            f"synchronous={synchronous}",
            "foreign_keys=ON",
            "temp_store=MEMORY",
            "cache_size=-8000",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "before_cursor_execute")
    def _begin(_c: Any, cursor: Any, statement: str, _p: Any, _context: Any, _many: bool) -> None:
        if not cursor.connection.in_transaction and not statement.lstrip()[:7].upper().startswith(_READS):
            cursor.execute("BEGIN IMMEDIATE")
