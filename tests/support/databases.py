"""One database of each kind for each pytest-xdist worker, without a row whenever a test asks for it, and its engine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import Engine, Pool, event

from flowapp.config import Settings
from flowapp.models.tenancy import engine_options, make_engine, prepare_engine
from tests.support.processes import wait_until
from tests.support.servers.postgres import Cluster

LARGE = 1 << 18  # bytes: what deleted rows leave behind is cleared away from a table of this size
# Without a time to wait for each: the server looks only every 0.1 s whether one is gone.
_OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
_TABLES = (
    "SELECT relname, pg_relation_size(oid) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
)
# Changes whenever something is made, changed or dropped: each row of the catalogue names the transaction that wrote it.
_SHAPE = """
    WITH ours AS (SELECT oid, xmin FROM pg_class WHERE relnamespace = 'public'::regnamespace),
    rows (xmin) AS (
        SELECT xmin FROM ours
        UNION ALL SELECT a.xmin FROM pg_attribute a JOIN ours ON attrelid = ours.oid
        UNION ALL SELECT c.xmin FROM pg_constraint c JOIN ours ON conrelid = ours.oid
        UNION ALL SELECT i.xmin FROM pg_index i JOIN ours ON indrelid = ours.oid
        UNION ALL SELECT t.xmin FROM pg_trigger t JOIN ours ON tgrelid = ours.oid
        UNION ALL SELECT p.xmin FROM pg_policy p JOIN ours ON polrelid = ours.oid
        UNION ALL SELECT xmin FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT xmin FROM pg_namespace
        UNION ALL SELECT xmin FROM pg_db_role_setting
    )
    SELECT count(*), max(xmin::text::bigint), (SELECT string_agg(version_num, ',') FROM alembic_version) FROM rows
"""


class _Kept:
    """An engine that tests use in turn: it knows the statements that it has compiled."""

    def __init__(self, settings: Settings) -> None:
        self.engine, self.open = make_engine(settings), False
        self.late: list[Pool] = []  # whose connections a thread may have that outlives its test
        prepare_engine(self.engine, settings)
        event.listen(self.engine, "do_connect", self._refuse, insert=True)

    def renew(self) -> None:
        """A pool without connections; those of earlier ones are closed once nobody has them, one turn later at least."""
        busy = [pool for pool in self.late if pool.checkedout()]  # type: ignore[attr-defined]
        for pool in self.late:
            if pool not in busy:
                pool.dispose()
        self.late = [*busy, self.engine.pool]
        self.engine.dispose(close=False)

    def close(self) -> None:
        """It is not used again."""
        for pool in self.late:
            pool.dispose()

    def _refuse(self, *_: object) -> None:
        """A thread that outlives its test finds no database of the next one."""
        if not self.open:
            raise self.engine.dialect.loaded_dbapi.OperationalError("the test is over")  # type: ignore[union-attr]


_kept: dict[str, _Kept] = {}


@contextmanager
def connected(settings: Settings) -> Iterator[Engine]:
    """An engine as processes of the product have it, the same one for each test on its database."""
    key = str((settings.database_url, settings.sqlite_synchronous, engine_options(settings)))
    kept = _kept.get(key)
    if kept is None or kept.open:
        kept = _kept[key] = _Kept(settings)
    kept.renew()  # a late thread may have been connecting while the last test ended
    kept.open, heard = True, len(list(kept.engine.dispatch.before_cursor_execute))
    try:
        yield kept.engine
    finally:
        kept.open = False
        kept.renew()
        if len(list(kept.engine.dispatch.before_cursor_execute)) != heard:  # somebody still listens
            _kept.pop(key, None)
        if _kept.get(key) is not kept:
            kept.close()


@dataclass
class SqliteDatabase:
    """A file that is a copy of the migrated one."""

    template: Path
    path: Path

    def fresh(self) -> str:
        """DATABASE_URL. Who still has the file of an earlier test open keeps that one: it is another file."""
        for suffix in ("", "-wal", "-shm", "-journal", "-turn"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        shutil.copyfile(self.template, self.path)
        return f"sqlite:///{self.path}"


@dataclass
class PostgresDatabase:
    """A database that is emptied; made anew where a test changed more than rows and tables of its own.

    To copy a database takes PostgreSQL 0.2 to 0.5 s, to empty it some milliseconds.
    """

    cluster: Cluster
    name: str = ""
    _admin: psycopg.Connection | None = None
    _tables: set[str] = field(default_factory=set)
    _shape: object = None

    def fresh(self) -> str:
        """DATABASE_URL."""
        if self._admin is None or not self._emptied(self._admin):
            self.close()
            self._make()
        return self.cluster.url(self.name)

    def close(self) -> None:
        """Drops it."""
        if self._admin is not None:
            self._admin.close()
            self._admin = None
            self.cluster.drop_database(self.name)

    def _make(self) -> None:
        self.name = self.cluster.create_database()
        self._admin = self.cluster.admin(self.name)
        self._tables = {name for name, _ in self._admin.execute(_TABLES)}
        self._shape = self._admin.execute(_SHAPE).fetchone()

    def _emptied(self, admin: psycopg.Connection) -> bool:
        """Whether it is again as it was made."""
        try:
            wait_until(lambda: not admin.execute(_OTHERS).fetchall(), message="a connection stays")
            sizes = dict(admin.execute(_TABLES).fetchall())
            drops = [f'DROP TABLE "{name}" CASCADE' for name in sizes.keys() - self._tables]
            deletes = [f'DELETE FROM "{name}"' for name in self._tables - {"alembic_version"}]
            replica = "SET LOCAL session_replication_role = replica"  # no foreign key asks for an order
            admin.execute(sql.SQL("; ".join(["BEGIN", replica, *drops, *deletes, "COMMIT"])))  # type: ignore[arg-type]
            for name in (name for name in self._tables if sizes.get(name, 0) > LARGE):
                admin.execute(sql.SQL("VACUUM {}").format(sql.Identifier(name)))
            return admin.execute(_SHAPE).fetchone() == self._shape
        except psycopg.Error:  # a table is gone, or the server was started again
            return False


@contextmanager
def postgres_database(cluster: Cluster) -> Iterator[PostgresDatabase]:
    """Dropped at the end."""
    database = PostgresDatabase(cluster)
    try:
        yield database
    finally:
        database.close()
