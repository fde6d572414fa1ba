"""The records of a data table: read, found, written. Values are coerced by column; every fault is named by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flowapp.data import tables
from flowapp.data.columns import SYSTEM_COLUMNS, Column, as_text
from flowapp.data.record_facts import RecordFacts, batches
from flowapp.errors import InvalidError, NotFoundError, Problem
from flowapp.events import SYSTEM, Cause
from flowapp.models import DataTable, conventions_of, new_id, utcnow
from flowapp.models.folding import holds
from flowapp.records.paging import FIRST, Page, PageAt, numbered
from flowapp.texts import say
from flowapp.values.conventions import UNSTATED, Conventions
from flowapp.values.text import address_key

Row = dict[str, object]
_SEARCHED = ("text", "long_text", "email", "choice", "number", "date")


def find(session: Session, table: DataTable, at: PageAt = FIRST, *, search: str = "", sort: str = "-id") -> Page[Row]:
    """Records that hold `search` in any column, sorted by a column's key (`-key`: downwards); its rows are dicts."""
    physical = tables.sql_table(table)
    where = _matches(table, physical, search)
    key = sort.removeprefix("-")
    sortable = {column.key for column in tables.columns_of(table) if column.type != "json"} | {*SYSTEM_COLUMNS}
    cell = physical.c[key if key in sortable else "id"]
    order = sa.nulls_last(cell.desc()) if sort.startswith("-") else sa.nulls_last(cell.asc())
    query = sa.select(*_shown(table, physical)).where(where)
    page = numbered(session, query, at, order=(order, physical.c.id))
    keys = [column.key for column in _shown(table, physical)]
    return page.of([dict(zip(keys, row, strict=True)) for row in page.rows])


def _matches(table: DataTable, physical: sa.Table, search: str) -> sa.ColumnElement[bool]:
    text = search.strip()[:200].replace("\x00", "")
    if not text:
        return sa.true()
    searched = [column.key for column in tables.columns_of(table) if column.type in _SEARCHED]
    return sa.or_(
        physical.c.id == text,
        *(holds(sa.cast(physical.c[key], sa.Text), text) for key in searched),
    )


def _shown(table: DataTable, physical: sa.Table) -> list[sa.Column[Any]]:
    keys = ["id", *(column.key for column in tables.columns_of(table)), "created_at", "updated_at"]
    return [physical.c[key] for key in keys]


def count(session: Session, table: DataTable) -> int:
    """How many records the table has."""
    return session.scalar(sa.select(sa.func.count()).select_from(tables.sql_table(table))) or 0


def get(session: Session, table: DataTable, record_id: str) -> Row:
    """One record. NotFoundError where there is none."""
    physical = tables.sql_table(table)
    row = session.execute(sa.select(*_shown(table, physical)).where(physical.c.id == record_id)).mappings().first()
    if row is None:
        raise NotFoundError(say("This record does not exist, or was deleted."))
    return dict(row)


def every(session: Session, table: DataTable) -> Iterator[Row]:
    """All records, oldest first, in batches: for export. No transaction is open while whoever reads them takes their time."""
    physical = tables.sql_table(table)
    shown, last = _shown(table, physical), ""
    while True:
        query = sa.select(*shown).where(physical.c.id > last).order_by(physical.c.id).limit(500)
        rows = session.execute(query).mappings().all()
        session.commit()
        yield from map(dict, rows)
        if len(rows) < 500:
            return
        last = rows[-1]["id"]


def coerce(
    columns: Sequence[Column],
    raw: Mapping[str, object],
    conventions: Conventions = UNSTATED,
    *,
    partial: bool = False,
) -> Row:
    """`raw` as the columns store it. `partial`: only what is given is checked. InvalidError names every wrong field."""
    values: Row = {}
    problems: list[Problem] = []
    for column in columns:
        if partial and column.key not in raw:
            continue
        try:
            values[column.key] = column.coerce(raw.get(column.key), conventions)
        except InvalidError as error:
            problems.append(Problem(column.key, error.message))
    if problems:
        raise InvalidError(problems)
    return values


def create(session: Session, table: DataTable, raw: Mapping[str, object], *, cause: Cause = SYSTEM) -> Row:
    """Adds one record. InvalidError by column."""
    values = coerce(tables.columns_of(table), raw, conventions_of(session))
    refuse_doubles(session, table, [values])
    return get(session, table, insert(session, table, [values], cause=cause)[0])


