"""PostgreSQL by psycopg. Values are bound by the server, which takes one statement at a time that way."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from tempfile import NamedTemporaryFile

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb, set_json_loads

from flowapp import exact_json
from flowapp.connectors.database.statements import Statement
from flowapp.connectors.database.target import Target, cut_after
from flowapp.connectors.database.values import Found, Row, is_flat, row_of, taken
from flowapp.errors import StepError
from flowapp.texts import say

_TLS = {"required": "verify-full", "preferred": "prefer", "off": "disable"}
_STREAMED = frozenset({"select", "with", "values", "table", "show", "explain"})
_CHUNK = 10  # rows that are held at once, however large they are
# What may succeed later: connection, resources, operator intervention, rollback of a transaction, system, locks.
_PASSING = ("08", "53", "57", "40", "58", "55")
_CANCELLED, _READ_ONLY = "57014", "25006"
_REFUSALS = ("authentication failed", "no pg_hba.conf entry", "does not exist", "not permitted", "certificate", "SSL", "permission denied")  # fmt: skip


def query(target: Target, statement: Statement) -> Found:
    """Runs a statement."""
    values = {name: _bound(value) for name, value in statement.values.items()}
    with _opened(target) as connection, connection.cursor() as cursor:
        text = statement.text.encode()
        if statement.word in _STREAMED or statement.returning:
            return _streamed(target, cursor, text, values)
        cursor.execute(text, values, prepare=True)
        return Found([], max(cursor.rowcount, 0))


def _streamed(target: Target, cursor: psycopg.Cursor, text: bytes, values: Mapping[str, object]) -> Found:
    """Rows as they come; a statement that may change something is not ended before it is through."""
    answers = cursor.stream(text, values, size=_CHUNK)
    found = taken((row_of([column.name for column in cursor.description or ()], row) for row in answers), target.row_limit)  # fmt: skip
    if target.writes:
        for _rest in answers:
            pass
    answers.close()  # type: ignore[attr-defined] # it is a generator
    return found


def write(target: Target, table: str, rows: Sequence[Row], match: Sequence[str] | None) -> int:
    """Inserts rows, or with `match` updates those that are there; all or none."""
    with _opened(target) as connection, connection.cursor() as cursor:
        for columns, group in _alike(rows):
            cursor.executemany(_insert(table, columns, match), group)
    return len(rows)


def _alike(rows: Sequence[Row]) -> Iterator[tuple[tuple[str, ...], list[list[object]]]]:
    """Rows one after the other that name the same columns, as one group."""
    columns, group = tuple(rows[0]), list[list[object]]()
    for row in rows:
        if tuple(row) != columns:
            yield columns, group
            columns, group = tuple(row), []
        group.append([_bound(value) for value in row.values()])
    yield columns, group


def _insert(table: str, columns: Sequence[str], match: Sequence[str] | None) -> sql.Composed:
    names = sql.SQL(", ").join(map(_name, columns))
    places = sql.SQL(", ").join([sql.Placeholder()] * len(columns))
    parts = [sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(_table(table), names, places)]
    if match is not None:
        keys = sql.SQL(", ").join(map(_name, match))
        changed = [sql.SQL("{0} = EXCLUDED.{0}").format(_name(one)) for one in columns if one not in match]
        done = sql.SQL("UPDATE SET {}").format(sql.SQL(", ").join(changed)) if changed else sql.SQL("NOTHING")
        parts.append(sql.SQL(" ON CONFLICT ({}) DO {}").format(keys, done))
    return sql.Composed(parts)


def _name(name: str) -> sql.Composable:
    """A quoted name; psycopg reads `%` in it as the begin of a placeholder."""
    return sql.Identifier(name.replace("%", "%%"))


def _table(name: str) -> sql.Composable:
    return sql.Identifier(*name.replace("%", "%%").split("."))


def _bound(value: object) -> object:
    if isinstance(value, dict) or (isinstance(value, list) and not is_flat(value)):
        return Jsonb(value, dumps=exact_json.dumps)
    return value


@contextmanager
def _opened(target: Target) -> Iterator[psycopg.Connection]:
    """A connection in a transaction, which is kept where nothing goes wrong. StepError."""
    connection = _connected(target)
    try:
        with cut_after(connection.fileno(), target.timeout):
            set_json_loads(exact_json.loads, connection)
            connection.execute("SELECT set_config('statement_timeout', %s, false)", [f"{target.timeout}s"])
            connection.execute("SELECT set_config('default_transaction_read_only', %s, false)", ["off" if target.writes else "on"])  # fmt: skip
            connection.commit()
            yield connection
            connection.commit()
    except psycopg.Error as error:
        raise _fault(target, error, connection) from None
    finally:
        connection.close()


def _connected(target: Target) -> psycopg.Connection:
    addresses = target.access.addresses(target.host, target.port)
    try:
        with _authorities(target) as roots:
            return psycopg.connect(
                host=",".join([target.host] * len(addresses)),
                hostaddr=",".join(addresses),
                port=target.port,
                dbname=target.database,
                user=target.username,
                password=target.password or "-",  # an empty one is looked for in files and the environment
                sslmode=_TLS[target.tls],
                gssencmode="disable",
                client_encoding="UTF8",
                application_name="flowapp",
                connect_timeout=max(2, target.timeout),
                sslrootcert=roots,
            )
    except psycopg.Error as error:
        reason = str(error).strip().rpartition("FATAL:")[2].strip()
        raise target.fault(reason, permanent=any(word in reason for word in _REFUSALS)) from None


@contextmanager
def _authorities(target: Target) -> Iterator[str | None]:
    """The file of those whose certificates are accepted: libpq takes no text."""
    if target.tls != "required" or not target.tls_ca:
        yield (ssl.get_default_verify_paths().cafile or "system") if target.tls == "required" else None
        return
    target.trust()  # says what is wrong with it
    with NamedTemporaryFile("w", prefix="flowapp-", suffix=".pem") as file:
        file.write(target.tls_ca)
        file.flush()
        yield file.name


def _fault(target: Target, error: psycopg.Error, connection: psycopg.Connection) -> StepError:
    state = error.sqlstate or ""
    if state == _CANCELLED:
        return target.too_slow()
    if state == _READ_ONLY:
        return target.only_reads()
    if connection.broken or (not state and isinstance(error, psycopg.OperationalError)):
        return target.lost(str(error).strip())
    if "stream() didn't produce" in str(error):
        reason = say(
            "this statement gives no rows. Add RETURNING to it, or let it begin with INSERT, UPDATE or DELETE."
        )
        return target.fault(reason, permanent=True)
    return target.fault(error.diag.message_primary or str(error).strip(), permanent=not state.startswith(_PASSING))
