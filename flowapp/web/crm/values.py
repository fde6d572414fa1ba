"""How a record's values are shown: in the reader's language, with names for ids, and links where they lead somewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.crm import owners
from flowapp.crm.writing import Record
from flowapp.models import read_id
from flowapp.models.crm.nouns import RECORDS
from flowapp.web.crm.boxes import target_of
from flowapp.web.crm.nouns import NOUNS, RecordField, Row, noun_of, title_of
from flowapp.web.locale import day, money, number, when

_LINKS = {"url": "", "email": "mailto:", "phone": "tel:", "domain": "https://"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A value as text, and where it leads; both empty where there is none."""

    text: str = ""
    href: str = ""


Names = dict[str, Mapping[str, Shown]]


def of_row(session: Session, row: Row, values: Mapping[str, object]) -> Shown:
    """The row's value in one: a name of both its parts, an amount with its currency."""
    first = row.fields[0]
    if first.kind == "money":
        return of_field(session, first, values.get(first.name), str(values.get("currency") or ""))
    parts = [of_field(session, one, values.get(one.name)) for one in row.fields]
    return Shown(" ".join(part.text for part in parts if part.text), parts[0].href)


def names_of(session: Session, shown: Iterable[RecordField], many: Iterable[Mapping[str, object]]) -> Names:
    """What of_field says for the ids in the values of many records, by field and id: a query for each such field."""
    known = list(many)
    found: Names = {}
    for one in shown:
        ids = {str(values[one.name]) for values in known if values.get(one.name)}
        if target := target_of(one):
            found[one.name] = _titles(session, target, ids)
        elif one.kind == "member":
            found[one.name] = {owner: Shown(name) for owner, name in owners.names(session, ids).items()}
    return found


def _titles(session: Session, target: str, ids: set[str]) -> Mapping[str, Shown]:
    model = RECORDS[target]
    asked = {given: known for given in ids if (known := read_id(given))}
    rows = session.scalars(select(model).where(model.id.in_(asked.values()))) if asked else ()
    shown = {record.id: _titled(record) for record in rows}
    return {given: shown[known] for given, known in asked.items() if known in shown}


def of_field(
    session: Session, one: RecordField, value: object, currency: str = "", named: Names | None = None
) -> Shown:
    """The value of a field as JSON has it, as its reader reads it. `named`: see names_of; without, its name is looked up."""
    if value in (None, "", []):
        return Shown()
    if named is not None and one.name in named:
        return named[one.name].get(str(value), Shown())
    if target := target_of(one):
        known = read_id(str(value))
        record = session.get(RECORDS[target], known) if known else None
        return _titled(record) if record else Shown()
    if one.kind == "member":
        return Shown(owners.names(session, {str(value)}).get(str(value), ""))
    text = _WRITTEN.get(one.kind, str)(value) if one.kind != "money" else _amount(value, currency)
    if one.options and not one.own:
        text = _(one.options.get(str(value), str(value)))
    return Shown(text, _LINKS[one.kind] + str(value) if one.kind in _LINKS else "")


def _titled(record: Record) -> Shown:
    return Shown(title_of(record)) if record.deleted_at else to_record(record)


def to_record(record: Record) -> Shown:
    """A record's name, which leads to its page."""
    return Shown(title_of(record), url_of(record))


def url_of(record: Record) -> str:
    """The address of a record's page."""
    noun = noun_of(record)
    return url_for(f"{noun.plural}.show", _external=None, **{f"{noun.name}_id": record.id})


def field_named(session: Session, noun: str, name: str) -> RecordField:
    """The field of that name; one that is gone shows what it held."""
    rows = NOUNS[noun].rows(session) if noun in NOUNS else ()
    known = {one.name: one for row in rows for one in row.fields}
    return known.get(name) or RecordField(name, name, own=True)


def _amount(value: object, currency: str) -> str:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return str(value)
    return money(amount, currency) if currency else number(amount)


def _day(value: object) -> str:
    try:
        return day(date.fromisoformat(str(value)))
    except ValueError:
        return str(value)


def _moment(value: object) -> str:
    try:
        return when(datetime.fromisoformat(str(value)))
    except (ValueError, OverflowError):
        return str(value)


def _number(value: object) -> str:
    return number(Decimal(str(value))) if isinstance(value, int | float | Decimal) else str(value)


_WRITTEN: Mapping[str, Callable[[object], str]] = {
    "boolean": lambda value: str(_("Yes") if value is True else _("No")),
    "date": _day,
    "datetime": _moment,
    "number": _number,
    "emails": lambda value: ", ".join(map(str, value)) if isinstance(value, list) else str(value),
    "multiple_choice": lambda value: ", ".join(map(str, value)) if isinstance(value, list) else str(value),
}
