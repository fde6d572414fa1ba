"""The cells of a list: what each column shows of a record, and whether it can be changed there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from flowapp.crm import tags
from flowapp.crm.views.reader import ListField
from flowapp.models import Contact, Deal, iso
from flowapp.models.crm.base import Owned, Sourced
from flowapp.web.crm.nouns import Noun, RecordField, S
from flowapp.web.crm.values import Names, Shown, names_of, of_field, to_record

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


@dataclass(frozen=True, slots=True)
class _Column:
    """A column, the field that it shows, and the row in which that is edited (empty: nowhere)."""

    column: ListField
    field: RecordField
    row: str


def of_list(
    session: Session, noun: Noun[S], records: Sequence[S], columns: Sequence[ListField]
) -> dict[str, list[Cell]]:
    """The cells of every record, by its id. What many records name is asked for once, however many they are."""
    wanted = any(column.name == "tags" for column in columns)
    owned = noun.model if issubclass(noun.model, Owned) else None  # the others have no tags
    found = tags.of_many(session, owned, [record.id for record in records]) if wanted and owned else {}
    fields, values = _with_fields(session, noun, columns), {record.id: noun.service.view(record) for record in records}
    named = names_of(session, [one.field for one in fields], values.values())
    return {
        record.id: [_cell(session, record, one, values[record.id], found.get(record.id, ()), named) for one in fields]
        for record in records
    }


def _with_fields(session: Session, noun: Noun[S], columns: Sequence[ListField]) -> list[_Column]:
    known = {one.name: (one, row.key) for row in noun.rows(session) for one in row.fields}
    found: list[_Column] = []
    for one in columns:
        made = RecordField(one.name, one.label, one.type, one.options, one.target, own=one.own)
        field, row = known.get(one.name, (made, ""))
        if one.name == "company.name" and "company_id" in known:
            row = known["company_id"][1]
        found.append(_Column(one, field, row))
    return found


def _cell(
    session: Session, record: S, one: _Column, values: Mapping[str, object], tagged: Sequence[str], named: Names
) -> Cell:
    column = one.column
    if column.name == "tags":
        return Cell(column, Shown(), tags=tagged)
    if column.name == "company.name":
        return Cell(column, _company(record), one.row)
    value = iso(getattr(record, column.name)) if column.name in _TIMES and not column.own else values.get(column.name)
    return Cell(column, of_field(session, one.field, value, str(values.get("currency") or ""), named), one.row)


def _company(record: Sourced) -> Shown:
    company = record.company if isinstance(record, Contact | Deal) else None
    return to_record(company) if company is not None and not company.deleted_at else Shown()
