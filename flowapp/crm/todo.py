"""Lists of tasks: open, overdue, due today, upcoming, done; of one assignee or of all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from flowapp.models import Task
from flowapp.records.paging import Page, PageAt, numbered

_OPEN = Task.done_at.is_(None)
LISTS: Mapping[str, Callable[[date], ColumnElement[bool]]] = {
    "open": lambda _today: _OPEN,
    "overdue": lambda today: and_(_OPEN, Task.due_date < today),
    "today": lambda today: and_(_OPEN, Task.due_date == today),
    "upcoming": lambda today: and_(_OPEN, or_(Task.due_date > today, Task.due_date.is_(None))),
    "done": lambda _today: Task.done_at.is_not(None),
}


def find(session: Session, which: str, today: date, at: PageAt, *, assignee_id: str = "") -> Page[Task]:
    """The tasks of one of LISTS, on the day that it is `today` for the reader: the first one due first, done ones last."""
    statement = select(Task).where(_there(assignee_id), LISTS[which](today))
    if which == "done":
        page = numbered(session, statement, at, order=[Task.done_at.desc(), Task.id.asc()], counted=Task.id)
    else:
        page = numbered(
            session, statement, at, counted=Task.id,
            order=[Task.due_date.is_(None), Task.due_date.asc(), Task.due_at.is_(None), Task.due_at.asc(), Task.id.asc()],
        )  # fmt: skip
    return page.of([row[0] for row in page.rows])


def counts(session: Session, today: date, *, assignee_id: str = "") -> dict[str, int]:
    """How many are overdue, and how many due today."""
    some = {name: func.count().filter(LISTS[name](today)).label(name) for name in ("overdue", "today")}
    row = session.execute(select(*some.values()).select_from(Task).where(_there(assignee_id))).one()
    return {name: getattr(row, name) for name in some}


def _there(assignee_id: str) -> ColumnElement[bool]:
    mine = Task.assignee_id == assignee_id if assignee_id else None
    return Task.deleted_at.is_(None) if mine is None else and_(Task.deleted_at.is_(None), mine)
