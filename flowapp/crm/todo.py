"""What tasks are asked for by when they are due: open, overdue, due today, upcoming, done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, time, timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from flowapp.models import Task

Test = ColumnElement[bool]
_OPEN = Task.done_at.is_(None)
_ANY_TIME = Task.due_at.is_(None)


def _overdue(now: datetime) -> Test:
    """A time has passed, or the day before today was the last one."""
    return and_(_OPEN, or_(Task.due_at < now, and_(_ANY_TIME, Task.due_date < now.date())))


def _today(now: datetime) -> Test:
    begins, ends = _midnight(now), _midnight(now + timedelta(days=1))
    at_a_time = and_(Task.due_at >= begins, Task.due_at < ends)
    return and_(_OPEN, or_(at_a_time, and_(_ANY_TIME, Task.due_date == now.date())))


def _upcoming(now: datetime) -> Test:
    on_a_day = and_(_ANY_TIME, or_(Task.due_date > now.date(), Task.due_date.is_(None)))
    return and_(_OPEN, or_(Task.due_at >= _midnight(now + timedelta(days=1)), on_a_day))


def _midnight(moment: datetime) -> datetime:
    """When the day began, in the same zone."""
    return datetime.combine(moment.date(), time(), moment.tzinfo)


# Each is told the time, in the zone of who asks: that says which day today is.
DUE: Mapping[str, Callable[[datetime], Test]] = {
    "open": lambda _now: _OPEN,
    "overdue": _overdue,
    "today": _today,
    "upcoming": _upcoming,
    "done": lambda _now: Task.done_at.is_not(None),
}


def counts(session: Session, where: Sequence[Test], now: datetime) -> dict[str, int]:
    """How many of the tasks are overdue, and how many due today."""
    some = {name: func.count().filter(DUE[name](now)).label(name) for name in ("overdue", "today")}
    row = session.execute(select(*some.values()).select_from(Task).where(*where)).one()
    return {name: getattr(row, name) for name in some}
