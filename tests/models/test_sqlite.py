"""SQLite's own ways."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from flowapp.config import Settings
from flowapp.models import Organization
from flowapp.models.sqlite import refresh_statistics
from flowapp.models.tenancy import make_engine, prepare_engine, system_session


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_statistics_tell_the_planner_how_indexes_are_filled(settings: Settings, database_url: Any) -> None:
    engine = make_engine(settings)
    prepare_engine(engine, settings)
    with system_session(engine) as session:
        session.add_all(Organization(name=f"O {n}") for n in range(200))
        session.commit()
    refresh_statistics(engine)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT tbl, stat FROM sqlite_stat1")).all()
    engine.dispose()
    assert next(stat for table, stat in rows if table == "organizations").startswith("200")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_connections_that_are_open_plan_by_new_statistics(settings: Settings, database_url: Any) -> None:
    engine = make_engine(settings)
    prepare_engine(engine, settings)
    look = "SELECT * FROM plans WHERE kind = 1 AND number = 5"

    def fill(statement: str) -> None:
        with engine.begin() as connection:
            connection.execute(text(statement))
        refresh_statistics(engine)

    with engine.connect() as waiting:
        fill("CREATE TABLE plans (kind, number)")
        fill("CREATE INDEX by_kind ON plans (kind)")
        fill("CREATE INDEX by_number ON plans (number)")
        counted = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2000)"
        for rows, index in (("SELECT 1, n FROM n", "by_number"), ("SELECT n, 5 FROM n", "by_kind")):
            fill("DELETE FROM plans")
            fill(f"INSERT INTO plans {counted} {rows}")
            waiting.execute(text(look)).all()
            plan = waiting.execute(text(f"EXPLAIN QUERY PLAN {look} -- {index}")).all()
            waiting.rollback()
            assert index in str(plan)
    engine.dispose()
