"""Erases what is in the trash, for good: its row, what belongs to it alone, and its timeline."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from sqlalchemy import Delete, Update, and_, delete, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from flowapp.catalog.entities import Departure, follow
from flowapp.crm.trash.contents import KINDS
from flowapp.models import Note, Task

Quiet = TypeVar("Quiet", Update, Delete)
AT_ONCE = 50  # rows of a transaction


def erase(session: Session, kind: str, row_id: str) -> None:
    """Erases one. Tasks and notes that are about something else too stay there."""
    if kind in ("contact", "company", "deal"):
        for name, model in (("task", Task), ("note", Note)):
            _erase_linked(session, name, model, f"{kind}_id", row_id)
    follow(session, Departure("erased", kind, row_id))
    table = KINDS[kind]
    session.execute(_quiet(delete(table).where(table.id == row_id)))
    session.expire_all()


def purge(session: Session, kind: str, before: datetime) -> int:
    """Erases some of what was deleted before that time; how many. The caller commits, and asks again until it is 0."""
    model = KINDS[kind]
    due = select(model.id).where(model.deleted_at < before).order_by(model.deleted_at).limit(AT_ONCE)
    ids = session.scalars(due.with_for_update(skip_locked=True, of=model)).all()
    for row_id in ids:
        erase(session, kind, row_id)
    return len(ids)


def _erase_linked(session: Session, kind: str, model: type[Task | Note], column: str, record_id: str) -> None:
    mine: InstrumentedAttribute[str | None] = getattr(model, column)
    others = [getattr(model, name) for name in ("contact_id", "company_id", "deal_id") if name != column]
    shared = and_(mine == record_id, or_(*(other.is_not(None) for other in others)))
    session.execute(_quiet(update(model).where(shared).values({column: None})))
    for row_id in session.scalars(select(model.id).where(mine == record_id)).all():
        follow(session, Departure("erased", kind, row_id))
    session.execute(_quiet(delete(model).where(mine == record_id)))


def _quiet(statement: Quiet) -> Quiet:
    return statement.execution_options(synchronize_session=False)
