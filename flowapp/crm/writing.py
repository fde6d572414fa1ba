"""How the services of the CRM write: what changed, one row for each address, number and step's visit, and its event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flowapp.errors import UnsuitableError
from flowapp.models import Company, Contact, Deal, Note, Task, utcnow
from flowapp.models.crm.base import Owned
from flowapp.texts import say

View = dict[str, object]
Changes = dict[str, dict[str, object]]
Record = Owned  # a contact, a company or a deal
Made = TypeVar("Made", Contact, Company, Deal, Task, Note)
UNSEEN = ("updated_at", "last_activity_at")  # they follow from every change


def changed(before: Mapping[str, object], after: Mapping[str, object]) -> Changes:
    """{name: {"old", "new"}} of what differs."""
    names = dict.fromkeys([*before, *after])
    return {
        name: {"old": before.get(name), "new": after.get(name)}
        for name in names
        if name not in UNSEEN and before.get(name) != after.get(name)
    }


def save(session: Session, row: object, taken: tuple[str, str] = ("", "")) -> None:
    """Writes the row, or several together. UnsuitableError at the field of `taken`, with its message, where another row has
    its value."""
    try:
        with session.begin_nested():
            session.add_all(row if isinstance(row, list) else [row])
            session.flush()
    except IntegrityError:
        path, message = taken
        raise UnsuitableError.at(path, message or say("Another record has this value."), "taken") from None


def touch(row: Record | None) -> None:
    """Something happened with the record: it is not inactive."""
    if row is not None:
        row.last_activity_at = utcnow()


def touch_together(session: Session, model: type[Record], ids: Sequence[str]) -> None:
    """Something happened with all of these records: they are not inactive."""
    if ids:
        session.execute(
            update(model)
            .where(model.id.in_(ids))
            .values(last_activity_at=utcnow())
            .execution_options(synchronize_session=False)
        )


def made_before(session: Session, model: type[Made], source_key: str | None) -> Made | None:
    """What the same visit of a step has made already: its worker died before it could say so."""
    return session.scalar(select(model).where(model.source_key == source_key)) if source_key else None