def update(
    session: Session, table: DataTable, record_id: str, raw: Mapping[str, object], *, cause: Cause = SYSTEM
) -> Row:
    """Changes what `raw` names of one record. InvalidError by column."""
    get(session, table, record_id)
    values = coerce(tables.columns_of(table), raw, conventions_of(session), partial=True)
    refuse_doubles(session, table, [values], own=(record_id,))
    write(session, table, (record_id,), values, cause=cause)
    return get(session, table, record_id)


def write(session: Session, table: DataTable, ids: Sequence[str], values: Row, *, cause: Cause = SYSTEM) -> None:
    """Sets coerced values on records."""
    facts = RecordFacts(session, table, "updated", cause, ids)
    physical = tables.sql_table(table)
    change = sa.update(physical).where(physical.c.id.in_(ids)).values(**values, updated_at=utcnow())
    with _doubles_named(session):
        session.execute(change)
    facts.tell(ids)


def delete(session: Session, table: DataTable, ids: Sequence[str], *, cause: Cause = SYSTEM) -> int:
    """Deletes records; returns how many there were."""
    facts = RecordFacts(session, table, "deleted", cause, ids)
    physical = tables.sql_table(table)
    deleted = 0
    for batch in batches(ids):
        gone = session.execute(sa.delete(physical).where(physical.c.id.in_(batch)).returning(physical.c.id))
        deleted += len(gone.all())
    facts.tell(ids)
    return deleted


def insert(
    session: Session,
    table: DataTable,
    rows: Sequence[Row],
    sources: Sequence[str | None] = (),
    *,
    cause: Cause = SYSTEM,
) -> list[str]:
    """Inserts coerced rows; returns their ids in order. `sources`: each row's idempotency key."""
    physical = tables.sql_table(table)
    now, organization_id = utcnow(), session.info["organization_id"]
    ids = [new_id() for _row in rows]
    full: list[Mapping[str, object]] = [
        {
            **row, "id": ids[at], "organization_id": organization_id, "created_at": now, "updated_at": now,
            "source_key": sources[at] if sources else None,
        }
        for at, row in enumerate(rows)
    ]  # fmt: skip
    with _doubles_named(session):
        for batch in batches(full):
            session.execute(sa.insert(physical), list(batch))
    RecordFacts(session, table, "created", cause).tell(ids)
    return ids


@contextmanager
def _doubles_named(session: Session) -> Iterator[None]:
    """A savepoint that turns the database's "not unique" into the user's: somebody was faster than our check."""
    try:
        with session.begin_nested():
            yield
    except IntegrityError:
        message = say("A value that must be unique is already in the table.")
        raise InvalidError.at("", message, code="unique") from None


def refuse_doubles(session: Session, table: DataTable, rows: Sequence[Row], own: Sequence[str] = ()) -> None:
    """InvalidError where a unique column's value is in the table already (in another record than `own`)."""
    for at, key, message in doubles(session, table, rows, own):
        raise InvalidError.at(key if len(rows) == 1 else f"{at}.{key}", message, code="unique")


def doubles(
    session: Session, table: DataTable, rows: Sequence[Row], own: Sequence[str] = ()
) -> Iterator[tuple[int, str, str]]:
    """(index, key, message) of each value that must be unique and is not: in the table, or twice in `rows`."""
    physical = tables.sql_table(table)
    for column in tables.columns_of(table):
        given = [(at, row[column.key]) for at, row in enumerate(rows) if row.get(column.key) is not None]
        if not column.unique or not given:
            continue
        known = set()
        for batch in batches(list({identity_of(column, value) for _at, value in given})):
            cell = physical.c[column.key]
            same = tables.identity(cell, column.type)
            here = sa.select(same).where(same.in_(batch), physical.c.id.not_in(own))
            known |= set(session.scalars(here))
        for at, value in given:
            if identity_of(column, value) in known:
                text = as_text(value)
                yield (
                    at,
                    column.key,
                    say("“%(value)s” already exists; values in this column must be unique.", value=text),
                )
            known.add(identity_of(column, value))


def identity_of(column: Column, value: Any) -> Any:
    """A value as tables.identity has it."""
    return address_key(value) if column.type == "email" and isinstance(value, str) else value
