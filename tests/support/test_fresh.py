"""Each test finds an empty database and a started application, whatever the test before it did to its own."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from sqlalchemy import create_engine, event, inspect, text

from flowapp import tasks
from flowapp.extensions import db
from flowapp.models import InstallationSetting, Organization
from flowapp.models.tenancy import system_session
from tests.support import matrix
from tests.support.applications import running

LEASE = "INSERT INTO leases (name, owner, until) VALUES ('x', 'me', '2026-01-01')"
CHANGES = [
    "DELETE FROM alembic_version",
    "ALTER TABLE contacts ADD COLUMN extra TEXT",
    "CREATE INDEX extra ON contacts (id)",
    "DROP TABLE notifications",
]


@pytest.fixture(params=matrix.BOTH)
def database(request: pytest.FixtureRequest) -> Any:
    """A database of a kind, as the fixture database_url asks it for each test."""
    return request.getfixturevalue(f"_{request.param}_database")


def looked_at(url: str) -> dict[str, Any]:
    """What is in a database: of each table its columns, its indexes and how many rows it has."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    try:
        with engine.connect() as connection:
            eye = inspect(connection)
            return {
                name: (
                    [column["name"] for column in eye.get_columns(name)],
                    sorted(str(index["name"]) for index in eye.get_indexes(name)),
                    connection.execute(text(f'SELECT count(*) FROM "{name}"')).scalar_one(),
                )
                for name in eye.get_table_names()
            }
    finally:
        engine.dispose()


def change(url: str, *statements: str) -> None:
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def test_rows_and_tables_of_a_test_are_gone(database: Any) -> None:
    url = database.fresh()
    before = looked_at(url)
    assert before["alembic_version"][2] == 1
    change(url, "CREATE TABLE t_1 (a TEXT)", "INSERT INTO t_1 VALUES ('x')", LEASE)
    assert looked_at(url) != before
    again = database.fresh()
    assert again == url
    assert looked_at(again) == before


@pytest.mark.parametrize("statement", CHANGES)
def test_what_a_test_changed_in_the_schema_is_as_it_was(database: Any, statement: str) -> None:
    url = database.fresh()
    before = looked_at(url)
    change(url, statement)
    assert looked_at(url) != before
    assert looked_at(database.fresh()) == before


def test_a_transaction_that_a_test_left_open_keeps_nobody_waiting(database: Any) -> None:
    url = database.fresh()
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    connection = engine.connect()
    connection.execute(text(LEASE))
    try:
        assert looked_at(database.fresh())["leases"][2] == 0
    finally:
        connection.invalidate()
        connection.close()
        engine.dispose()


def test_the_next_test_gets_the_same_application_as_if_it_had_just_been_made(settings: Any) -> None:
    heard: list[str] = []
    with running(settings) as app:
        first = tasks.runtime()
        app.extensions["left behind"], app.config["MAX_CONTENT_LENGTH"] = "by a test", 1
        with app.app_context():
            event.listen(db.engine, "before_cursor_execute", lambda *given: heard.append(given[2]))
            with system_session(db.engine) as session:
                session.add(Organization(name="Acme"))
                session.commit()
    assert heard
    heard.clear()
    with running(settings) as again:
        assert again is app
        assert tasks.runtime() is not first
        assert "left behind" not in app.extensions
        assert app.config["MAX_CONTENT_LENGTH"] == settings.max_body + 65_536
        with app.app_context(), system_session(db.engine) as session:
            assert session.query(InstallationSetting).count() == 0
        assert not heard


def test_other_settings_make_another_application(settings: Any) -> None:
    with running(settings) as one, running(dataclasses.replace(settings, smtp_url="")) as other:
        assert one is not other
    with running(settings) as one, running(settings) as second:
        assert one is not second, "one that runs is not taken twice"
