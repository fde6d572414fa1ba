"""A list of contacts is read in its order, however many there are: an index serves each sorting that is offered."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from flowapp.crm import finding
from flowapp.crm.views import fields
from flowapp.crm.views.reader import Reader
from flowapp.models import Company, Contact, Deal
from flowapp.models.crm.base import Sourced
from flowapp.models.crm.nouns import NOUNS
from flowapp.records.paging import FIRST

# Of contacts there may be a hundred thousand: each sorting. Of the others the most used ones.
SERVED: dict[type[Sourced], set[str]] = {
    Contact: set(),
    Company: {"created_at", "number", "name", "domain", "last_activity_at"},
    Deal: {"created_at", "number", "last_activity_at"},
}
PLAIN = "SET LOCAL enable_sort = off; SET LOCAL enable_incremental_sort = off; SET LOCAL enable_bitmapscan = off"


def as_if_there_were_many(session: Session, table: str, of_one: int) -> None:
    """SQLite's statistics say that there are 100,000 rows, `of_one` of them of each organization; without any it takes each
    index for a selective one."""
    connection = session.connection()
    connection.exec_driver_sql("ANALYZE")
    for index in [row[1] for row in connection.exec_driver_sql(f"PRAGMA index_list({table})").all()]:
        columns = [row[2] for row in connection.exec_driver_sql(f"PRAGMA index_info({index})").all()]
        found = [str(of_one) if column == "organization_id" else "1" for column in columns]
        values = (table, index, " ".join(["100000", *found]))
        connection.exec_driver_sql("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)", values)
    connection.exec_driver_sql("ANALYZE sqlite_schema")


def plan_of(session: Session, model: type[Sourced], sort: str) -> str:
    """How the database reads the first page; an empty table of PostgreSQL is read in order where that is possible."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        if "ORDER BY" in statement and "LIMIT" in statement:
            asked.append((statement, values))

    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    try:
        finding.find(session, model, finding.Search(sort=sort), FIRST)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    ((statement, values),) = asked
    if engine.dialect.name == "sqlite":
        return str(session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all())
    session.connection().exec_driver_sql(PLAIN)
    return str(session.connection().exec_driver_sql(f"EXPLAIN {statement}", values).all())


@pytest.mark.parametrize("of_one", [100_000, 401])  # SQLite looks at some 400 rows (models.sqlite.refresh_statistics)
@pytest.mark.parametrize("model", SERVED)
def test_an_index_serves_each_sorting(session: Session, model: type[Sourced], of_one: int) -> None:
    if session.get_bind().dialect.name == "sqlite":
        as_if_there_were_many(session, model.__tablename__, of_one)
    known = fields.of(Reader(session), NOUNS[model])
    offered = {name for name, one in known.items() if one.sort}
    names = SERVED[model] or offered
    assert names <= offered
    sorts = [sign + name for name in names for sign in ("", "-")]
    plans = {sort: plan_of(session, model, sort) for sort in sorts}
    assert {sort: plan for sort, plan in plans.items() if "TEMP B-TREE" in plan or "Sort" in plan} == {}


def test_a_sorting_without_an_index_is_seen(session: Session) -> None:
    plan = plan_of(session, Deal, "title")
    assert "TEMP B-TREE" in plan or "Sort" in plan
