"""Holding a row while a change is made of what it says now."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Session

from flowapp.errors import NotFoundError
from flowapp.models import (
    Company,
    Contact,
    DataTable,
    Deal,
    EmailTemplate,
    FieldDef,
    Form,
    Integration,
    Note,
    Organization,
    Pipeline,
    Schema,
    Task,
    Workflow,
)
from flowapp.texts import say

Row = (
    Company | Contact | DataTable | Deal | EmailTemplate | FieldDef | Form | Integration | Note | Organization | Pipeline
    | Schema | Task | Workflow
)  # fmt: skip


def lock(session: Session, row: Row) -> None:
    """Keeps others from changing the row until the transaction ends, and reads it as it is now. NotFoundError: it is gone.

    An UPDATE that changes nothing takes PostgreSQL's row lock, and on SQLite the write lock.
    """
    session.flush()
    model = type(row)
    touched = session.execute(
        update(model)
        .where(model.id == row.id)
        .values(updated_at=model.updated_at)
        .execution_options(synchronize_session=False)
    )
    if getattr(touched, "rowcount", 1) == 0:
        raise NotFoundError(say("This was deleted in the meantime."))
    session.refresh(row)
