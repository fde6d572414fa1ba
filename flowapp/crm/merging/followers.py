"""What follows a contact, a company or a deal: the CRM's own rows. Loading this declares the other rooms' followers, too."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from flowapp.catalog.entities import Departure, follows_contact
from flowapp.events import following as _of_events  # noqa: F401 - declares itself
from flowapp.executions import following as _of_executions  # noqa: F401
from flowapp.models import (
    Contact,
    ContactEmail,
    Deal,
    DealContact,
    FieldDef,
    FieldValue,
    ListMember,
    Note,
    RecordMerge,
    Tagging,
    Task,
)
from flowapp.models.crm.nouns import RECORDS
from flowapp.records.filters.json_values import JsonValue

Column = InstrumentedAttribute[str] | InstrumentedAttribute[str | None]
# Whose these are by noun, and beside what it may stand there once only.
_LINKS: dict[str, Sequence[tuple[Column, Column | None]]] = {
    "contact": (
        (Tagging.contact_id, Tagging.tag_id), (ListMember.contact_id, ListMember.list_id), (DealContact.contact_id, DealContact.deal_id),
        (Task.contact_id, None), (Note.contact_id, None), (ContactEmail.contact_id, None),
    ),
    "company": (
        (Tagging.company_id, Tagging.tag_id), (Contact.company_id, None), (Deal.company_id, None), (Task.company_id, None),
        (Note.company_id, None),
    ),
}  # fmt: skip


@follows_contact
def follow(session: Session, departure: Departure) -> None:
    """Tags, lists, deals, tasks, notes, addresses and relations move; what is there already goes with the old record."""
    if departure.what == "merged":
        for column, beside in _LINKS[departure.noun]:
            _move(session, column, beside, departure)
        _move_relations(session, departure)
    elif departure.what == "erased" and departure.noun in RECORDS:
        session.execute(delete(FieldValue).where(FieldValue.record_id == departure.id))
        session.execute(delete(RecordMerge).where(RecordMerge.into_id == departure.id))


def counted(session: Session, noun: str, record_id: str) -> dict[str, int]:
    """How much would move, by table."""
    found: dict[str, int] = {}
    for column, _ in _LINKS[noun]:
        table = str(column.class_.__tablename__)
        found[table] = session.scalar(select(func.count()).where(column == record_id)) or 0
    return found


def _move(session: Session, column: Column, beside: Column | None, departure: Departure) -> None:
    model = column.class_
    moved = update(model).where(column == departure.id).values({column.key: departure.into})
    if beside is not None:
        moved = moved.where(beside.not_in(select(beside).where(column == departure.into)))
    session.execute(moved.execution_options(synchronize_session=False))


def _move_relations(session: Session, departure: Departure) -> None:
    """Custom fields that lead to the record."""
    for field in session.scalars(
        select(FieldDef).where(FieldDef.type == "relation", FieldDef.target == departure.noun)
    ):
        model = RECORDS[field.noun]
        leads_to = JsonValue(model.fields, field.key, sqlite=session.get_bind().dialect.name == "sqlite").raw
        for row in session.scalars(select(model).where(leads_to == departure.id)):
            row.fields = {**row.fields, field.key: departure.into}
