"""Ids and numbers of records that were merged into others lead to these."""

from __future__ import annotations

from typing import TypeVar

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from flowapp.models import Company, Contact, RecordMerge, by_reference, read_id, read_number

R = TypeVar("R", Contact, Company)


def find(session: Session, model: type[R], reference: str) -> R | None:
    """The row with that id or number, or the one that it was merged into; None where there is neither."""
    row = by_reference(session, model, reference)
    return row if row is not None else _survivor(session, model, reference)


def _survivor(session: Session, model: type[R], reference: str) -> R | None:
    number = read_number(reference)
    known = read_id(reference) if number is None else None
    which = RecordMerge.old_number == number if number is not None else RecordMerge.old_id == known
    if number is None and known is None:
        return None
    noun = "contact" if model is Contact else "company"
    into = session.scalar(select(RecordMerge.into_id).where(RecordMerge.noun == noun, which))
    return session.get(model, into) if into else None


def into(session: Session, old_id: str) -> str | None:
    """The id of the record that this one was merged into; None where it was not."""
    return session.scalar(select(RecordMerge.into_id).where(RecordMerge.old_id == old_id))


def redirect(session: Session, noun: str, old: Contact | Company, into_id: str) -> None:
    """From now on the old id and number lead to the other record, and so does what led to the old one."""
    earlier = update(RecordMerge).where(RecordMerge.into_id == old.id).values(into_id=into_id)
    session.execute(earlier.execution_options(synchronize_session=False))
    session.add(RecordMerge(noun=noun, old_id=old.id, old_number=old.number, into_id=into_id))
