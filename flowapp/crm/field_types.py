"""The types of custom fields: how each is read from what a person, a file or a step gives, as JSON that is stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from flowapp.crm import reading
from flowapp.data.columns import MAX_LONG_TEXT, UNSTORABLE, Column
from flowapp.errors import InvalidError, UnknownReferenceError
from flowapp.exact_json import dump_json
from flowapp.models import FieldDef, by_reference, conventions_of
from flowapp.models.crm.nouns import RECORDS
from flowapp.texts import say
from flowapp.values.lists import as_list
from flowapp.values.text import folded

MAX_OPTIONS = 500
MAX_HELD = 500  # characters that the database keeps of it
MAX_NAME = 200  # of a field that nobody has defined


def coerce(session: Session, field: FieldDef, value: object) -> object:
    """`value` as the field stores it, None for nothing. InvalidError says what to write instead."""
    if value is None or value == [] or (isinstance(value, str) and not value.strip()):
        if field.required:
            raise InvalidError.at("", say("This field is required."))
        return None
    if field.type == "multiple_choice":
        return _choices(session, field, as_list(value))
    reader = _READERS.get(field.type)
    return reader(session, field, value) if reader else _column(session, field, value, field.type)


def any_json(key: str, value: object) -> object:
    """A value of a field that nobody has defined, which is any JSON that can be stored and told in events."""
    if len(key) > MAX_NAME or UNSTORABLE.search(key):
        raise InvalidError.at("", say("The name of a field can have at most %(max)s characters.", max=MAX_NAME))
    try:
        text = dump_json([[[[[[[[value]]]]]]]])  # as deep as events and what they start hold it
    except (TypeError, ValueError):
        raise InvalidError.at("", say("This is nested too deeply, or is no JSON.")) from None
    if len(text) > MAX_LONG_TEXT:
        raise InvalidError.at("", say("Enter at most %(limit)s characters.", limit=MAX_LONG_TEXT))
    return value


def identity(value: object) -> str:
    """What tells a value of a unique field from others: texts without regard to case, long ones by a hash of the whole."""
    text = folded(value.strip() if isinstance(value, str) else dump_json(value))
    return text if len(text) <= MAX_HELD else f"{text[:400]} {sha256(text.encode()).hexdigest()}"


def _choices(session: Session, field: FieldDef, chosen: list[object]) -> list[object]:
    """Each option once. More texts than any field has options are not looked at one by one."""
    texts = dict.fromkeys(reading.plain_text(one, "").strip() for one in chosen)
    if len(texts) > MAX_OPTIONS:
        raise InvalidError.at("", say("Choose at most %(max)s options.", max=MAX_OPTIONS))
    return list(dict.fromkeys(_column(session, field, text, "choice") for text in texts if text))


def _column(session: Session, field: FieldDef, value: object, kind: str) -> object:
    column = Column(field.key, field.label, kind, options=tuple(field.options))
    return reading.shown(column.coerce(value, conventions_of(session)))


def _url(_session: Session, _field: FieldDef, value: object) -> str:
    text = reading.plain_text(value, "").strip()
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.netloc or len(text) > 2000:
        raise InvalidError.at("", say("Enter an address that begins with https:// or http://."))
    return text


def _relation(session: Session, field: FieldDef, value: object) -> str:
    row = by_reference(session, RECORDS[field.target], reading.plain_text(value, "").strip())
    if row is None:
        raise UnknownReferenceError.at("", say("There is no such %(object)s.", object=say(field.target)))
    return row.id


_READERS: Mapping[str, Callable[[Session, FieldDef, object], object]] = {
    "money": lambda session, _field, value: reading.shown(reading.amount(session, value, "")),
    "url": _url,
    "phone": lambda session, _field, value: reading.phone(session, value, ""),
    "relation": _relation,
}
