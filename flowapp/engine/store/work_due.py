"""Whether there is anything to wake, admit, start or hand on: the scheduler asks in one statement. Mostly there is not."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Engine, Executable, bindparam, exists, func, or_, select

from flowapp.engine.store import schedules, timers
from flowapp.models import IS_HELD, IS_OPEN, Event, Execution, Job, Timer
from flowapp.models.base import UtcDateTime
from flowapp.models.driver import transaction
from flowapp.models.tenancy import SYSTEM

_NOW = bindparam("now", type_=UtcDateTime())
_AGAIN = bindparam("again", type_=UtcDateTime())  # what was woken before then may be woken again
_SIGNAL_AGAIN = bindparam("signal_again", type_=UtcDateTime())


class WorkDue(NamedTuple):
    """Which of the scheduler's jobs may find something. A yes can be one too many, a no is certain.

    `burst`: somebody writes many rows about which workflows may start.
    """

    timers: bool
    lost: bool
    signals: bool
    held: bool
    schedules: bool
    events: bool
    burst: bool


def _some_open(*which: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether an open execution is so. By the order of their index: whatever the planner guesses, it walks along that."""
    first = select(Execution.id).where(IS_OPEN, *which).order_by(Execution.rung_at, Execution.id).limit(1)
    return first.scalar_subquery().is_not(None)


def _question() -> Executable:
    """The columns of WorkDue."""
    return select(
        select(func.min(Timer.due_at)).scalar_subquery() <= _NOW,
        or_(_some_open(*timers.is_pending(_NOW, _AGAIN)), _some_open(*timers.is_abandoned(_NOW))),
        exists().where(*timers.is_unheard(_SIGNAL_AGAIN)),
        exists(select(Execution.id).where(IS_HELD)),
        exists().where(schedules.is_due(_NOW)),
        exists().where(Event.published_at.is_(None)),
        exists(select(Job.id).where(Job.status == "running", Job.start_workflows)),
    )


QUESTION = _question()


def work_due(engine: Engine, now: datetime) -> WorkDue:
    """What is due now, of any organization."""
    moments = {"now": now, "again": now - timers.WAKE_AGAIN, "signal_again": now - timers.SIGNAL_AGAIN}
    with transaction(engine, SYSTEM, alone=True, writes=False) as driver:
        return WorkDue(*map(bool, driver.execute(QUESTION, moments).fetchone()))
