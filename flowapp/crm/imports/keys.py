"""Which record a row is about: by its number, address, domain, name, or a custom field that is unique. Read for many rows
at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from flowapp.crm import fields
from flowapp.crm.field_types import coerce, identity
from flowapp.crm.imports.targets import DEFAULT_KEYS, FIXED, OWN
from flowapp.crm.people import addresses
from flowapp.crm.writing import Record
from flowapp.errors import InvalidError
from flowapp.models import Contact, FieldDef, FieldValue, read_number
from flowapp.models.crm.nouns import RECORDS
from flowapp.models.folding import folded as folded_column
from flowapp.texts import say
from flowapp.values.text import folded

Key = tuple[str, str]  # which key, its value as it is compared
_PHONE = "phone"
_FOLDED = ("name", "title")


def order(session: Session, noun: str, match: str) -> tuple[str, ...]:
    """By what the rows' records are recognized: by `match` first, then by what else tells them. InvalidError at `match`."""
    own = [f"{OWN}{one.key}" for one in fields.of(session, noun) if one.unique]
    known = [target.name for target in FIXED[noun] if target.key] + own
    if match and match not in known:
        raise InvalidError.at("match", say("Choose one of: %(options)s.", options=", ".join(known)))
    return tuple(dict.fromkeys([*([match] if match else []), *DEFAULT_KEYS[noun]]))


def keys_of(session: Session, noun: str, names: Sequence[str], data: Mapping[str, object]) -> list[Key]:
    """The row's keys in their order; `data` as the readers of the noun have read it, custom fields as they were given."""
    own = cast(Mapping[str, object], data.get("fields") or {})
    defined = {f"{OWN}{one.key}": one for one in fields.of(session, noun)}
    found = []
    for name in names:
        value = data.get(name) if name in data else own.get(name.removeprefix(OWN))
        if name in defined and value not in (None, ""):
            value = _read(session, defined[name], value)
        if value not in (None, ""):
            found.append((name, identity(value) if name in defined else _plain(name, value)))
    # Colleagues share a telephone: it tells somebody only where nothing else does.
    return found or ([(_PHONE, str(data[_PHONE]))] if noun == "contact" and data.get(_PHONE) else [])


def find(session: Session, noun: str, keys: Sequence[Key]) -> dict[Key, list[Record]]:
    """The records that have one of the keys. Contacts that are in the trash too, since their addresses are theirs."""
    found: dict[Key, list[Record]] = {}
    for name in dict.fromkeys(name for name, _ in keys):
        values = list({value for key, value in keys if key == name})
        for value, record in _with(session, noun, name, values):
            found.setdefault((name, value), []).append(record)
    return found


def _with(session: Session, noun: str, name: str, values: Sequence[str]) -> list[tuple[str, Record]]:
    model = RECORDS[noun]
    if name.startswith(OWN):
        field = next(one for one in fields.of(session, noun) if one.key == name.removeprefix(OWN))
        held = select(FieldValue.value, FieldValue.record_id)
        rows = session.execute(held.where(FieldValue.field_id == field.id, FieldValue.value.in_(values))).all()
        records = session.scalars(select(model).where(model.id.in_([row.record_id for row in rows])))
        by_id = {record.id: record for record in records}
        return [(row.value, by_id[row.record_id]) for row in rows if row.record_id in by_id]
    if name == "email":
        owners = addresses.owners(session, values)
        people = session.scalars(select(Contact).where(Contact.id.in_(owners.values())))
        whose = {contact.id: contact for contact in people}
        return [(email, whose[contact_id]) for email, contact_id in owners.items() if contact_id in whose]
    column: InstrumentedAttribute[object] = getattr(model, name)
    compared: ColumnElement[object] = cast(ColumnElement[object], column)
    wanted: Sequence[object] = values
    if name in _FOLDED:
        compared = cast(ColumnElement[object], folded_column(cast(ColumnElement[str], column)))
    elif name == "number":
        wanted = [number for value in values if (number := read_number(value)) is not None]
    statement = select(model).where(compared.in_(wanted), model.deleted_at.is_(None)).order_by(model.id)
    if name == _PHONE:
        statement = statement.where(Contact.email == "")
    return [(_plain(name, getattr(record, name)), record) for record in session.scalars(statement)]


def _plain(name: str, value: object) -> str:
    return folded(str(value)) if name in _FOLDED else str(value)


def _read(session: Session, field: FieldDef, value: object) -> object:
    """As the field stores it; nothing where it cannot, which is told where the row is read."""
    try:
        return coerce(session, field, value)
    except InvalidError:
        return None
