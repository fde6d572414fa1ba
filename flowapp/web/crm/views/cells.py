"""The cells of a list: what each column shows of a record, and whether it can be changed there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from flowapp.crm import tags
from flowapp.crm.views.reader import ListField
from flowapp.crm.writing import Record
from flowapp.models import Contact, Deal, iso
from flowapp.web.crm.nouns import Noun, R, RecordField
from flowapp.web.crm.values import Shown, of_field, to_record

_TIMES = ("created_at", "updated_at", "last_activity_at", "closed_at")
_NUMBERS = ("number", "money")


@dataclass(frozen=True, slots=True)
class Cell:
    """A value as text with its address, or a record's tags. `row` is what is edited there; empty: nothing."""

    column: ListField
    shown: Shown
    row: str = ""
    tags: Sequence[str] = ()

    @property
    def is_number(self) -> bool:
        """Whether it stands at the right."""
        return self.column.type in _NUMBERS


def of_list(
    session: Session, noun: Noun[R], records: Sequence[R], columns: Sequence[ListField]
) -> dict[str, list[Cell]]:
    """The cells of every record, by its id."""
    wanted = any(column.name == "tags" for column in columns)
    found = tags.of_many(session, noun.model, [record.id for record in records]) if wanted else {}
    editable = {one.name: row.key for row in noun.rows(session) for one in row.fields}
    return {
        record.id: [_cell(session, noun, record, column, editable, found.get(record.id, ())) for column in columns]
        for record in records
    }


def _cell(
    session: Session, noun: Noun[R], record: R, column: ListField, editable: Mapping[str, str], names: Sequence[str]
) -> Cell:
    if column.name == "tags":
        return Cell(column, Shown(), tags=names)
    if column.name == "company.name":
        return Cell(column, _company(record), editable.get("company_id", ""))
    values = noun.service.view(record)
    value = iso(getattr(record, column.name)) if column.name in _TIMES else values.get(column.name)
    shown = of_field(session, _field(noun, session, column), value, str(values.get("currency") or ""))
    return Cell(column, shown, editable.get(column.name, ""))


def _company(record: Record) -> Shown:
    company = record.company if isinstance(record, Contact | Deal) else None
    return to_record(company) if company is not None and not company.deleted_at else Shown()


def _field(noun: Noun[R], session: Session, column: ListField) -> RecordField:
    known = {one.name: one for row in noun.rows(session) for one in row.fields}
    made = RecordField(column.name, column.label, column.type, column.options, column.target, own=column.own)
    return known.get(column.name, made)
