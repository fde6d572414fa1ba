"""Makes a backup: every row of every organization as it was at one moment, while Flowapp goes on.

On PostgreSQL one REPEATABLE READ transaction of the application's own role, which row-level security lets see all
organizations (models.tenancy: SYSTEM), as pg_dump under that role does not; on SQLite one read transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy.orm import Session

from flowapp.backup.file import Head, Row, Tail, Writer, created, kind_of
from flowapp.data import tables
from flowapp.errors import ConflictError
from flowapp.models import Base, DataTable
from flowapp.models.tenancy import SYSTEM, use_tenant
from flowapp.security.credentials import is_sealed
from flowapp.texts import say

# Of processes that ran when the backup was made; links that are good for an hour.
PASSING = frozenset({"heartbeats", "leases", "password_resets"})
_TOKEN = b"gAAAA"  # how Fernet tokens begin; a file, or what a key of an organization encrypts, is none of these keys
AT_ONCE = 20  # rows in memory; each may hold megabytes


def own_tables() -> list[sa.Table]:
    """The application's tables that are kept, in an order in which what is referred to comes first."""
    return [table for table in Base.metadata.sorted_tables if table.name not in PASSING]


def own_tables_in(connection: sa.Connection) -> list[sa.Table]:
    """Those of them that a database has: an older backup is restored into an older schema."""
    there = set(sa.inspect(connection).get_table_names())
    return [table for table in own_tables() if table.name in there]


def make(engine: sa.Engine, path: Path, head: Head, keys: Sequence[str]) -> Tail:
    """Writes a backup to a new file; what it holds. `keys`: the encryption keys, in the order of `head.encryption_keys`.

    ConflictError where the database holds something else than what was written: the file is not kept.
    """
    with created(path) as stream, snapshot(engine) as connection:
        writer, needed = Writer(stream, head), Needed(keys)
        every = [*own_tables(), *data_tables(connection)]
        for table in every:
            kinds = {str(column.name): kind_of(column.type) for column in table.c}
            writer.table(str(table.name), kinds, _rows(connection, table), needed.look)
        for table in every:
            _check(connection, table, writer.rows[table.name])
        tail = Tail(writer.rows, [head.encryption_keys[at] for at in sorted(needed.by)], needed.unopened)
        writer.end(tail)
    return tail


@contextmanager
def snapshot(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection that sees all organizations, at one moment."""
    options = (
        {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    )
    with engine.connect().execution_options(**options) as connection:
        if engine.dialect.name == "sqlite":  # our connections begin transactions only to write (models.sqlite)
            raw: Any = connection.connection.dbapi_connection
            raw.execute("BEGIN").close()
        with connection.begin() as transaction:
            use_tenant(connection, SYSTEM)
            yield connection
            transaction.rollback()


def data_tables(connection: sa.Connection) -> list[sa.Table]:
    """The tables that users defined, of all organizations."""
    with Session(connection, info={SYSTEM: True}) as session:
        return [tables.sql_table(row) for row in session.scalars(sa.select(DataTable).order_by(DataTable.id))]


def count(connection: sa.Connection, table: sa.Table) -> int:
    """How many rows a table holds."""
    return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def _rows(connection: sa.Connection, table: sa.Table) -> Iterator[Row]:
    rows = connection.execution_options(yield_per=AT_ONCE).execute(sa.select(table))
    for row in rows:
        yield list(row)


def _check(connection: sa.Connection, table: sa.Table, written: int) -> None:
    stored = count(connection, table)
    if stored != written:
        raise ConflictError(
            say("The table %(table)s holds %(stored)s rows, but %(written)s were read.", table=table.name, stored=stored, written=written)
        )  # fmt: skip


class Needed:
    """Finds out which of the keys the secrets among rows were encrypted with: `by` are their places, `unopened` counts
    those that none opens."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernets = [Fernet(key) for key in keys]
        self._key_index = lru_cache(4096)(self._find)
        self.by: set[int] = set()
        self.unopened = 0

    def look(self, row: Row, line: bytes) -> None:
        """Looks through a row, which stands in the file as `line`."""
        for value in row:
            if isinstance(value, bytes) and value.startswith(_TOKEN):
                self._note(value)
            elif isinstance(value, dict | list) and b'"$secret"' in line:
                self._walk(value)

    def _walk(self, value: Any) -> None:
        if is_sealed(value):
            self._note(str(value["$secret"]).encode())
        elif isinstance(value, dict | list):
            for item in value.values() if isinstance(value, dict) else value:
                self._walk(item)

    def _note(self, token: bytes) -> None:
        key_index = self._key_index(token)
        if key_index is None:
            self.unopened += 1
        else:
            self.by.add(key_index)

    def _find(self, token: bytes) -> int | None:
        for key_index, fernet in enumerate(self._fernets):
            try:
                fernet.decrypt(token)
            except InvalidToken:
                continue
            return key_index
        return None
