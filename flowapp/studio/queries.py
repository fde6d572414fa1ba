"""Read-only SQL over a project's data tables: one dialect, PostgreSQL's, whatever the database.

What may stand in a query is decided in studio.sql_text; here the checked query runs, under a time limit and behind a
second net: a read-only savepoint on PostgreSQL (and row-level security), an authorizer on SQLite.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from flowapp.errors import StepError
from flowapp.models import DataTable
from flowapp.studio.columns import plain
from flowapp.studio.sql_text import Query, prepare

MAX_ROWS = 10_000
TIMEOUT = 5.0
_SQLITE_MAY = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION})


def run(
    session: Session,
    available: Sequence[DataTable],
    sql: str,
    params: Mapping[str, Any],
    *,
    limit: int = 1000,
    timeout: float = TIMEOUT,
) -> list[dict[str, Any]]:
    """The rows of a query as JSON values, at most `limit`. `:name` takes `params["name"]`; a list stands in `IN (:name)`.

    `timeout` in seconds. StepError (permanent) names what is wrong: syntax, table, column, function, parameter, time.
    """
    dialect = session.get_bind().dialect.name
    query = prepare(available, sql, params, dialect, max(1, min(limit, MAX_ROWS)))
    execute = _on_sqlite if dialect == "sqlite" else _on_postgresql
    try:
        rows = execute(session, query, timeout)
    except (DBAPIError, sqlite3.Error) as error:
        raise _refused(error, available, timeout) from None
    return [{name: _json(value, kind) for (name, kind), value in zip(query.columns, row, strict=True)} for row in rows]


def _on_postgresql(session: Session, query: Query, timeout: float) -> Sequence[Sequence[Any]]:
    """In a read-only savepoint that is always rolled back: its settings end with it, an error harms nothing else."""
    nested = session.begin_nested()
    try:
        connection = session.connection()
        connection.exec_driver_sql(
            "SELECT set_config('statement_timeout', %(ms)s, true), set_config('timezone', 'UTC', true), "
            "set_config('transaction_read_only', 'on', true)",
            {"ms": str(int(timeout * 1000))},
        )
        return connection.exec_driver_sql(query.sql, query.values).all()
    finally:
        nested.rollback()


def _on_sqlite(session: Session, query: Query, timeout: float) -> Sequence[Sequence[Any]]:
    """With our functions, a time limit, and an authorizer that lets through reading of these tables and nothing else.

    On the driver's connection, because the engine begins a writing transaction for whatever is not plainly a SELECT.
    """
    from flowapp.studio.sqlite_sql import FUNCTIONS

    connection: Any = session.connection().connection.driver_connection
    end = time.monotonic() + timeout

    def may(code: int, first: str | None, *_more: Any) -> int:
        read = code == sqlite3.SQLITE_READ and (not first or first in query.tables or first.startswith("cte_"))
        return sqlite3.SQLITE_OK if read or code in _SQLITE_MAY else sqlite3.SQLITE_DENY

    for name, count, function in FUNCTIONS:
        connection.create_function(name, count, function, deterministic=True)
    connection.set_progress_handler(lambda: int(time.monotonic() > end), 20_000)
    connection.set_authorizer(may)
    try:
        rows: Sequence[Sequence[Any]] = connection.execute(query.sql, query.values).fetchall()
        return rows
    finally:
        connection.set_authorizer(None)
        connection.set_progress_handler(None, 0)


def _refused(error: Exception, available: Sequence[DataTable], timeout: float) -> StepError:
    """The database's own words, with the names that the user knows."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    diagnosis = getattr(cause, "diag", None)
    text = (diagnosis.message_primary if diagnosis else None) or str(cause)
    if "interrupted" in text or "statement timeout" in text:
        return StepError(f"The query took longer than {timeout:g} seconds: narrow it down.", permanent=True)
    if "user-defined function" in text:
        text = "a date, time or interval in it cannot be read"
    for table in available:
        text = text.replace(table.physical_name, table.slug)
    return StepError(f"The database refused the query: {text}.", permanent=True)


def _json(value: Any, kind: str) -> Any:
    """A value of the result, whose type was inferred as `kind`: SQLite has no booleans, times or JSON of its own."""
    if isinstance(value, str) and kind in ("TIMESTAMPTZ", "TIMESTAMP"):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime) and value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    if isinstance(value, str) and kind in ("JSONB", "JSON"):
        return orjson.loads(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    return bool(value) if kind == "BOOLEAN" and value in (0, 1) else plain(value)
