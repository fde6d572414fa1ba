"""One organization a session: what a session reads and writes is its own organization's, or it is an error.

Three nets, one below the other: ORM statements get the organization as a criterion; rows are stamped at flush; and on
PostgreSQL forced row-level security refuses what raw SQL or Core statements would still let through
(`flowapp.organization` is set on the connection before each transaction).
A session is for one organization for its whole life: the identity map must never mix two.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.orm import ORMExecuteState, Session, SessionTransaction, UOWTransaction, with_loader_criteria

from flowapp.config import Settings
from flowapp.database import ENGINE_OPTIONS
from flowapp.errors import FlowError
from flowapp.models.base import Tenant
from flowapp.models.sqlite import prepare_sqlite

if TYPE_CHECKING:
    from flowapp.models.postgres import Role

SYSTEM = "system"
# How long a thread waits for a free connection. A person gets an answer after 5 s at the latest, a worker has time.
POOL_SECONDS = {"web": 2, "worker": 10, "scheduler": 5, "long": 30}
IDLE = 0  # psycopg.pq.TransactionStatus: in no transaction


class TenantMissingError(FlowError):
    """Code touched a tenant's table in a session that belongs to no organization: a bug, never the user's fault."""


def bind_tenant(session: Session, organization_id: str) -> None:
    """Makes `session` that organization's. A session that already serves another one is refused."""
    known = session.info.get("organization_id")
    if known not in (None, organization_id):
        raise TenantMissingError("This session already serves another organization.")
    session.info["organization_id"] = organization_id


def make_engine(settings: Settings, role: Role = "web") -> Engine:
    """The database engine of a process without Flask."""
    return create_engine(settings.database_url, **engine_options(settings, role))


def engine_options(settings: Settings, role: Role = "web") -> dict[str, object]:
    """Options that every engine is made with, by what its process does."""
    # Opened when first needed and kept: an overflow would be closed and opened again hundreds of times a second.
    options = dict(ENGINE_OPTIONS, max_overflow=0, pool_use_lifo=True)
    if settings.is_sqlite:
        return options | {"pool_size": max(30, settings.threads + 2), "pool_timeout": 10}
    from flowapp.models.postgres import connect_args  # and its driver: a process on SQLite starts without

    pool = {"pool_size": pool_size(settings, role), "pool_timeout": POOL_SECONDS[role]}
    return options | pool | {"connect_args": connect_args(settings, role)}


def pool_size(settings: Settings, role: Role) -> int:
    """How many connections to PostgreSQL a process holds at most."""
    # A worker's threads use one each, beside the keeper of leases and the heartbeat; a step may need a second one.
    return {"web": settings.db_pool, "worker": settings.threads + 4, "scheduler": 4, "long": 2}[role]


def connections_of_host(settings: Settings, webs: int = 1) -> int:
    """How many connections to PostgreSQL one host takes at most that runs `webs` web processes, workers, a scheduler.

    As many worker processes again may be about to retire (flowapp.worker); their parent has one for itself.
    """
    web, worker, scheduler = (pool_size(settings, role) for role in ("web", "worker", "scheduler"))
    return webs * web + 2 * settings.workers * worker + 1 + scheduler


def prepare_engine(engine: Engine, settings: Settings) -> None:
    """Sets up connections: SQLite's pragmas and its way of starting transactions; PostgreSQL's UTC."""
    if engine.dialect.name == "sqlite":
        prepare_sqlite(engine, settings.sqlite_synchronous)
    else:
        from flowapp.models.postgres import prepare_postgres

        prepare_postgres(engine)
        event.listen(engine, "rollback", _forget_tenant)
        event.listen(engine, "reset", _forget_unfinished)


@contextmanager
def tenant_session(engine: Engine, organization_id: str) -> Iterator[Session]:
    """A session of one organization; closed at the end, commits are the caller's."""
    with Session(engine, info={"organization_id": organization_id}, expire_on_commit=False) as session:
        yield session


@contextmanager
def system_session(engine: Engine) -> Iterator[Session]:
    """A session over all organizations: for signing in, hooks by key, and the scheduler. Nothing else."""
    with Session(engine, info={SYSTEM: True}, expire_on_commit=False) as session:
        yield session


@event.listens_for(Session, "do_orm_execute")
def _criterion(state: ORMExecuteState) -> None:
    if state.session.info.get(SYSTEM) or state.is_column_load:
        return
    organization_id = state.session.info.get("organization_id")
    if organization_id is None:
        if any(issubclass(mapper.class_, Tenant) for mapper in state.all_mappers):
            raise TenantMissingError("A tenant's table was read without an organization.")
        return
    state.statement = state.statement.options(
        with_loader_criteria(
            Tenant, lambda cls: cls.organization_id == organization_id, include_aliases=True, propagate_to_loaders=False
        )
    )


@event.listens_for(Session, "before_flush")
def _stamp(session: Session, _context: UOWTransaction, _instances: object) -> None:
    if session.info.get(SYSTEM):
        return
    organization_id = session.info.get("organization_id")
    for row in (*session.new, *session.dirty, *session.deleted):
        if not isinstance(row, Tenant):
            continue
        if organization_id is None:
            raise TenantMissingError("A tenant's row was written without an organization.")
        if row.organization_id is None:
            row.organization_id = organization_id
        elif row.organization_id != organization_id:
            raise TenantMissingError("A row of another organization was written.")


@event.listens_for(Session, "after_begin")
def _tell_database(session: Session, _transaction: SessionTransaction, connection: Connection) -> None:
    """Sets the organization for row-level security, only where the connection served another one before."""
    use_tenant(connection, SYSTEM if session.info.get(SYSTEM) else session.info.get("organization_id", ""))


def use_tenant(connection: Connection, wanted: str) -> None:
    """Tells PostgreSQL whose rows this connection may see from now on (an organization's id, or SYSTEM)."""
    if connection.dialect.name == "postgresql" and connection.info.get("tenant") != wanted:
        connection.exec_driver_sql("SELECT set_config('flowapp.organization', %s, false)", (wanted,))
        connection.info["tenant"] = wanted


def at_once(dialect: str) -> dict[str, object]:
    """Execution options of a connection for one writing statement: PostgreSQL commits it by itself, in one round trip."""
    return {"isolation_level": "AUTOCOMMIT"} if dialect == "postgresql" else {}


def _forget_tenant(connection: Connection) -> None:
    # A rollback takes back what set_config did inside the transaction: ask again next time.
    if not connection.invalidated:  # a broken one has nothing to ask, and would raise in place of the real error
        connection.info.pop("tenant", None)


def _forget_unfinished(dbapi_connection: Any, record: Any, _state: object) -> None:
    """A connection that comes back to the pool inside a transaction (its session was not closed) is rolled back there."""
    if dbapi_connection.info.transaction_status != IDLE:
        record.info.pop("tenant", None)
