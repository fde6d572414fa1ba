"""Custom fields: admins define them, and every way to a record reads its values through them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sqlalchemy import delete, inspect, select
from sqlalchemy.orm import Session, object_session

from flowapp.crm import reading
from flowapp.crm.field_types import MAX_OPTIONS, any_json, coerce, identity
from flowapp.crm.writing import Record, save
from flowapp.data.names import suggestion
from flowapp.errors import InvalidError, NotFoundError, Problem, UnknownReferenceError, UnsuitableError
from flowapp.models import FIELD_OBJECTS, FIELD_TYPES, Contact, FieldDef, FieldValue, iso
from flowapp.models.crm.nouns import RECORDS
from flowapp.texts import say
from flowapp.workflows.projects import slugify

Fields = dict[str, object]
RESERVED = {  # names that expressions know of every record
    "id", "number", "name", "fields", "montant", "nom", "contact_id", "pipeline", "stage", "tags", "lists", "contacts", "owner",
    "company", "contact", "organisation", "deal",
}  # fmt: skip
MAX_OPTION = 200
AT_ONCE = 500  # records that are looked at together
_TAKEN = say("There is a field with this key.")
_KEY = re.compile(r"[a-z][a-z0-9_]{0,63}")
_MEMO = "field_defs"


def of(session: Session, noun: str) -> Sequence[FieldDef]:
    """The fields of contacts, companies or deals, in their order. Read once in a session."""
    memo = session.info.setdefault(_MEMO, {})
    if noun not in memo:
        where = select(FieldDef).where(FieldDef.noun == noun).order_by(FieldDef.position, FieldDef.id)
        memo[noun] = session.scalars(where).all()
    known: Sequence[FieldDef] = memo[noun]
    return known


def get(session: Session, field_id: str) -> FieldDef:
    """The field with that id or key. NotFoundError where there is none."""
    field = find_field(session.scalars(select(FieldDef)).all(), field_id)
    if field is None:
        raise NotFoundError(say("There is no such field."))
    return field


def find_field(fields: Sequence[FieldDef], name: str) -> FieldDef | None:
    """The one with that id, key or label."""
    return next((f for f in fields if name in (f.id, f.key)), None) or next(
        (f for f in fields if f.label == name), None
    )


def create(session: Session, data: Mapping[str, object]) -> FieldDef:
    """A new field; `data` has object and label, and any of key, type, required, unique, default, options, target."""
    clean = reading.read(session, {"type": "text", **data}, _READERS)
    if "object" not in clean or not clean.get("label"):
        missing = "object" if "object" not in clean else "label"
        raise InvalidError.at(missing, say("This field is required."))
    noun = str(clean.pop("object"))
    key = str(clean.pop("key", "") or slugify(str(clean["label"]), 64, "field"))
    field = FieldDef(**{"options": [], **clean}, noun=noun, key=key)
    _refuse_key(session, field)
    field.position = len(of(session, noun)) + 1
    _complete(session, field)
    save(session, field, ("key", _TAKEN))
    _written(session, field)
    return field


def update(session: Session, field: FieldDef, data: Mapping[str, object]) -> FieldDef:
    """Changes what `data` names. What it is of, its key and its type stay: values are stored by them."""
    for name, stays in {"object": field.noun, "key": field.key, "type": field.type}.items():
        if name in data and data[name] != stays:
            raise InvalidError.at(name, say("This cannot be changed: define another field."), "fixed")
    was_unique = field.unique
    for name, value in reading.read(session, data, _READERS).items():
        if name != "object":
            setattr(field, name, value)
    _complete(session, field)
    _written(session, field, claimed=was_unique)
    return field


def remove(session: Session, field: FieldDef) -> None:
    """Deletes the definition; its values are shown no longer."""
    session.delete(field)
    session.flush()
    session.info.pop(_MEMO, None)


def read(session: Session, noun: str, given: object, current: Mapping[str, object], *, new: bool = False) -> Fields:
    """The stored values after `given` is put over `current`; null takes one away. `new`: defaults and required hold.

    InvalidError names every field that is wrong. Contacts keep values of fields that nobody has defined.
    """
    if not isinstance(given, Mapping):
        raise InvalidError.at("fields", say("Give the fields as an object: {…}."))
    defined = {field.key: field for field in of(session, noun)}
    if new:
        given = {**{f.key: f.default for f in defined.values() if f.default is not None or f.required}, **given}
    values, problems = dict(current), list[Problem]()
    for key, value in given.items():
        try:
            values[key] = _read_one(session, noun, key, value, defined)
        except InvalidError as error:
            problems += [Problem(f"fields.{key}", problem.message, code=problem.code) for problem in error.problems]
    if problems:
        raise InvalidError(problems)
    return {key: value for key, value in values.items() if value is not None}


def shown(row: Record, noun: str) -> Fields:
    """The record's values as expressions see them: a field that is not set is null, not missing."""
    session = object_session(row)
    defined = [field.key for field in of(session, noun)] if session else []
    known = row.fields if noun == "contact" else {key: row.fields[key] for key in defined if key in row.fields}
    return {**dict.fromkeys(defined), **known}


