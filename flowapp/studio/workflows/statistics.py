"""What became of the executions of workflows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, extract, func, select
from sqlalchemy.orm import Session

from flowapp.models import TERMINAL, Execution, utcnow

SPARKLINE_DAYS = 14
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

    def as_json(self) -> dict[str, Any]:
        """The part of it that the API prints with each workflow."""
        return {
            "execution_count": self.execution_count,
            "success_count": self.success_count,
            "failure_count": self.failure_count,
            "success_rate": self.success_rate,
            "last_executed_at": self.last_executed_at.isoformat() if self.last_executed_at else None,
        }


def statistics(session: Session, ids: Iterable[str]) -> dict[str, Stats]:
    """The counts of several workflows, in two queries."""
    stats = {workflow_id: Stats() for workflow_id in ids}
    ended = dict.fromkeys(stats, 0)
    counted = (
        select(Execution.workflow_id, Execution.status, func.count(Execution.id), func.max(Execution.created_at))
        .where(Execution.workflow_id.in_(stats))
        .group_by(Execution.workflow_id, Execution.status)
    )
    for workflow_id, status, count, latest in session.execute(counted):
        one = stats[workflow_id]
        one.execution_count += count
        one.success_count += count if status in _SUCCESSES else 0
        one.failure_count += count if status == "failed" else 0
        one.last_executed_at = max(filter(None, (one.last_executed_at, latest)))
        ended[workflow_id] += count if status in TERMINAL else 0
    for workflow_id, one in stats.items():
        one.success_rate = percent(one.success_count, ended[workflow_id])
    _add_sparklines(session, stats)
    return stats


def percent(part: int, whole: int) -> float:
    """With one decimal; 0 of nothing."""
    return round(100 * part / whole, 1) if whole else 0.0


def _add_sparklines(session: Session, stats: dict[str, Stats]) -> None:
    today = utcnow().date()
    begin = utcnow().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=SPARKLINE_DAYS - 1)
    day = func.date(Execution.created_at)
    daily = (
        select(Execution.workflow_id, day, _count(_SUCCESSES), _count(("failed",)))
        .where(Execution.workflow_id.in_(stats), Execution.created_at >= begin)
        .group_by(Execution.workflow_id, day)
    )
    for workflow_id, date, succeeded, failed in session.execute(daily):
        age = (today - datetime.fromisoformat(str(date)).date()).days
        if 0 <= age < SPARKLINE_DAYS:
            stats[workflow_id].sparkline[SPARKLINE_DAYS - 1 - age] = (succeeded, failed)


def _count(statuses: tuple[str, ...]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((Execution.status.in_(statuses), 1), else_=0)), 0)


def totals(session: Session, workflow_id: str) -> dict[str, Any]:
    """The statistics of one workflow as the API's stats end point prints them. Durations are seconds."""
    rows = session.execute(
        select(Execution.status, func.count(Execution.id), func.max(Execution.created_at))
        .where(Execution.workflow_id == workflow_id)
        .group_by(Execution.status)
    ).all()
    counts = {status: count for status, count, _ in rows}
    succeeded = sum(counts.get(status, 0) for status in _SUCCESSES)
    ended = sum(counts.get(status, 0) for status in TERMINAL)
    latest = max((moment for *_, moment in rows if moment), default=None)
    average = session.scalar(
        select(func.avg(_seconds(session))).where(
            Execution.workflow_id == workflow_id, Execution.status.in_(_SUCCESSES), Execution.started_at.is_not(None)
        )
    )
    return {
        "total_executions": sum(counts.values()),
        "success_count": succeeded,
        "failed_count": counts.get("failed", 0),
        "skipped_count": counts.get("skipped", 0),
        "cancelled_count": counts.get("cancelled", 0),
        "goal_reached_count": counts.get("goal_reached", 0),
        "running_count": sum(counts.get(status, 0) for status in ("pending", "running", "waiting")),
        "success_rate": percent(succeeded, ended),
        "avg_duration_seconds": round(float(average), 3) if average is not None else None,
        "last_execution": latest.isoformat() if latest else None,
    }


def _seconds(session: Session) -> ColumnElement[Any]:
    """How long an execution took; SQLite has no intervals."""
    if session.get_bind().dialect.name == "sqlite":
        return (func.julianday(Execution.completed_at) - func.julianday(Execution.started_at)) * 86_400
    return extract("epoch", Execution.completed_at - Execution.started_at)
