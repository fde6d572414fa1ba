"""Read-only SQL over a project's data tables: one dialect, PostgreSQL's, whatever the database.

What may stand in a query is decided in data.sql.text, in a helper process; SQLite runs there as well. On PostgreSQL the
checked query runs under a time limit, behind a second net: a read-only savepoint (and row-level security).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from flowapp import exact_json
from flowapp.catalog.sql_expressions import replace_expressions
from flowapp.data import tables
from flowapp.data.columns import plain
from flowapp.data.sql.result_size import MAX_BYTES, too_large
from flowapp.data.sql.text import Query, Source
from flowapp.errors import StepError
from flowapp.models import DataTable
from flowapp.security import helpers
from flowapp.texts import say

MAX_ROWS = 10_000
TIMEOUT = 5.0
# The number and bytes of all rows before each of them; where those are too many, they alone: the driver takes in all at once.
_MEASURED = """
WITH result__ AS MATERIALIZED (QUERY),
size__ AS (SELECT count(*) AS rows, coalesce(sum(octet_length((result__.*)::text)), 0) AS bytes FROM result__)
SELECT size__.*, result__.* FROM size__ LEFT JOIN result__ ON size__.bytes <= %(bytes__)s
"""


def run(
    session: Session,
    available: Sequence[DataTable],
    sql: str,
    params: Mapping[str, object],
    *,
    limit: int = 1000,
    timeout: float = TIMEOUT,
) -> list[dict[str, object]]:
    """The rows of a query as JSON values, at most `limit`. `:name` takes `params["name"]`; a list stands in `IN (:name)`.

    `timeout` in seconds. It sees what is committed. StepError (permanent) names what is wrong: syntax, table, column,
    function, parameter, time, size.
    """
    from flowapp.data.sql import work  # heavy: imported when the first query runs

    timeout = helpers.left(timeout)
    rows: Sequence[Sequence[object]]
    ask = (_sources(available), sql, params, max(1, min(limit, MAX_ROWS)))
    try:
        if session.get_bind().dialect.name == "sqlite":
            bind: Any = session.get_bind()
            columns, rows = helpers.call(work.on_sqlite, str(bind.url.database), *ask, timeout)
        else:
            query = helpers.call(work.for_postgresql, *ask)
            columns, rows = query.columns, _on_postgresql(session, query, timeout)
    except (DBAPIError, sqlite3.Error) as error:
        raise _refused(error, available, timeout) from None
    return [{name: _json(value, kind) for (name, kind), value in zip(columns, row, strict=True)} for row in rows]


def count(session: Session, available: Sequence[DataTable], sql: str, params: Mapping[str, object]) -> int:
    """How many rows a query that can run finds without the step's limit."""
    whole = sql.strip().rstrip(";")
    counted = f"SELECT count(*) AS found FROM (\n{whole}\n) AS found__"  # noqa: S608 - parsed and checked like any other
    found = run(session, available, counted, params, limit=1)
    return int(str(found[0]["found"]))


def columns(available: Sequence[DataTable], sql: str, params: Mapping[str, object]) -> dict[str, str]:
    """The columns of a query's result with their types, without running it. StepError says what is wrong with it."""
    from flowapp.data.sql import work

    return dict(helpers.call(work.for_postgresql, _sources(available), sql, params, 1).columns)


def fault(available: Sequence[DataTable], sql: str, params: Mapping[str, object], dialect: str) -> str:
    """Why a query cannot run, before it does; nothing where it can. Expressions in it become parameters."""
    from flowapp.data.sql import work

    text, named = replace_expressions(sql, dict.fromkeys(params))
    try:
        return helpers.call(work.find_fault, _sources(available), text, named, dialect)
    except StepError as error:  # it takes too long to be read
        return error.message


def _sources(available: Sequence[DataTable]) -> list[Source]:
    return [
        Source(
            table.id, table.slug, table.name, table.physical_name,
            {"id": "text", **{c.key: c.type for c in tables.columns_of(table)}, "created_at": "datetime",
             "updated_at": "datetime"},
        )
        for table in available
    ]  # fmt: skip


def _on_postgresql(session: Session, query: Query, timeout: float) -> Sequence[Sequence[object]]:
    """In a read-only savepoint that is always rolled back: its settings end with it, an error harms nothing else."""
    nested = session.begin_nested()
    try:
        connection = session.connection()
        connection.exec_driver_sql(
            "SELECT set_config('statement_timeout', %(ms)s, true), set_config('timezone', 'UTC', true), "
            "set_config('transaction_read_only', 'on', true)",
            {"ms": str(max(1, int(timeout * 1000)))},
        )
        named = query.values if isinstance(query.values, dict) else {}
        driver: Any = connection.connection.driver_connection
        with helpers.stoppable(lambda: driver.cancel_safe(timeout=1.0)):
            rows = connection.exec_driver_sql(
                _MEASURED.replace("QUERY", query.sql), {**named, "bytes__": MAX_BYTES}
            ).all()
    finally:
        nested.rollback()
    count, size = rows[0][:2]
    if size > MAX_BYTES:
        raise too_large()
    return [row[2:] for row in rows] if count else []


def _refused(error: Exception, available: Sequence[DataTable], timeout: float) -> StepError:
    """The database's own words, with the names that the user knows."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    diagnosis = getattr(cause, "diag", None)
    text = (diagnosis.message_primary if diagnosis else None) or str(cause)
    if "interrupted" in text or "statement timeout" in text:
        return StepError(
            say("The query took longer than %(timeout)s seconds. Narrow it down.", timeout=f"{timeout:g}"),
            permanent=True,
        )
    if "too big" in text or "array size exceeds" in text or "cannot enlarge string" in text or "out of memory" in text:
        return too_large()
    if "user-defined function" in text:
        text = say("a date, time or interval in it cannot be read")
    for table in available:
        text = text.replace(table.physical_name, table.slug)
    return StepError(say("The database refused the query: %(text)s.", text=text), permanent=True)


def _json(value: object, kind: str) -> object:
    """A value of the result, whose type was inferred as `kind`: SQLite has no booleans, times or JSON of its own."""
    if isinstance(value, str) and kind in ("TIMESTAMPTZ", "TIMESTAMP"):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime) and value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    if isinstance(value, str) and kind in ("JSONB", "JSON"):
        return exact_json.loads(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    return bool(value) if kind == "BOOLEAN" and value in (0, 1) else plain(value)
