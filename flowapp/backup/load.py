"""Restores a backup, in one transaction: all of it, or nothing. What is restored is paused until somebody resumes it.

Foreign keys are checked at the end: workflows and versions point at each other. On PostgreSQL they are taken off and put
back, which checks them; SQLite defers them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flowapp.backup.dump import count, data_tables, own_tables, own_tables_in
from flowapp.backup.file import KINDS, Tail, lines
from flowapp.data import tables
from flowapp.errors import ConflictError, InvalidError
from flowapp.models import DataTable, Lease, installation, utcnow
from flowapp.models.tenancy import SYSTEM, use_tenant
from flowapp.texts import say

AT_ONCE = 20  # rows in memory; each may hold megabytes
_OURS = frozenset({"installation_settings", "job_runs"})  # an empty installation has these too
_FOREIGN_KEYS = (
    "SELECT conrelid::regclass::text AS relation, quote_ident(conname) AS name, pg_get_constraintdef(oid) AS definition "
    "FROM pg_constraint WHERE contype = 'f' AND connamespace = current_schema()::regnamespace"
)


def refuse_where_in_use(engine: sa.Engine, *, replace: bool) -> None:
    """ConflictError where Flowapp runs on this database, or it holds something and may not be replaced."""
    with _all_organizations(engine) as connection:
        lease = connection.execute(sa.select(Lease.until).where(Lease.name == "scheduler")).scalar()
        if lease is not None and lease > utcnow():
            raise ConflictError(say("Flowapp is running on this database. Stop all its processes first."))
        counts = {
            table.name: count(connection, table) for table in own_tables_in(connection) if table.name not in _OURS
        }
        if any(counts.values()) and not replace:
            words = ", ".join(
                f"{counts[name]} {name}" for name in ("organizations", "users", "workflows", "executions")
            )
            raise ConflictError(
                say(
                    "The database is not empty (%(found)s). Use --replace to delete everything in it first.",
                    found=words,
                )
            )


def load(engine: sa.Engine, path: Path, tail: Tail) -> None:
    """Fills the database, whose schema is the backup's, with what the file holds. What it held before is deleted.

    InvalidError or ConflictError, and the database as it was, where that does not work.
    """
    try:
        with _all_organizations(engine) as connection:
            keys = _take_off_foreign_keys(connection)
            _empty(connection)
            for table in _fill(connection, path):
                loaded = count(connection, table)
                if loaded != tail.rows[table.name]:
                    raise ConflictError(
                        say(
                            "%(loaded)s rows of %(table)s were restored instead of %(wanted)s.",
                            loaded=loaded, table=table.name, wanted=tail.rows[table.name],
                        )
                    )  # fmt: skip
            for key in keys:
                connection.exec_driver_sql(f"ALTER TABLE {key.relation} ADD CONSTRAINT {key.name} {key.definition}")
            installation.restored(connection)
            connection.commit()
    except IntegrityError as error:
        reason = str(error.orig).splitlines()[0]
        raise InvalidError.at("FILE", say("The backup is inconsistent: %(reason)s.", reason=reason)) from None


@contextmanager
def _all_organizations(engine: sa.Engine) -> Iterator[sa.Connection]:
    with engine.connect() as connection:
        use_tenant(connection, SYSTEM)
        yield connection


def _take_off_foreign_keys(connection: sa.Connection) -> list[Any]:
    if connection.dialect.name == "sqlite":
        connection.execute(sa.update(Lease).values(owner=Lease.owner).where(sa.false()))  # begins the transaction
        connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        return []
    connection.exec_driver_sql("SET LOCAL lock_timeout = '10s'")  # a process that still runs shall not hold it up
    keys = list(connection.execute(sa.text(_FOREIGN_KEYS)))
    for key in keys:
        connection.exec_driver_sql(f"ALTER TABLE {key.relation} DROP CONSTRAINT {key.name}")
    return keys


def _empty(connection: sa.Connection) -> None:
    for table in data_tables(connection):
        table.drop(connection)
    for own in reversed(own_tables_in(connection)):
        connection.execute(own.delete())


def _fill(connection: sa.Connection, path: Path) -> Iterator[sa.Table]:
    """Inserts all rows; each table once it is full."""
    batch: list[dict[str, Any]] = []
    table: Any = None
    insert: Any = None
    names: list[str] = []
    readers: list[Any] = []
    for line in lines(path):
        if isinstance(line, list):
            pairs = zip(names, readers, line, strict=True)
            batch.append({name: None if value is None else read(value) for name, read, value in pairs})
        if batch and (isinstance(line, dict) or len(batch) >= AT_ONCE):
            connection.execute(insert, batch)
            batch = []
        if isinstance(line, dict) and "table" in line:
            table = _table(connection, line["table"], line["columns"])
            names, readers = list(line["columns"]), [KINDS[kind].read for kind in line["columns"].values()]
            insert = sa.insert(table)
        elif isinstance(line, dict) and "end" in line:
            yield table


def _table(connection: sa.Connection, name: str, columns: dict[str, str]) -> sa.Table:
    """The table that a part of the file is for; one that users defined is made, as it is defined by rows read before."""
    if any(name == own.name for own in own_tables()):
        typed = (sa.Column(column, KINDS[kind].type) for column, kind in columns.items())
        return sa.Table(name, sa.MetaData(), *typed)
    with Session(connection, info={SYSTEM: True}) as session:
        defined = session.scalars(sa.select(DataTable).where(DataTable.physical_name == name)).one_or_none()
        if defined is None:
            raise InvalidError.at(
                "FILE", say("The backup contains a table without a definition: “%(name)s”.", name=name)
            )
        return tables.build(session, defined)
