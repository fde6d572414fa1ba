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
