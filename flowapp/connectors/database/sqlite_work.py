"""What a helper process does with a SQLite file: on a connection that can reach nothing but this file.

A reading one is opened read-only; an authorizer refuses what leads elsewhere, and SQLite's own limits hold for time and size.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from flowapp.connectors.database.values import MAX_BYTES, Found, row_of, taken

_READS = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
)  # fmt: skip
_CHANGES = frozenset({
    sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE, sqlite3.SQLITE_CREATE_TABLE, sqlite3.SQLITE_CREATE_INDEX,
    sqlite3.SQLITE_CREATE_VIEW, sqlite3.SQLITE_CREATE_TRIGGER, sqlite3.SQLITE_DROP_TABLE, sqlite3.SQLITE_DROP_INDEX,
    sqlite3.SQLITE_DROP_VIEW, sqlite3.SQLITE_DROP_TRIGGER, sqlite3.SQLITE_ALTER_TABLE, sqlite3.SQLITE_REINDEX, sqlite3.SQLITE_ANALYZE,
})  # fmt: skip
_FUNCTIONS = frozenset({"load_extension", "fts3_tokenizer"})  # that cannot be used
# What these tell needs no change; the second ones could be set as well.
_SHOWN = frozenset({"table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list"})  # fmt: skip
_SETTINGS = frozenset({"user_version", "schema_version", "application_id", "page_count", "page_size", "encoding"})
_NAMES = {
    sqlite3.SQLITE_ATTACH: "ATTACH", sqlite3.SQLITE_DETACH: "DETACH", sqlite3.SQLITE_TRANSACTION: "BEGIN, COMMIT",
    sqlite3.SQLITE_SAVEPOINT: "SAVEPOINT", sqlite3.SQLITE_PRAGMA: "PRAGMA", sqlite3.SQLITE_CREATE_VTABLE: "VIRTUAL TABLE",
    sqlite3.SQLITE_DROP_VTABLE: "VIRTUAL TABLE",
}  # fmt: skip
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: MAX_BYTES, sqlite3.SQLITE_LIMIT_SQL_LENGTH: 1_000_000, sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1000, sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 500, sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}  # fmt: skip
_BUSY = 5.0  # seconds to wait for another process that writes
_HANDLED_EVERY = 20_000  # instructions of SQLite's machine


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work. `ticket`: a file that is taken away when a change is kept; empty: nothing may be changed."""

    path: str
    ticket: str
    timeout: int
    row_limit: int


class RefusedError(Exception):
    """A statement does what it may not. `changes`: it changes something; else `what` it does."""

    def __init__(self, what: str, changes: bool) -> None:
        super().__init__(what, changes)
        self.what, self.changes = what, changes


class LostError(Exception):
    """Another helper was about to keep this change, and was lost."""


def query(job: Job, text: str, values: Mapping[str, object]) -> Found:
    """One statement, with its rows, or how many it changed."""
    with _opened(job) as connection:
        cursor = connection.execute(text, values)
        if cursor.description is None:
            return Found([], max(cursor.rowcount, 0))
        names = [column[0] for column in cursor.description]
        found = taken((row_of(names, row) for row in cursor), job.row_limit)
        if (
            job.ticket
        ):  # a statement that changes something is through with its last row only: before, nothing can be kept
            for _rest in cursor:
                pass
        return found


def write(job: Job, statements: Sequence[tuple[str, Sequence[object]]]) -> None:
    """All of the statements, or none."""
    with _opened(job) as connection:
        for text, values in statements:
            connection.execute(text, values)


@contextmanager
def _opened(job: Job) -> Iterator[sqlite3.Connection]:
    mode, refused = "rw" if job.ticket else "ro", list[RefusedError]()
    connection = sqlite3.connect(
        f"file:{quote(job.path)}?mode={mode}", uri=True, timeout=min(_BUSY, job.timeout), isolation_level=None
    )
    try:
        _limit(connection, time.monotonic() + job.timeout)
        if job.ticket:
            connection.execute("BEGIN IMMEDIATE")
        connection.set_authorizer(_authorizer(refused, _READS | _CHANGES if job.ticket else _READS))
        yield connection
        if job.ticket:
            _keep(connection, job.ticket)
    except sqlite3.Error:
        if refused:
            raise refused[0] from None
        raise
    finally:
        connection.close()


def _keep(connection: sqlite3.Connection, ticket: str) -> None:
    try:
        Path(ticket).unlink()
    except FileNotFoundError:
        raise LostError from None
    connection.set_authorizer(None)
    connection.execute("COMMIT")


def _limit(connection: sqlite3.Connection, end: float) -> None:
    # What is sorted counts as the helper's memory; what the file itself names (in views, triggers) is trusted with nothing.
    for setting in ("temp_store = MEMORY", "trusted_schema = OFF", "cell_size_check = ON", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {setting}").close()
    for name, most in _LIMITS.items():
        connection.setlimit(name, most)
    connection.set_progress_handler(lambda: int(time.monotonic() > end), _HANDLED_EVERY)


def _authorizer(refused: list[RefusedError], allowed: frozenset[int]) -> Callable[..., int]:
    def may(code: int, first: str | None, second: str | None, *_more: object) -> int:
        if code == sqlite3.SQLITE_PRAGMA:
            fits = str(first).lower() in _SHOWN or (str(first).lower() in _SETTINGS and second is None)
        else:
            # SQLite takes up a function that gives rows, such as json_each, by that; nobody can write to this table.
            of_its_own = code == sqlite3.SQLITE_UPDATE and first == "sqlite_master"
            fits = of_its_own or (
                code in allowed and not (code == sqlite3.SQLITE_FUNCTION and str(second).lower() in _FUNCTIONS)
            )
        if fits:
            return sqlite3.SQLITE_OK
        what = f"{second}()" if code == sqlite3.SQLITE_FUNCTION else _NAMES.get(code, "TEMP")
        if code == sqlite3.SQLITE_PRAGMA:
            what = f"PRAGMA {first}"
        refused.append(RefusedError(what, code in _CHANGES))
        return sqlite3.SQLITE_DENY

    return may
