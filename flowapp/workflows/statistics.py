"""What became of the executions of workflows."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, extract, func, select
from sqlalchemy.orm import Session

from flowapp.models import OPEN, TERMINAL, TEST, Execution, first_id, iso, utcnow

SPARKLINE_DAYS = 14
MANY = 20_000
PAST = timedelta(hours=1)
REMEMBERED = 3600.0  # seconds
_SUCCESSES = ("completed", "goal_reached")


@dataclass(slots=True)
class Stats:
    """Counts of one workflow. `success_rate`: percent of all ended executions, one decimal.

    `sparkline`: (succeeded, failed) of each of the last 14 days, UTC, oldest first.
    """

    execution_count: int = 0
    success_count: int = 0
    failure_count: int = 0
    success_rate: float = 0.0
    last_executed_at: datetime | None = None
    sparkline: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)] * SPARKLINE_DAYS)

    @property
    def shown_rate(self) -> float | None:
        """The success rate for people: of what succeeded or failed. Skipped is no failure. None of nothing."""
        decided = self.success_count + self.failure_count
        return percent(self.success_count, decided) if decided else None

    def as_json(self) -> dict[str, object]:
        """The part of it that the API prints with each workflow."""
        return {
            "execution_count": self.execution_count,
            "success_count": self.success_count,
            "failure_count": self.failure_count,
            "success_rate": self.success_rate,
            "last_executed_at": iso(self.last_executed_at),
        }


@dataclass(frozen=True, slots=True)
class _Group:
    """Executions of one workflow, status and day (UTC): how many, and when the last began."""

    status: str
    day: date
    count: int
    latest: datetime


@dataclass(frozen=True, slots=True)
class _Past:
    """What was counted at a time (time.monotonic) of those executions whose ids are below `until`."""

    until: str
    groups: list[_Group]
    at: float


_pasts: dict[str, _Past] = {}


def statistics(session: Session, ids: Iterable[str]) -> dict[str, Stats]:
    """The counts of several workflows.

    To count a million executions takes seconds. So of a workflow with more than MANY, this process remembers for an
    hour what it counted of those that began an hour before; what ends of them meanwhile is not seen.
    """
    groups: dict[str, list[_Group]] = {one: [] for one in ids}
    now, until = time.monotonic(), first_id(utcnow() - PAST)
    pasts = {one: past for one in groups if (past := _pasts.get(one)) and now - past.at < REMEMBERED}
    for one, past in pasts.items():
        groups[one] += past.groups
        _count(session, and_(Execution.workflow_id == one, Execution.id >= past.until), until, groups)
    fresh = [one for one in groups if one not in pasts]
    if fresh:
        old = _count(session, Execution.workflow_id.in_(fresh), until, groups)
        many = {one: rows for one, rows in old.items() if sum(group.count for group in rows) > MANY}
        _pasts.update({one: _Past(until, rows, now) for one, rows in many.items()})
    return {one: _stats(rows) for one, rows in groups.items()}


def _count(
    session: Session, which: ColumnElement[bool], until: str, groups: dict[str, list[_Group]]
) -> dict[str, list[_Group]]:
    """Adds to `groups`, and gives those below the id `until` once more."""
    day, is_old = func.date(Execution.created_at), case((Execution.id < until, 1), else_=0)
    counted = (
        select(
            Execution.workflow_id,
            is_old,
            Execution.status,
            day,
            func.count(Execution.id),
            func.max(Execution.created_at),
        )
        .where(which, Execution.trigger_type != TEST)
        .group_by(Execution.workflow_id, is_old, Execution.status, day)
    )
    old: dict[str, list[_Group]] = {}
    for one, below, status, on, count, latest in session.execute(counted):
        group = _Group(status, datetime.fromisoformat(str(on)).date(), count, latest)
        groups[one].append(group)
        if below:
            old.setdefault(one, []).append(group)
    return old


def _stats(groups: list[_Group]) -> Stats:
    stats, today, ended = Stats(), utcnow().date(), 0
    for group in groups:
        succeeded, failed = group.status in _SUCCESSES, group.status == "failed"
        stats.execution_count += group.count
        stats.success_count += group.count * succeeded
        stats.failure_count += group.count * failed
        ended += group.count * (group.status in TERMINAL)
        stats.last_executed_at = max(filter(None, (stats.last_executed_at, group.latest)))
        age = (today - group.day).days
        if 0 <= age < SPARKLINE_DAYS:
            before = stats.sparkline[-1 - age]
            stats.sparkline[-1 - age] = (before[0] + group.count * succeeded, before[1] + group.count * failed)
    stats.success_rate = percent(stats.success_count, ended)
    return stats


def percent(part: int, whole: int) -> float:
    """With one decimal; 0 of nothing."""
    return round(100 * part / whole, 1) if whole else 0.0


def totals(session: Session, workflow_id: str) -> dict[str, object]:
    """The statistics of one workflow as the API's stats end point prints them. Durations are seconds."""
    rows = session.execute(
        select(Execution.status, func.count(Execution.id), func.max(Execution.created_at))
        .where(Execution.workflow_id == workflow_id, Execution.trigger_type != TEST)
        .group_by(Execution.status)
    ).all()
    counts = {status: count for status, count, _ in rows}
    succeeded = sum(counts.get(status, 0) for status in _SUCCESSES)
    ended = sum(counts.get(status, 0) for status in TERMINAL)
    latest = max((moment for *_, moment in rows if moment), default=None)
    average = session.scalar(
        select(func.avg(_seconds(session))).where(
            Execution.workflow_id == workflow_id,
            Execution.status.in_(_SUCCESSES),
            Execution.started_at.is_not(None),
            Execution.trigger_type != TEST,
        )
    )
    return {
        "total_executions": sum(counts.values()),
        "success_count": succeeded,
        "failed_count": counts.get("failed", 0),
        "skipped_count": counts.get("skipped", 0),
        "cancelled_count": counts.get("cancelled", 0),
        "goal_reached_count": counts.get("goal_reached", 0),
        "running_count": sum(counts.get(status, 0) for status in OPEN),
        "success_rate": percent(succeeded, ended),
        "avg_duration_seconds": round(float(average), 3) if average is not None else None,
        "last_execution": iso(latest),
    }


def _seconds(session: Session) -> ColumnElement[Any]:
    """How long an execution took; SQLite has no intervals."""
    if session.get_bind().dialect.name == "sqlite":
        return (func.julianday(Execution.completed_at) - func.julianday(Execution.started_at)) * 86_400
    return extract("epoch", Execution.completed_at - Execution.started_at)
