"""What waits in the whole installation, and for how long: for a worker, for the scheduler, for a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, func, literal_column, or_, select
from sqlalchemy.orm import Session

from flowapp.models import IS_OPEN, Execution, StepRun, Timer
from flowapp.models.clock import database_now
from flowapp.models.tenancy import system_session

LATE = timedelta(seconds=5)  # a timer that is due is woken within a second
_LOOK_AT = 500  # of those that wait to begin, the ones that were woken the longest time ago


@dataclass(frozen=True, slots=True)
class Backlog:
    """Ages in seconds, 0 where nothing waits. `pending_age`: of the execution that has waited longest to begin, though it may;
    `overdue_age`: of the timer that is the latest; `uncertain`: steps that wait for a person's decision."""

    pending_age: float
    overdue_timers: int
    overdue_age: float
    uncertain: int


def backlog(engine: Engine) -> Backlog:
    """As it is now, by the database's clock."""
    with system_session(engine) as session:
        now: datetime = session.execute(select(database_now())).scalar_one()
        late = select(func.count(), func.min(Timer.due_at)).where(Timer.due_at < now - LATE)
        overdue, oldest = session.execute(late).one()
        return Backlog(_age(_oldest_pending(session, now), now), overdue, _age(oldest, now), _uncertain(session))


def _oldest_pending(session: Session, now: datetime) -> datetime | None:
    may_begin = or_(Execution.start_after.is_(None), Execution.start_after <= now)
    some = (
        select(func.coalesce(Execution.start_after, Execution.created_at).label("since"))
        .where(IS_OPEN, Execution.status == "pending", Execution.held.is_(False), may_begin)
        .order_by(Execution.rung_at)
        .limit(_LOOK_AT)
        .subquery()
    )
    oldest: datetime | None = session.scalar(select(func.min(some.c.since)))
    return oldest


def _uncertain(session: Session) -> int:
    waiting = select(func.count()).select_from(StepRun).join(Execution, Execution.id == StepRun.execution_id)
    return (
        session.scalar(waiting.where(StepRun.status == literal_column("'uncertain'"), Execution.status == "waiting"))
        or 0
    )


def _age(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0
