"""SQLite files of the folder that the installation offers. The work is done in a helper process, which can be ended."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from flowapp import exact_json
from flowapp.connectors.database import sqlite_work
from flowapp.connectors.database.sqlite_work import Job, LostError, RefusedError
from flowapp.connectors.database.statements import Statement
from flowapp.connectors.database.target import Target
from flowapp.connectors.database.values import Found, Row, is_flat, too_large
from flowapp.errors import StepError
from flowapp.security import helpers
from flowapp.texts import say

T = TypeVar("T")
_PASSING = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL)
_PRIMARY = 0xFF  # of an extended result code, what says its kind


def query(target: Target, statement: Statement) -> Found:
    """Runs a statement. A list becomes one in brackets, for IN; what else has parts is JSON."""
    values, places = dict[str, object](), dict[str, str]()
    for name, value in statement.values.items():
        each = value if isinstance(value, list) and is_flat(value) else [value]
        names = [f"p{len(values) + at}" for at in range(len(each))]
        values |= zip(names, map(_bound, each), strict=True)
        listed = ", ".join(f":{one}" for one in names)
        places[name] = f"({listed})" if each is value else listed
    return _done(target, sqlite_work.query, statement.text % places, values)


def write(target: Target, table: str, rows: Sequence[Row], match: Sequence[str] | None) -> int:
    """Inserts rows, or with `match` updates those that are there; all or none."""
    statements = [(_insert(table, list(row), match), [_bound(value) for value in row.values()]) for row in rows]
    _done(target, sqlite_work.write, statements)
    return len(rows)


def _insert(table: str, columns: Sequence[str], match: Sequence[str] | None) -> str:
    names, places = ", ".join(map(_quoted, columns)), ", ".join("?" * len(columns))
    made = f"INSERT INTO {'.'.join(map(_quoted, table.split('.')))} ({names}) VALUES ({places})"  # noqa: S608 - quoted
    if match is None:
        return made
    changed = ", ".join(f"{_quoted(one)} = excluded.{_quoted(one)}" for one in columns if one not in match)
    then = f"UPDATE SET {changed}" if changed else "NOTHING"
    return f"{made} ON CONFLICT ({', '.join(map(_quoted, match))}) DO {then}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _bound(value: object) -> object:
    if isinstance(value, list | dict):
        return exact_json.dump_json(value)
    return value if value is None or isinstance(value, int | float | str) else str(value)


def _done(target: Target, work: Callable[..., T], *what: object) -> T:
    """What the work gives, in a helper."""
    path = target.access.database_file(target.database)
    with _ticket(target) as ticket:
        try:
            return helpers.call(work, Job(path, ticket, target.timeout, target.row_limit), *what)
        except sqlite3.Error as error:
            raise _fault(target, error) from None
        except RefusedError as error:
            raise _refused(target, error) from None
        except LostError:
            raise target.lost(say("its process ended")) from None


@contextmanager
def _ticket(target: Target) -> Iterator[str]:
    """The path of a file that is there until a change is kept: where a helper is lost in that moment, nothing is done twice."""
    if not target.writes:
        yield ""
        return
    with TemporaryDirectory(prefix="flowapp-") as folder:
        file = Path(folder) / "ticket"
        file.touch()
        yield str(file)


def _refused(target: Target, error: RefusedError) -> StepError:
    if error.changes:
        return target.only_reads()
    return target.fault(
        say("this statement uses %(what)s, which cannot be used here.", what=error.what), permanent=True
    )


def _fault(target: Target, error: sqlite3.Error) -> StepError:
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
    if code == sqlite3.SQLITE_INTERRUPT:
        return target.too_slow()
    if code == sqlite3.SQLITE_TOOBIG:
        return too_large()
    return target.fault(str(error), permanent=code not in _PASSING)
