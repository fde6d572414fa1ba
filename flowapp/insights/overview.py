"""What an organization sees first: how much runs, what went wrong, what is next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from flowapp.executions import history
from flowapp.models import OPEN, TEST, Execution, StepRun, Workflow, first_id, utcnow
from flowapp.records.paging import PageAt
from flowapp.workflows.statistics import percent

RATE_DAYS = 14
_SUCCESSES = ("completed", "goal_reached")
_JUDGED = (*_SUCCESSES, "failed")
_KEPT = ("draft", "active", "paused")


@dataclass(frozen=True, slots=True)
class Counts:
    """`today` begins where the reader's day does. `success_rate`: percent of what succeeded or failed, None of nothing."""

    active: int
    workflows: int
    today: int
    running: int
    success_rate: float | None
    failing: int


@dataclass(frozen=True, slots=True)
class Attention:
    """A workflow that a person should look at, and the execution that shows why. `uncertain`: a step waits for a word."""

    workflow: Workflow
    execution: Execution
    uncertain: bool


def counts(session: Session, day_began: datetime) -> Counts:
    """The numbers of the dashboard."""
    active, total = session.execute(
        select(_sum(Workflow.status == "active"), func.count(Workflow.id)).where(Workflow.is_template.is_(False))
    ).one()
    begin = min(day_began, utcnow() - timedelta(days=RATE_DAYS))
    today, running, succeeded, judged = session.execute(
        select(
            _sum(Execution.created_at >= day_began),
            _sum(Execution.status.in_(OPEN)),
            _sum(Execution.status.in_(_SUCCESSES)),
            _sum(Execution.status.in_(_JUDGED)),
        ).where(Execution.id >= first_id(begin), Execution.trigger_type != TEST)
    ).one()
    rate = percent(succeeded, judged) if judged else None
    return Counts(active, total, today, running, rate, len(failing(session, limit=1000)))


def _sum(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def failing(session: Session, limit: int = 10) -> list[Attention]:
    """Workflows whose last judged execution failed, the latest first."""
    latest = (
        select(Execution.id)
        .where(Execution.workflow_id == Workflow.id, Execution.status.in_(_JUDGED), Execution.trigger_type != TEST)
        .order_by(Execution.id.desc())
        .limit(1)
        .correlate(Workflow)
        .scalar_subquery()
    )
    rows = session.execute(
        select(Workflow, Execution)
        .join(Execution, Execution.id == latest)
        .where(Execution.status == "failed", Workflow.status.in_(_KEPT))
        .order_by(Execution.id.desc())
        .limit(limit)
    )
    return [Attention(workflow, execution, uncertain=False) for workflow, execution in rows]


def uncertain(session: Session, limit: int = 10) -> list[Attention]:
    """Executions that wait until a person says whether a step took effect."""
    waiting = select(StepRun.execution_id).where(
        StepRun.execution_id == Execution.id, StepRun.status == "uncertain"
    )  # fmt: skip
    rows = session.execute(
        select(Workflow, Execution)
        .join(Execution, Execution.workflow_id == Workflow.id)
        .where(Execution.status == "waiting", waiting.exists())
        .order_by(Execution.id.desc())
        .limit(limit)
    )
    return [Attention(workflow, execution, uncertain=True) for workflow, execution in rows]


def recent(session: Session, limit: int = 10) -> list[history.ExecutionRow]:
    """The last executions, of whichever workflow."""
    return history.find(session, history.Search(), PageAt(limit))[0]


def has_succeeded(session: Session) -> bool:
    """Whether any execution ever ended well: the first steps are done then."""
    return session.scalar(select(Execution.id).where(Execution.status.in_(_SUCCESSES)).limit(1)) is not None
