"""The schema's version: the newest migration of this release, and the one a database is at.

Alembic is imported by those who ask: it takes a fifth of a second, which no start of the web process shall wait for.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from sqlalchemy import Connection

COMMAND = "alembic -c migrations/alembic.ini upgrade head"
_FOLDER = Path(__file__).resolve().parents[2] / "migrations"


@cache
def newest() -> str | None:
    """The migration that this release needs."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(_FOLDER)).get_current_head()


def current(connection: Connection) -> str | None:
    """The migration that the database is at; None for an empty one."""
    from alembic.migration import MigrationContext

    return MigrationContext.configure(connection).get_current_revision()