def claim(session: Session, noun: str, row: Record, before: Mapping[str, object]) -> None:
    """Holds the values of unique fields for the record. UnsuitableError where another one has a value."""
    for field in of(session, noun):
        if field.unique and before.get(field.key) != row.fields.get(field.key):
            mine = (FieldValue.field_id == field.id, FieldValue.record_id == row.id)
            session.execute(delete(FieldValue).where(*mine))
            if (value := row.fields.get(field.key)) is not None:
                _hold(session, field, {row.id: value})


def field_json(field: FieldDef) -> dict[str, object]:
    """The definition as answers print it."""
    names = ("id", "key", "label", "type", "required", "unique", "default", "options", "target", "position")
    return {
        **{name: getattr(field, name) for name in names},
        "object": field.noun,
        "created_at": iso(field.created_at),
        "updated_at": iso(field.updated_at),
    }


def _read_one(session: Session, noun: str, key: str, value: object, defined: Mapping[str, FieldDef]) -> object:
    if (field := defined.get(key)) is not None:
        return coerce(session, field, value)
    if noun != "contact":
        raise UnknownReferenceError.at("", say("There is no such field.") + suggestion(key, defined))
    if key in RESERVED or key in inspect(Contact).columns:
        taken = say("“%(name)s” cannot be used as a custom field: choose another name.", name=key)
        raise InvalidError.at("", taken)
    return any_json(key, value)


def _refuse_key(session: Session, field: FieldDef) -> None:
    if not _KEY.fullmatch(field.key):
        raise InvalidError.at("key", say("Use lower-case letters, digits and underscores, a letter first."))
    if field.key in RESERVED or field.key in inspect(RECORDS[field.noun]).columns:
        raise InvalidError.at("key", say("Every record has a field of this name. Choose another key."), "taken")
    if any(one.key == field.key for one in of(session, field.noun)):
        raise UnsuitableError.at("key", _TAKEN, "taken")


def _complete(session: Session, field: FieldDef) -> None:
    """InvalidError for what its type needs and does not have."""
    if field.type in ("choice", "multiple_choice") and not field.options:
        raise InvalidError.at("options", say("List at least one option."))
    if field.type == "relation" and not field.target:
        raise InvalidError.at("target", say("Choose what the field links to: contact, company or deal."))
    if field.default is not None:
        field.default = reading.at("default", lambda: coerce(session, field, field.default))


def _written(session: Session, field: FieldDef, *, claimed: bool = False) -> None:
    session.flush()
    session.info.pop(_MEMO, None)
    if field.unique and not claimed:
        _hold_all(session, field)
    if not field.unique:
        session.execute(delete(FieldValue).where(FieldValue.field_id == field.id))


def _hold_all(session: Session, field: FieldDef) -> None:
    """Holds the values of every record, some at a time: there may be many."""
    model, last = RECORDS[field.noun], ""
    while True:
        some = select(model.id, model.fields).order_by(model.id).limit(AT_ONCE)
        rows = session.execute(some.where(model.id > last) if last else some).all()
        values = {row.id: value for row in rows if (value := row.fields.get(field.key)) is not None}
        _hold(session, field, values)
        if len(rows) < AT_ONCE:
            return
        last = rows[-1].id


def _hold(session: Session, field: FieldDef, values: Mapping[str, object]) -> None:
    """`values` by the ids of their records."""
    taken = say("Another record has this value of “%(field)s”.", field=field.label)
    held = [FieldValue(field_id=field.id, value=identity(value), record_id=key) for key, value in values.items()]
    save(session, held, (f"fields.{field.key}", taken))


def _options(_session: Session, value: object, path: str) -> list[str]:
    options = value if isinstance(value, list) else reading.plain_text(value, path).splitlines()
    texts = [" ".join(reading.plain_text(option, path).split()) for option in options]
    found = list(dict.fromkeys(text for text in texts if text))
    if len(found) > MAX_OPTIONS or any(len(text) > MAX_OPTION for text in found):
        most = say("Give at most %(max)s options of %(length)s characters each.", max=MAX_OPTIONS, length=MAX_OPTION)
        raise InvalidError.at(path, most)
    return found


def _yes(session: Session, value: object, path: str) -> bool:
    return bool(reading.column("boolean")(session, value, path))


def _as_it_is(_session: Session, value: object, _path: str) -> object:
    return value if value != "" else None


_READERS: Mapping[str, reading.Reader] = {
    "object": reading.choice_of(FIELD_OBJECTS),
    "key": reading.text_of(64),
    "label": reading.text_of(200, required=True),
    "type": reading.choice_of(FIELD_TYPES),
    "required": _yes,
    "unique": _yes,
    "default": _as_it_is,
    "options": _options,
    "target": reading.choice_of(("", *FIELD_OBJECTS)),
    "position": reading.whole,
}
