"""What helper processes do with a user's query; importing this, they share what is heavy.

SQLite runs inside the interpreter, so there the whole query is done here: on a connection of its own that cannot write,
with our functions, an authorizer that lets through reading of the query's tables and nothing else, and SQLite's own
limits of time and size.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from flowapp.data.sql.result_size import MAX_BYTES, size_of, too_large
from flowapp.data.sql.sqlite import FUNCTIONS
from flowapp.data.sql.text import Query, Source, prepare
from flowapp.errors import StepError
from flowapp.texts import say

_MAY = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION})
_BUSY = 5.0
_HANDLED_EVERY = 20_000  # instructions of SQLite's machine

Rows = list[tuple[object, ...]]


def for_postgresql(available: Sequence[Source], sql: str, params: Mapping[str, object], limit: int) -> Query:
    """The checked query. StepError."""
    return prepare(available, sql, params, "postgresql", limit)


def find_fault(available: Sequence[Source], sql: str, params: Mapping[str, object], dialect: str) -> str:
    """Why a query cannot run; nothing where it can."""
    try:
        prepare(available, sql, params, dialect, 1)
    except StepError as error:
        return error.message
    return ""


def on_sqlite(
    path: str, available: Sequence[Source], sql: str, params: Mapping[str, object], limit: int, timeout: float
) -> tuple[list[tuple[str, str]], Rows]:
    """(name, type) of the result's columns, and its rows. StepError; sqlite3.Error as SQLite raises it."""
    query = prepare(available, sql, params, "sqlite", limit)
    connection = sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=_BUSY, isolation_level=None)
    try:
        _limit(connection, time.monotonic() + timeout, query.tables)
        return query.columns, _taken(connection.execute(query.sql, query.values))
    except OverflowError:
        raise StepError(say("A whole number in the query has more than 64 bits."), permanent=True) from None
    finally:
        connection.close()


def _limit(connection: sqlite3.Connection, end: float, tables: frozenset[str]) -> None:
    def may(code: int, first: str | None, *_more: object) -> int:
        read = code == sqlite3.SQLITE_READ and (not first or first in tables or first.startswith("cte_"))
        return sqlite3.SQLITE_OK if read or code in _MAY else sqlite3.SQLITE_DENY

    connection.execute("PRAGMA temp_store=MEMORY").close()  # what it sorts counts as the helper's memory
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_BYTES)
    for name, count, function in FUNCTIONS:
        connection.create_function(name, count, function, deterministic=True)
    connection.set_progress_handler(lambda: int(time.monotonic() > end), _HANDLED_EVERY)
    connection.set_authorizer(may)


def _taken(cursor: sqlite3.Cursor) -> Rows:
    rows: Rows = []
    size = 0
    for row in cursor:
        size += size_of(row)
        if size > MAX_BYTES:
            raise too_large()
        rows.append(row)
    return rows
