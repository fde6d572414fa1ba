"""Retention: what has ended long ago is deleted, a little at a time (engine.retention.batches), so that nobody who writes waits.

Executions that are open are never deleted, nor those whose parent, child or retry is kept. SQLite keeps the space that
becomes free and fills it again, so the file stops growing; it does not shrink (that takes a VACUUM, which locks it).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Engine, Row, Table, and_, delete, func, or_, select

from flowapp.engine.retention.batches import PIECE, BatchDelete, BatchTotals
from flowapp.engine.retention.sizes import bytes_of
from flowapp.events.crm import IN_TIMELINES
from flowapp.models import (
    TERMINAL,
    Event,
    Execution,
    ExecutionWord,
    LogLine,
    Notification,
    Replay,
    StepRun,
    Version,
    Workflow,
    first_id,
)

AT_ONCE = 500  # rows that are looked at together
_NONE = str(UUID(int=0))

_executions, _runs, _lines, _words, _events, _notifications, _replays, _workflows, _versions = (
    cast(Table, model.__table__)
    for model in (Execution, StepRun, LogLine, ExecutionWord, Event, Notification, Replay, Workflow, Version)
)
_e = _executions.c
_CHILDREN = (_runs, _lines)
_FORGOTTEN = _events.c.entity_type.not_in(IN_TIMELINES)  # a record's timeline is made of its events


@dataclass(frozen=True, slots=True)
class Purged:
    """How many rows were deleted of each kind (attempts and lines go with their executions), and how."""

    executions: int
    events: int
    notifications: int
    replays: int
    totals: BatchTotals


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """What a workflow keeps: executions that ended at `cutoff` or later and, with `entered`, those of contacts."""

    workflow_id: str
    cutoff: datetime
    entered: bool


def purge(engine: Engine, now: datetime, days: int, stop: threading.Event) -> Purged:
    """Deletes what is older than `days`, executions also by what their workflow says. Ends early once `stop` is set."""
    batches = BatchDelete(engine, stop)
    rules = _rules(batches, now, days)
    cutoffs = {rule.workflow_id: rule.cutoff for rule in rules}
    executions = sum(_delete_executions(batches, ids) for rule in rules for ids in _expired(batches, rule, cutoffs))
    oldest = now - timedelta(days=days)
    ended = _replays.c.status.in_(("completed", "cancelled"))
    return Purged(
        executions,
        _delete_old(batches, _events, oldest, and_(_events.c.published_at.is_not(None), _FORGOTTEN)),
        _delete_old(batches, _notifications, oldest, _notifications.c.read_at.is_not(None)),
        _delete_old(batches, _replays, oldest, and_(ended, _replays.c.completed_at < oldest)),
        batches.totals,
    )


def _rules(batches: BatchDelete, now: datetime, days: int) -> list[RetentionRule]:
    """A rule for each workflow, out of what it published, else of its draft."""
    definition = func.coalesce(_versions.c.definition, _workflows.c.draft)
    rows = batches.rows(
        select(
            _workflows.c.id,
            _config(batches, definition, "retention_days").label("days"),
            _config(batches, definition, "reentry").label("reentry"),
        ).outerjoin(_versions, _versions.c.id == _workflows.c.published_version_id)
    )
    return [_rule(row, now, days) for row in rows]


def _config(batches: BatchDelete, definition: object, name: str) -> ColumnElement[Any]:
    if batches.dialect == "sqlite":
        return func.json_extract(definition, f"$.config.{name}")
    return func.json_extract_path_text(definition, "config", name)


def _rule(row: Row[Any], now: datetime, days: int) -> RetentionRule:
    """Who may enter only once, or once in so many days, is known by the executions: these outlive the retention."""
    keep, reentry = int(row.days or days), row.reentry or "always"
    if reentry.startswith("after_"):
        keep = max(keep, int(reentry.removeprefix("after_").removesuffix("_days")))
    return RetentionRule(row.id, now - timedelta(days=keep), reentry == "once")


def _expired(batches: BatchDelete, rule: RetentionRule, cutoffs: dict[str, datetime]) -> Iterator[list[str]]:
    """The executions of a workflow that may go, by parts."""
    which = [
        _e.workflow_id == rule.workflow_id,
        _e.id < first_id(rule.cutoff),
        _e.status.in_(TERMINAL),
        _e.completed_at < rule.cutoff,
    ]
    if rule.entered:
        which.append(or_(_e.contact_id.is_(None), _e.status == "skipped"))
    after = _NONE
    columns = (_e.id, _e.parent_id, _e.retry_of_id)
    while not batches.stop.is_set():
        rows = batches.rows(select(*columns).where(*which, _e.id > after).order_by(_e.id).limit(AT_ONCE))
        if not rows:
            return
        after = rows[-1].id
        kept = _of_kept(batches, rows, cutoffs)
        yield [row.id for row in rows if row.id not in kept]


def _of_kept(batches: BatchDelete, rows: Sequence[Row[Any]], cutoffs: dict[str, datetime]) -> set[str]:
    """Those whose parent or child, retry or what they repeat, is kept for its own sake."""
    ids = [row.id for row in rows]
    above = {other for row in rows for other in (row.parent_id, row.retry_of_id) if other}
    columns = (_e.id, _e.parent_id, _e.retry_of_id, _e.workflow_id, _e.status, _e.completed_at)
    kept, of_kept = set(), set()
    for related in (_e.parent_id.in_(ids), _e.retry_of_id.in_(ids), _e.id.in_(above)):
        for other in batches.rows(select(*columns).where(related)):
            cutoff = cutoffs.get(other.workflow_id)
            if cutoff is None or other.status not in TERMINAL or other.completed_at >= cutoff:
                kept.add(other.id)
                of_kept |= {other.parent_id, other.retry_of_id}
    return {row.id for row in rows if row.id in of_kept or row.parent_id in kept or row.retry_of_id in kept}


def _delete_executions(batches: BatchDelete, ids: list[str]) -> int:
    weights = _weights(batches, ids)
    for execution_id in ids:
        if weights[execution_id] > batches.pieces and not batches.stop.is_set():
            _thin_out(batches, execution_id)
            weights |= _weights(batches, [execution_id])
    deleted = 0
    for some, weight in batches.parts(weights.items()):
        children = [delete(table).where(table.c.execution_id.in_(some)) for table in (*_CHILDREN, _words)]
        deleted += batches.delete(
            weight, *children, delete(_executions).where(_e.id.in_(some), _e.status.in_(TERMINAL))
        )
    return deleted


def _weights(batches: BatchDelete, ids: list[str]) -> dict[str, int]:
    """In pieces: a row is one, and so are PIECE bytes of data."""
    weights = dict.fromkeys(ids, 0)
    for table in (_executions, *_CHILDREN):
        key = table.c.id if table is _executions else table.c.execution_id
        held = func.sum(bytes_of(table, batches.dialect)).label("held")
        grouped = select(key.label("id"), func.count().label("rows"), held).where(key.in_(ids)).group_by(key)
        for row in batches.rows(grouped):
            weights[row.id] += row.rows + int(row.held) // PIECE
    return weights


def _thin_out(batches: BatchDelete, execution_id: str) -> None:
    """Deletes the attempts and lines of a large execution part by part, before the execution itself goes."""
    for table in _CHILDREN:
        of = table.c.execution_id == execution_id
        held = bytes_of(table, batches.dialect).label("held")
        rows = batches.rows(select(table.c.seq, held).where(of).order_by(table.c.seq))
        for some, weight in batches.parts((row.seq, 1 + row.held // PIECE) for row in rows):
            batches.delete(weight, delete(table).where(of, table.c.seq.between(some[0], some[-1])))


def _delete_old(batches: BatchDelete, table: Table, oldest: datetime, which: ColumnElement[bool]) -> int:
    """Deletes rows made before `oldest`; ids sort by time."""
    deleted, after = 0, _NONE
    held = bytes_of(table, batches.dialect).label("held")
    while not batches.stop.is_set():
        statement = select(table.c.id, held).where(table.c.id > after, table.c.id < first_id(oldest), which)
        rows = batches.rows(statement.order_by(table.c.id).limit(AT_ONCE))
        if not rows:
            break
        after = rows[-1].id
        for some, weight in batches.parts((row.id, 1 + row.held // PIECE) for row in rows):
            deleted += batches.delete(weight, delete(table).where(table.c.id.in_(some), which))
    return deleted
