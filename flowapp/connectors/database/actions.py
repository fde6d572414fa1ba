"""What steps do with a database, whichever it is."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import cast

from flowapp.catalog import StepContext
from flowapp.catalog.sql_expressions import bind
from flowapp.connectors.database import statements
from flowapp.connectors.database.target import Access, Target, target_of
from flowapp.connectors.database.values import Row, check_sendable, is_text
from flowapp.connectors.runner import Service
from flowapp.errors import StepError
from flowapp.texts import say

Values = Mapping[str, object]
_VERSION = {"sqlite": "SELECT 'SQLite ' || sqlite_version() AS version, (SELECT count(*) FROM sqlite_master) AS tables"}


def run_query(ctx: StepContext, service: Service, values: Values) -> dict[str, object]:
    """One statement that reads, whatever the integration allows, with its rows."""
    target = target_of(service.handle, ctx, ctx.timeout)
    statement = _statement(ctx, target, values)
    if statement.word not in statements.READS or statement.writes_file:
        raise target.only_reads()
    return _run(ctx, service, target, statement)


def run_statement(ctx: StepContext, service: Service, values: Values) -> dict[str, object]:
    """One statement that may change something, with the rows that it returns, or how many it changed."""
    target = target_of(service.handle, ctx, ctx.timeout, writes=True)
    return _run(ctx, service, target, _statement(ctx, target, values))


def _statement(ctx: StepContext, target: Target, values: Values) -> statements.Statement:
    query, params = bind(ctx, str(values["query"]), cast(dict[str, object], values["params"]))
    check_sendable(target.kind, {"query": query, **params})
    return statements.read(target.kind, query, params)


def _run(ctx: StepContext, service: Service, target: Target, statement: statements.Statement) -> dict[str, object]:
    with service.used(service.handle.id):
        found = _driver(target).query(target, statement)
    if found.more:
        message = say("There are more than %(most)s rows; the rest was not read. Narrow the query, or raise the maximum of the integration.", most=target.row_limit)  # fmt: skip
        ctx.log(message, "warning")
    first = found.rows[0] if found.rows else None
    return {"results": found.rows, "count": found.count, "truncated": found.more, "first": first}


def insert_rows(ctx: StepContext, service: Service, values: Values) -> dict[str, object]:
    """Adds rows."""
    return _write(ctx, service, values, None)


def upsert_rows(ctx: StepContext, service: Service, values: Values) -> dict[str, object]:
    """Adds rows, or updates those with the same values in the columns `match`."""
    return _write(ctx, service, values, [str(name) for name in cast(list[object], values["match"])])


def try_out(service: Service, context: object) -> str:
    """Signs in and asks for the server's version."""
    access: Access = context.http.guard  # type: ignore[attr-defined] # every Http of the product has one
    target = target_of(service.handle, access, most=10)
    query = _VERSION.get(target.kind, "SELECT version() AS version")
    answer = _driver(target).query(target, statements.read(target.kind, query, {}))
    version = (
        str(answer.rows[0]["version"]).partition(" (")[0].partition(" on ")[0]
    )  # PostgreSQL also names its compiler
    return say("Connected to “%(database)s” (%(version)s).", database=target.database, version=version[:100])


def _driver(target: Target) -> ModuleType:
    """Loaded when it is used."""
    if target.kind == "sqlite":
        from flowapp.connectors.database import sqlite

        return sqlite
    if target.kind == "mysql":
        from flowapp.connectors.database import mysql

        return mysql
    from flowapp.connectors.database import postgresql

    return postgresql


def _write(ctx: StepContext, service: Service, values: Values, match: list[str] | None) -> dict[str, object]:
    target = target_of(service.handle, ctx, ctx.timeout, writes=True)
    table, rows = str(values["table"]).strip(), _rows(values["rows"])
    for name in (*table.split("."), *(column for row in rows for column in row), *(match or ())):
        if not name.strip() or "\0" in name or not is_text(name):
            raise StepError(say("A name of a table or column is empty, or has a character that no name has."), permanent=True)  # fmt: skip
    for row in rows:
        check_sendable(target.kind, row)
        if lacking := [name for name in match or () if name not in row]:
            raise StepError(say("A row does not name the column “%(name)s”.", name=lacking[0]), permanent=True)
    if not rows:
        return {"count": 0}
    with service.used(service.handle.id):
        return {"count": _driver(target).write(target, table, rows, match)}


def _rows(given: object) -> list[Row]:
    made = list[Row]()
    for row in given if isinstance(given, list) else [given]:
        if not isinstance(row, dict) or not row:
            message = say("Rows must be an object such as %(example)s, or a list of them.", example='{"name": "Ann"}')
            raise StepError(message, permanent=True)
        made.append({str(name): value for name, value in row.items()})
    return made
