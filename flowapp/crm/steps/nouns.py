"""The nouns of the CRM by their names: how steps, and whoever handles records of any kind, make, change and find them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from sqlalchemy.orm import Session

from flowapp.crm import companies, contacts, deals, fields, notes, tasks
from flowapp.data.names import suggestion
from flowapp.errors import InvalidError
from flowapp.events import Cause
from flowapp.models import FIELD_OBJECTS, Company, Contact, Deal, Note, Task
from flowapp.models.crm.base import Sourced
from flowapp.texts import say

Row = TypeVar("Row", bound=Sourced)
View = dict[str, object]
Data = Mapping[str, object]


class Create(Protocol):
    """Makes a row; of the same source key, the one that was made before."""

    def __call__(
        self, session: Session, data: Data, *, cause: Cause, source_key: str | None = None
    ) -> Sourced: ...  # fmt: skip


@dataclass(frozen=True, slots=True)
class Noun:
    """`names` are those that data may have: fixed fields, their other names, and what the service reads beside them."""

    model: type[Sourced]
    create: Create
    update: Callable[[Session, Sourced, Data, Cause], None]
    find: Callable[[Session, str], Sourced]
    view: Callable[[Sourced], View]
    names: frozenset[str]


class _Service(Protocol[Row]):
    """A module that owns a noun."""

    def update(self, session: Session, row: Row, data: Data, /, *, cause: Cause) -> Row: ...

    def view(self, row: Row, /) -> View: ...


def _noun(
    model: type[Row], service: _Service[Row], create: Create, find: Callable[[Session, str], Row], *names: str
) -> Noun:  # fmt: skip
    def mine(row: Sourced) -> Row:
        if not isinstance(row, model):
            raise TypeError(f"{row!r} is no {model.__name__}")
        return row

    def update(session: Session, row: Sourced, data: Data, cause: Cause) -> None:
        service.update(session, mine(row), data, cause=cause)

    return Noun(model, create, update, find, lambda row: service.view(mine(row)), frozenset(names))


NOUNS: Mapping[str, Noun] = {
    "contact": _noun(Contact, contacts, contacts.create, contacts.find, *contacts.READERS, *contacts.ALIASES, "name"),
    "company": _noun(Company, companies, companies.create, companies.find, *companies.READERS, *companies.ALIASES),
    "deal": _noun(
        Deal, deals, deals.create, deals.get, *deals.READERS, *deals.ALIASES, "stage", "stage_id", "pipeline", "pipeline_id",
        "status", "contacts", "contact_ids", "contact", "contact_id",
    ),
    "task": _noun(Task, tasks, tasks.create, tasks.get, *tasks.READERS, *tasks.ALIASES, "due_date", "due_at", "done"),
    "note": _noun(Note, notes, notes.create, notes.get, *notes.READERS, *notes.ALIASES, "text", "html"),
}  # fmt: skip
ALIASES = {
    "organisation": "company",
    "activity": "note",
    "companies": "company",
    "contacts": "contact",
    "deals": "deal",
}


def named(noun: str) -> Noun:
    """The noun of that name, or that other name. InvalidError at `object` where there is none."""
    wanted = noun.strip().lower()
    found = NOUNS.get(ALIASES.get(wanted, wanted))
    if found is None:
        raise InvalidError.at("object", say("Choose one of: %(options)s.", options=", ".join(NOUNS)))
    return found


def read_data(session: Session, noun: str, data: Data) -> View:
    """`data` as the noun's service takes it: custom fields, given under their keys, go into `fields`.

    InvalidError names what is no field.
    """
    known, custom = named(noun).names, _custom(session, noun)
    given = data.get("fields") or {}
    read: View = {"fields": dict(given) if isinstance(given, Mapping) else given} if "fields" in data else {}
    for name, value in data.items():
        key = name.removeprefix("fields.")
        if name == "fields":
            continue
        if name in known:
            read[name] = value
        elif key in custom or (name != key and noun == "contact"):
            read["fields"] = {**_mapping(read.get("fields")), key: value}
        else:
            missing = say("There is no field “%(name)s”.", name=name[:100])
            raise InvalidError.at(name, missing + suggestion(name, known | custom), "unknown")
    return _with_name_apart(read) if noun == "contact" else read


def _custom(session: Session, noun: str) -> frozenset[str]:
    return frozenset(field.key for field in fields.of(session, noun)) if noun in FIELD_OBJECTS else frozenset()


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _with_name_apart(read: View) -> View:
    """A whole `name` is a first one and the rest."""
    if "name" not in read:
        return read
    first, _, last = " ".join(str(read["name"] or "").split()).partition(" ")
    return {"first_name": first, "last_name": last, **{name: value for name, value in read.items() if name != "name"}}
