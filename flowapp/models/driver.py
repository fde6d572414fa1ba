"""The hottest statements, run on the driver itself: SQLAlchemy compiles them once and lends the connection.

Left out is what SQLAlchemy does anew for each execution of a statement. What stays: its pool, row-level security's
organization, SQLite's turn to write, its errors, and that a lost server costs the pool all its connections.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from sqlalchemy import JSON, Column, Engine, Executable, Uuid
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.types import TypeEngine

from flowapp.exact_json import dump_json

Values = Mapping[str, Any]
Processor = Callable[[Any], Any] | None
_CHOOSE = "SELECT set_config('flowapp.organization', %s, false)"


class Made:
    """A Core statement as one database takes it. `names`: the columns that an INSERT without values is given."""

    __slots__ = ("_binds", "_names", "_positional", "text")

    def __init__(self, statement: Executable, dialect: Dialect, names: Sequence[str] | None = None) -> None:
        compiled: Any = statement.compile(dialect=dialect, column_keys=names)  # type: ignore[attr-defined]
        self.text = str(compiled)
        self._positional = compiled.positional
        order = compiled.positiontup if compiled.positional else list(compiled.params)
        self._names = order
        own = compiled.params
        types = {name: bind.type for name, bind in compiled.binds.items()}
        self._binds = [(name, own.get(name), _processor(types[name], dialect)) for name in order]

    def values(self, given: Values) -> Any:
        """Parameters for the driver."""
        values = []
        for name, own, process in self._binds:
            value = given.get(name, own)
            values.append(value if value is None or process is None else process(value))
        return values if self._positional else dict(zip(self._names, values, strict=True))


@lru_cache(maxsize=500)
def _made(statement: Executable, dialect: Dialect, names: tuple[str, ...] | None) -> Made:
    return Made(statement, dialect, names)


def _processor(kind: TypeEngine[Any], dialect: Dialect) -> Processor:
    """What the driver takes in place of a value; None: the value itself. SQLAlchemy's own, but for two that cost more."""
    kind = kind.dialect_impl(dialect)
    if isinstance(kind, Uuid):
        return None if dialect.name == "postgresql" else _hexadecimal
    if isinstance(kind, JSON):
        return dump_json
    return kind.bind_processor(dialect)


@lru_cache(maxsize=100)
def _readers(columns: tuple[Column[Any], ...], dialect: Dialect) -> list[tuple[str, Processor]]:
    """The names of columns, and what makes Python's values of the driver's."""
    return [(column.name, column.type.dialect_impl(dialect).result_processor(dialect, None)) for column in columns]


def _hexadecimal(value: str) -> str:
    return value.replace("-", "")


class Driver:
    """A connection that runs Core statements; each is compiled once."""

    __slots__ = ("_cursor", "_dialect", "text")

    def __init__(self, connection: Any, dialect: Dialect) -> None:
        self._cursor, self._dialect = connection.cursor(), dialect
        self.text = ""  # the last statement, for what is said of its error

    def execute(self, statement: Executable, given: Values | Sequence[Values]) -> Any:
        """Runs it once, or for each of several rows (all with the same names). The driver's cursor, with what it found."""
        if not isinstance(given, Mapping):
            made = _made(statement, self._dialect, tuple(given[0]))
            if len(given) > 1:
                self.text = made.text
                self._cursor.executemany(made.text, [made.values(row) for row in given])
                return self._cursor
            given = given[0]
        else:
            made = _made(statement, self._dialect, None)
        self.text = made.text
        options = {"prepare": True} if self._dialect.name == "postgresql" else {}
        return self._cursor.execute(made.text, made.values(given), **options)

    def read(self, statement: Executable, given: Values, columns: tuple[Column[Any], ...]) -> list[dict[str, Any]]:
        """The rows of a statement that gives these columns, as Python values."""
        readers = _readers(columns, self._dialect)
        return [
            {name: value if read is None else read(value) for (name, read), value in zip(readers, row, strict=True)}
            for row in self.execute(statement, given).fetchall()
        ]

    def serve(self, organization_id: str, known: dict[str, Any]) -> None:
        """Has PostgreSQL show this organization's rows alone; `known` is kept with the connection (models.tenancy)."""
        if known.get("tenant") != organization_id:
            self.text = _CHOOSE
            self._cursor.execute(_CHOOSE, (organization_id,))
            known["tenant"] = organization_id


@contextmanager
def transaction(engine: Engine, organization_id: str, *, alone: bool = False, writes: bool = True) -> Iterator[Driver]:
    """One organization's transaction; commits at its end. `alone`: for one statement, which PostgreSQL commits by itself.
    What only reads waits for no turn on SQLite.

    Raises what SQLAlchemy would: DBAPIError, TimeoutError where no connection is free.
    """
    lent = _lent(engine)
    driver: Driver | None = None
    is_postgres = engine.dialect.name == "postgresql"
    connection: Any = lent.dbapi_connection
    try:
        if is_postgres and alone:
            connection.autocommit = True
        driver = Driver(connection, engine.dialect)
        if is_postgres:
            driver.serve(organization_id, lent.info)
        elif writes:
            connection.begin()
        yield driver
        if not (is_postgres and alone):
            connection.commit()
    except engine.dialect.loaded_dbapi.Error as error:
        raise _as_sqlalchemy(engine, lent, error, driver.text if driver else "") from error
    except BaseException as error:  # in the middle of an answer, perhaps
        lent.invalidate(error)
        raise
    finally:
        if lent.is_valid:
            if is_postgres and alone:
                connection.autocommit = False
            lent.close()  # rolls back what was not committed


def _lent(engine: Engine) -> PoolProxiedConnection:
    """A connection of the pool. What the driver says where none can be made is raised as by `engine.connect()`."""
    kind = engine.dialect.loaded_dbapi.Error
    try:
        return engine.raw_connection()
    except kind as error:
        raise DBAPIError.instance(None, None, error, kind, dialect=engine.dialect) from error


def _as_sqlalchemy(engine: Engine, lent: PoolProxiedConnection, error: Exception, text: str) -> Exception:
    """The error as SQLAlchemy raises it; a server that went away takes the whole pool with it, as there."""
    is_lost = engine.dialect.is_disconnect(error, lent.dbapi_connection, None)  # type: ignore[arg-type]
    if is_lost:
        engine.pool._invalidate(lent, error)  # noqa: SLF001 - what its Connection does then
    kind = engine.dialect.loaded_dbapi.Error
    return DBAPIError.instance(text, None, error, kind, connection_invalidated=is_lost, dialect=engine.dialect)
