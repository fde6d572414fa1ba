"""A batch of the journal as one statement that PostgreSQL commits by itself: one round trip in place of five.

The update of the execution stands in a CTE, and every other part writes only where it found the row: the fence guards
the whole batch as it does in a transaction of several statements. Rows come as JSON and are read by PostgreSQL as the
table's own row type, so their columns may stand in any order.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, cast

from sqlalchemy import Table, TextClause, bindparam, text
from sqlalchemy.types import TypeEngine

from flowapp.exact_json import dump_json
from flowapp.models import Execution, LogLine, StepRun, Timer
from flowapp.models.driver import Driver

_executions, _runs = cast(Table, Execution.__table__), cast(Table, StepRun.__table__)
_lines, _timers = cast(Table, LogLine.__table__), cast(Table, Timer.__table__)


def _insert(table: Table, rows: str) -> str:
    """Names the columns: the table may have more of them already, of the next release, with defaults of their own."""
    columns = [column.name for column in table.columns]
    given = f"json_populate_recordset(NULL::{table.name}, CAST(:rows_{rows} AS json))"
    picked = ", ".join(f"r.{name}" for name in columns)
    return f"INSERT INTO {table.name} ({', '.join(columns)}) SELECT {picked} FROM {given} r, held"  # noqa: S608 - names, from this code


_INSERTS = {
    "started": _insert(_runs, "started"),
    "lines": _insert(_lines, "lines"),
    "timers": f"{_insert(_timers, 'timers')} ON CONFLICT (execution_id, token) DO UPDATE "
    "SET kind = excluded.kind, due_at = excluded.due_at, rung_at = NULL",
}
# The timers of tokens that wait no more; the others are written over.
_UNSET = (
    "DELETE FROM timers USING held WHERE timers.execution_id = held.id AND timers.token <> ALL(CAST(:kept AS text[]))"
)
_UNSUBSCRIBE = "DELETE FROM subscriptions USING held WHERE subscriptions.execution_id = held.id"


def rows(batch: Any) -> dict[str, str] | None:
    """The batch's new rows as JSON; None where it cannot be written so.

    An attempt that begins and ends in it is written twice, and the parts of one statement do not see each other; two that
    began earlier would need a scan, since one is found by its key. PostgreSQL makes no row of a text with a null character
    in it, which a JSON column may well hold.
    """
    earlier, new = [*batch.ended, *batch.settled], {row["seq"] for row in batch.started}
    if len(earlier) > 1 or batch.reaches_others or any(row["b_seq"] in new for row in earlier):
        return None
    given = {name: dump_json(entries) for name in _INSERTS if (entries := getattr(batch, name))}
    return None if any("\\u0000" in text_ for text_ in given.values()) else given


def write(driver: Driver, guard: str, key: Mapping[str, object], batch: Any, given: dict[str, str]) -> bool:
    """Writes the batch where `guard`, a condition on the execution with parameters `key`, holds. False where not.

    `given`: what `rows` made of it.
    """
    earlier: Mapping[str, object] = next(
        iter((*batch.ended, *batch.settled)), {}
    )  # an attempt that was begun in an earlier commit
    timed = batch.timers is not None
    shape = (tuple(key), tuple(batch.columns), tuple(given), tuple(earlier))
    values = {
        **key,
        **{f"new_{name}": value for name, value in batch.columns.items()},
        **{f"rows_{name}": value for name, value in given.items()},
        **{f"end_{name}": value for name, value in earlier.items()},
        **({"kept": [timer["token"] for timer in batch.timers]} if timed else {}),
    }
    deaf = batch.listening is not None
    statement = _statement(guard, *shape, timed=timed, deaf=deaf, soon=batch.repeatable)
    return bool(driver.execute(statement, values).fetchone()[0] == 1)


@cache
def _statement(
    guard: str,
    key: tuple[str, ...],
    columns: tuple[str, ...],
    given: tuple[str, ...],
    earlier: tuple[str, ...],
    *,
    timed: bool,
    deaf: bool,
    soon: bool,
) -> TextClause:
    held = f"UPDATE executions SET {_changes('new_', columns)} WHERE {guard} RETURNING id"  # noqa: S608 - names of columns, from this code
    parts = [f"held AS ({held})", *(f"{name} AS ({_INSERTS[name]})" for name in given)]
    types: dict[str, TypeEngine[object]] = {f"new_{name}": _executions.c[name].type for name in columns}
    if earlier:
        ended = tuple(name for name in earlier if not name.startswith("b_"))
        mine = "execution_id = :end_b_execution_id AND seq = :end_b_seq AND EXISTS (SELECT FROM held)"
        parts.append(f"ended AS (UPDATE step_runs SET {_changes('end_', ended)} WHERE {mine})")  # noqa: S608 - the same
        types |= {f"end_{name}": _runs.c[name.removeprefix("b_")].type for name in earlier}
    if timed:
        parts.append(f"unset AS ({_UNSET})")
    if deaf:
        parts.append(f"unsubscribed AS ({_UNSUBSCRIBE})")
    types |= {name: _executions.c[column].type for name, column in _KEY_TYPES.items() if name in key}
    names = [
        *key,
        *(n for n in types if n not in key),
        *(f"rows_{name}" for name in given),
        *(["kept"] if timed else ()),
    ]
    lasting = ", set_config('synchronous_commit', 'off', true)" if soon else ""  # of this transaction alone
    return text(f"WITH {', '.join(parts)} SELECT count(*){lasting} FROM held").bindparams(  # noqa: S608 - the same
        *(bindparam(name, type_=types.get(name)) for name in names)
    )


_KEY_TYPES = {"execution_id": "id", "org": "organization_id", "claimed": "fence"}


def _changes(prefix: str, columns: tuple[str, ...]) -> str:
    return ", ".join(f"{name} = :{prefix}{name}" for name in columns)
