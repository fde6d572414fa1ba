"""When a task is due, as its reader sees it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from flowapp.models import Task, utcnow
from flowapp.web.locale import today, zone


@dataclass(frozen=True, slots=True)
class Due:
    """The day, and the moment where there is one, which is shown in the reader's zone. `late`: it has passed."""

    day: date
    at: datetime | None
    late: bool
    today: bool


def due_of(task: Task) -> Due | None:
    """None of a task that is due at no time."""
    day = task.due_at.astimezone(zone()).date() if task.due_at else task.due_date
    if day is None:
        return None
    passed = task.due_at < utcnow() if task.due_at else day < today()
    return Due(day, task.due_at, late=passed and task.done_at is None, today=day == today())
