"""The hottest start of all, of a webhook that is known: one INSERT on the driver, written only where its precondition holds.

The row is the same that `start` writes. Workflows that limit when an execution may begin are not started so.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import Column, ColumnElement, Engine, bindparam, literal_column, select
from sqlalchemy.engine import Dialect

from flowapp.engine.store.start import DEFAULTS, executions, insert_into, once
from flowapp.models.driver import transaction


def start_where(
    engine: Engine, row: dict[str, Any], precondition: ColumnElement[bool], values: dict[str, Any]
) -> dict[str, Any] | None:
    """The row with its organization's timezone, committed. None, and nothing written, where the precondition (with the
    parameters `values`) does not hold, or the idempotency key was used before.
    """
    statement = _statement(engine.dialect, precondition, tuple(row))
    with transaction(engine, row["organization_id"], alone=True) as driver:
        written = driver.execute(statement, {**row, **values}).fetchall()
    return {**DEFAULTS, **row, "timezone": written[0][1]} if written else None


@lru_cache(maxsize=20)
def _statement(dialect: Dialect, precondition: ColumnElement[bool], given: tuple[str, ...]) -> Any:
    """The columns `given` are parameters; of the others those that have a default are written out."""
    columns = [column for column in executions.columns if column.key in given or DEFAULTS[column.key] is not None]
    values = [
        bindparam(column.key, type_=column.type) if column.key in given else _written_out(column, dialect)
        for column in columns
    ]
    rows = select(*values).where(precondition)
    insert = insert_into(dialect.name, executions).from_select(columns, rows, include_defaults=False)
    return once(insert)


def _written_out(column: Column[Any], dialect: Dialect) -> ColumnElement[Any]:
    """A column's default as it stands in SQL."""
    write: Any = column.type.dialect_impl(dialect).literal_processor(dialect)
    return literal_column(write(DEFAULTS[column.key]), column.type)
