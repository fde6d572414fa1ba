"""Alembic's environment: `alembic -c migrations/alembic.ini …`, which the launcher runs too.

The tables that users defined (ud_*) are left alone. Whoever comes while another host migrates waits for it. A database
that is newer than this release is left as it is: it serves this release too (docs/upgrading.md).
"""

from __future__ import annotations

from typing import Any

from alembic import context
from sqlalchemy import Connection, Engine

from flowapp.config import Settings
from flowapp.models import Base, migrations
from flowapp.models.tenancy import make_engine, prepare_engine


def open_engine() -> Engine:
    """An engine of its own: its connections are closed at the end, and SQLite then folds its WAL into the file."""
    settings = Settings.from_env()
    engine = make_engine(settings, "long")
    prepare_engine(engine, settings)
    return engine


def include_name(name: str | None, kind: str, _parents: Any) -> bool:
    """User-defined tables are not the application's schema."""
    return not (kind == "table" and (name or "").startswith("ud_"))


def render_item(kind: str, item: Any, _context: Any) -> str | bool:
    """Migrations stand on SQLAlchemy's own types, not on this application's, which may change."""
    if kind != "type":
        return False
    if type(item).__name__ == "JSON":
        return 'sa.JSON(none_as_null=True).with_variant(sa.Text(), "sqlite")'
    return "sa.DateTime(timezone=True)" if type(item).__name__ == "UtcDateTime" else False


def run() -> None:
    """Runs the migrations in one transaction each."""
    engine = open_engine()
    with migrations.alone(engine, _say), engine.connect() as connection:
        if migrations.state(connection) == "newer":
            _say(f"the database is at {migrations.current(connection)}, newer than this release: left as it is")
        else:
            connection.rollback()
            _migrate(connection)
    engine.dispose()


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_name=include_name,
        render_item=render_item,
        render_as_batch=True,
        compare_type=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a command's output


if context.is_offline_mode():
    raise SystemExit("Migrations run against a database: set DATABASE_URL.")
run()
