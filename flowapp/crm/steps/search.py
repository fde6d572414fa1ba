"""Finds records by the values of their fields, for steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, Text, cast, false, func, inspect, select
from sqlalchemy.orm import Session

from flowapp.crm import companies, contacts, deals, fields, links, pipelines, reading, tags, tasks
from flowapp.crm.field_types import coerce
from flowapp.crm.people import addresses
from flowapp.crm.steps.nouns import named
from flowapp.data.names import suggestion
from flowapp.errors import InvalidError, NotFoundError
from flowapp.exact_json import dump_json
from flowapp.models import FIELD_OBJECTS, FieldDef, Tag, Tagging
from flowapp.models.crm.base import Owned, Sourced
from flowapp.models.folding import same
from flowapp.texts import say

MOST = 100
_READERS: Mapping[str, Mapping[str, reading.Reader]] = {
    "contact": contacts.READERS,
    "company": companies.READERS,
    "deal": {**deals.READERS, "stage_id": lambda session, value, path: pipelines.stage_of(session, value, path).id,
             "status": reading.choice_of(("open", "won", "lost"))},
    "task": {**tasks.READERS, "due_date": reading.column("date")},
    "note": links.READERS,
}  # fmt: skip
_ALIASES: Mapping[str, Mapping[str, str]] = {
    "contact": contacts.ALIASES,
    "company": companies.ALIASES,
    "deal": {**deals.ALIASES, "stage": "stage_id"},
    "task": tasks.ALIASES,
    "note": links.ALIASES,
}


def find(session: Session, noun: str, where: Mapping[str, object], limit: int) -> tuple[Sequence[Sourced], int]:
    """The newest records whose fields have these values, and how many there are. InvalidError names what is no field."""
    model = named(noun).model
    matches = [_match(session, noun, name, value) for name, value in where.items()]
    wanted = select(model).where(model.deleted_at.is_(None), *matches)
    rows = session.scalars(wanted.order_by(model.id.desc()).limit(max(1, min(limit, MOST)))).all()
    full = len(rows) >= limit
    count = session.scalar(select(func.count()).select_from(wanted.subquery())) if full else len(rows)
    return rows, count or 0


def names_of(noun: str) -> frozenset[str]:
    """What records of a noun may be found by, custom fields aside."""
    tagged = ("tag", "tags") if noun in FIELD_OBJECTS else ()
    return frozenset(("id", *_READERS[noun], *_ALIASES[noun], *tagged))


def _match(session: Session, noun: str, name: str, value: object) -> ColumnElement[bool]:
    model = named(noun).model
    name = _ALIASES[noun].get(name, name)
    if name == "id":
        return _is(session, noun, value)
    if name in ("tag", "tags") and issubclass(model, Owned):
        tagged = select(tags.OF[model][1]).join(Tag, Tag.id == Tagging.tag_id)
        return model.id.in_(tagged.where(Tag.key == tags.key_of(tags.clean(value, name))))
    if noun == contacts.NOUN and name in addresses.READERS:
        return addresses.holding(reading.plain_text(value, name))
    if (reader := _READERS[noun].get(name)) is not None:
        read = reader(session, value, name)
        column = getattr(model, name)
        if read is None:
            return column.is_(None)  # type: ignore[no-any-return]
        return same(column, read) if isinstance(read, str) and not name.endswith("_id") else column == read
    return _custom(session, noun, name.removeprefix("fields."), value)


def _is(session: Session, noun: str, value: object) -> ColumnElement[bool]:
    try:
        row = named(noun).find(session, str(value))
    except NotFoundError:
        return false()
    return named(noun).model.id == row.id


def _custom(session: Session, noun: str, key: str, value: object) -> ColumnElement[bool]:
    defined = {field.key: field for field in fields.of(session, noun)} if noun in FIELD_OBJECTS else {}
    if key not in defined:
        known = [*_READERS[noun], *defined]
        raise InvalidError.at(
            key, say("There is no field “%(name)s”.", name=key[:100]) + suggestion(key, known), "unknown"
        )
    return _json_match(session, noun, defined[key], value)


def _json_match(session: Session, noun: str, field: FieldDef, value: object) -> ColumnElement[bool]:
    """Compares the stored JSON: of a text without regard to case."""
    column = inspect(named(noun).model).columns["fields"]
    stored = (
        func.json_extract(column, f"$.{field.key}")
        if session.get_bind().dialect.name == "sqlite"
        else func.json_extract_path_text(column, field.key)
    )
    read = reading.at(field.key, lambda: coerce(session, field, value))
    if read is None:
        return stored.is_(None)
    if isinstance(read, bool) and session.get_bind().dialect.name == "sqlite":
        return stored == int(read)
    text = read if isinstance(read, str) else dump_json(read)
    return same(cast(stored, Text), text)
