"""MySQL and MariaDB by PyMySQL, over a socket that the egress guard has opened."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import pymysql
from pymysql.connections import Connection
from pymysql.constants import FIELD_TYPE
from pymysql.cursors import Cursor, SSCursor

from flowapp import exact_json
from flowapp.connectors.database.statements import Statement
from flowapp.connectors.database.target import Target, cut_after
from flowapp.connectors.database.values import Found, Row, is_flat, row_of, taken
from flowapp.errors import StepError

# Fixed, so that texts end where statements.read says that they do.
_MODE = "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
_TOO_SLOW, _READ_ONLY = (3024, 1969), 1792
_LOST = (0, 2006, 2013, 2055, 1053, 1927)
_PASSING = (1040, 1203, 1205, 1213, 1226, 1317, 2003)  # too many connections, locks, deadlocks, no way to the server


def query(target: Target, statement: Statement) -> Found:
    """Runs a statement."""
    values = {name: _listed(value) for name, value in statement.values.items()}
    with _opened(target) as connection, _cursor(connection, whole=target.writes) as cursor:
        cursor.execute(statement.text, values)
        if not cursor.description:
            return Found([], max(cursor.rowcount, 0))
        return taken((_row(cursor.description, row) for row in cursor), target.row_limit)


def write(target: Target, table: str, rows: Sequence[Row], match: Sequence[str] | None) -> int:
    """Inserts rows, or with `match` updates those that are there; all or none."""
    with _opened(target) as connection, connection.cursor() as cursor:
        for row in rows:
            cursor.execute(_insert(table, list(row), match), [_written(value) for value in row.values()])
    return len(rows)


def _insert(table: str, columns: Sequence[str], match: Sequence[str] | None) -> str:
    names, places = ", ".join(map(_quoted, columns)), ", ".join(["%s"] * len(columns))
    made = f"INSERT INTO {'.'.join(map(_quoted, table.split('.')))} ({names}) VALUES ({places})"  # noqa: S608 - quoted
    if match is None:
        return made
    changed = [f"{_quoted(one)} = VALUES({_quoted(one)})" for one in columns if one not in match]
    same = f"{_quoted(columns[0])} = {_quoted(columns[0])}"
    return f"{made} ON DUPLICATE KEY UPDATE {', '.join(changed) or same}"


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``').replace('%', '%%')}`"


def _listed(value: object) -> object:
    """A list of plain values is one for IN; what else has parts is JSON."""
    return value if isinstance(value, list) and value and is_flat(value) else _written(value)


def _written(value: object) -> object:
    return exact_json.dump_json(value) if isinstance(value, list | dict) else value


def _row(description: Sequence[Sequence[object]], values: Sequence[object]) -> Row:
    read = [
        exact_json.loads(value) if column[1] == FIELD_TYPE.JSON and isinstance(value, str) else value
        for column, value in zip(description, values, strict=True)
    ]
    return row_of([str(column[0]) for column in description], read)


@contextmanager
def _cursor(connection: Connection[Cursor], *, whole: bool) -> Iterator[SSCursor]:
    """Rows as they come. Unless the statement must go through to its end (`whole`), the rest is dropped with the connection."""
    cursor, through = connection.cursor(SSCursor), False
    try:
        yield cursor
        if whole:
            cursor.close()
            through = True
    finally:
        if not through:
            connection._force_close()  # type: ignore[attr-defined] # noqa: SLF001 - close() would read all that is left
            cursor.connection = None  # type: ignore[assignment]
            if cursor._result:  # type: ignore[attr-defined] # noqa: SLF001
                cursor._result.unbuffered_active = False  # type: ignore[attr-defined] # noqa: SLF001 - it would read on when it is collected


@contextmanager
def _opened(target: Target) -> Iterator[Connection[Cursor]]:
    """A connection in a transaction, which is kept where nothing goes wrong. StepError."""
    connection = _client(target)
    socket = target.access.connect(target.host, target.port, float(target.timeout))
    try:
        with socket, cut_after(socket.fileno(), target.timeout):
            try:
                connection.connect(socket)
                _prepare(target, connection)
                yield connection
                if connection.open:
                    connection.commit()
            finally:
                if connection.open:
                    connection._force_close()  # type: ignore[attr-defined] # noqa: SLF001 - what was not committed is rolled back by the server
    except pymysql.MySQLError as error:
        raise _fault(target, error) from None
    except OSError as error:
        raise target.lost(str(error)) from None


def _client(target: Target) -> Connection[Cursor]:
    tls: dict[str, Mapping[str, object]] = {
        "required": {"ssl": target.trust() if target.tls == "required" else None},
        "preferred": {},
        "off": {"ssl_disabled": True},
    }
    made: Connection[Cursor] = pymysql.connect(
        host=target.host, port=target.port, user=target.username, password=target.password, database=target.database,
        charset="utf8mb4", sql_mode=_MODE, local_infile=False, autocommit=False, defer_connect=True,
        connect_timeout=target.timeout, read_timeout=target.timeout + 5, write_timeout=target.timeout + 5, **tls[target.tls],
    )  # type: ignore[call-overload] # fmt: skip
    return made


def _prepare(target: Target, connection: Connection[Cursor]) -> None:
    with connection.cursor() as cursor:
        if "mariadb" in str(connection.get_server_info()).lower():  # type: ignore[no-untyped-call]
            cursor.execute("SET SESSION max_statement_time = %s", [target.timeout])
        else:
            cursor.execute("SET SESSION max_execution_time = %s", [target.timeout * 1000])
        cursor.execute("START TRANSACTION" if target.writes else "START TRANSACTION READ ONLY")


def _fault(target: Target, error: pymysql.MySQLError) -> StepError:
    code = error.args[0] if error.args and isinstance(error.args[0], int) else None
    reason = str(error.args[-1]) if error.args else str(error)
    if code in _TOO_SLOW:
        return target.too_slow()
    if code == _READ_ONLY:
        return target.only_reads()
    if code in _LOST:
        return target.lost(reason)
    refused = isinstance(getattr(error, "original_exception", None), ssl.SSLError)  # such as a wrong certificate
    return target.fault(reason, permanent=refused or code not in _PASSING)
