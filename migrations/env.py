"""Alembic's environment: runs on the app's engine; leaves the tables that users defined (ud_*) alone."""

from __future__ import annotations

from typing import Any

from alembic import context
from flask import current_app

database = current_app.extensions["migrate"].db


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
    with database.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=database.metadata,
            include_name=include_name,
            render_item=render_item,
            render_as_batch=True,
            compare_type=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
    database.engine.dispose()  # SQLite then folds its WAL into the file


if context.is_offline_mode():
    raise SystemExit("Migrations run against a database: set DATABASE_URL.")
run()
