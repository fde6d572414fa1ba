"""The schema's version: the newest migration of this release, the one a database is at, and who may migrate it now.

A database that is newer than this release serves it all the same: migrations only add (docs/upgrading.md), so the hosts of
a fleet are brought up to date one after the other, and one can go back to the release before.
Alembic is imported by those who ask: it takes a fifth of a second, which no start of the web process shall wait for.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Literal

from sqlalchemy import Connection, Engine, text

from flowapp.errors import UnavailableError

State = Literal["current", "newer", "older", "empty", "foreign"]
_FOLDER = Path(__file__).resolve().parents[2] / "migrations"
_LOCK = 0x666C6F77617070  # "flowapp"
_ASK_AGAIN = 0.2  # seconds
_PATIENCE = 600.0  # for another host's migration
_SETTING = "current_setting('flowapp.organization', true)"
# In a sub-select PostgreSQL reads it once for each statement; compared as text, it would be for each row.
_MINE = (
    f"(SELECT {_SETTING} = 'system') "
    f"OR organization_id = (SELECT CASE WHEN length({_SETTING}) = 36 THEN {_SETTING}::uuid END)"
)


def command() -> str:
    """What brings the database up to date, as one types it in the folder of this release."""
    programs = Path(sys.prefix) / "bin"
    here = programs.relative_to(Path.cwd()) if programs.is_relative_to(Path.cwd()) else programs
    return f"{here}/alembic -c migrations/alembic.ini upgrade head"


@cache
def newest() -> str:
    """The migration that this release needs."""
    return max(_known())


@cache
def _known() -> frozenset[str]:
    from alembic.script import ScriptDirectory

    return frozenset(script.revision for script in ScriptDirectory(str(_FOLDER)).walk_revisions())


def current(connection: Connection) -> str | None:
    """The migration that the database is at; None for an empty one."""
    from alembic.migration import MigrationContext

    return MigrationContext.configure(connection).get_current_revision()


def state(connection: Connection) -> State:
    """How the database stands to this release: `newer` is served too, `older` and `empty` have to be migrated."""
    at = current(connection)
    if at is None:
        return "empty"
    if at in _known():
        return "current" if at == newest() else "older"
    return "newer" if at.isdigit() and at > newest() else "foreign"


@contextmanager
def alone(engine: Engine, say: Callable[[str], None]) -> Iterator[None]:
    """While inside, no other host or process migrates this database: they wait. UnavailableError after ten minutes.

    The lock goes with its holder: with the connection on PostgreSQL, with the process on SQLite.
    """
    hold = _hold_file if engine.dialect.name == "sqlite" else _hold_advisory
    with hold(engine) as take:
        end = time.monotonic() + _PATIENCE
        if not take():
            say("another process is migrating this database: waiting for it")
            while not take():
                if time.monotonic() > end:
                    raise UnavailableError("Another process has been migrating this database for ten minutes.")
                time.sleep(_ASK_AGAIN)
        yield


@contextmanager
def _hold_advisory(engine: Engine) -> Iterator[Callable[[], bool]]:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        asked = text("SELECT pg_try_advisory_lock(:lock)").bindparams(lock=_LOCK)
        try:
            yield lambda: bool(connection.execute(asked).scalar())
        finally:
            connection.invalidate()  # closed, not given back to the pool: the lock ends with it


@contextmanager
def _hold_file(engine: Engine) -> Iterator[Callable[[], bool]]:
    database = engine.url.database
    with (Path(f"{database}-migration") if database and database != ":memory:" else Path(os.devnull)).open(
        "ab"
    ) as file:
        yield lambda: _flock(file)


def _flock(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def protect(*tables: str) -> None:
    """For migrations that make tables of organizations: on PostgreSQL raw SQL sees one organization's rows only, too.

    What it allows stays as it is, because migrations that were released call it. Another rule is another function.
    """
    from alembic import op

    if op.get_bind().dialect.name != "postgresql":
        return
    for table in tables:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY tenant ON {table} USING ({_MINE}) WITH CHECK ({_MINE})")


def is_known(revision: str) -> bool:
    """Whether this release has that migration."""
    return revision in _known()
