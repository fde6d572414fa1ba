"""The fields of a noun's lists: which can be shown, filtered and sorted by, fixed ones and custom ones."""

from __future__ import annotations

from collections.abc import Mapping

from flowapp.crm import companies, contacts, deals, tasks
from flowapp.crm import fields as custom
from flowapp.crm.views.nouns import FIXED
from flowapp.crm.views.reader import ListField, Reader
from flowapp.models import FieldDef
from flowapp.models.crm.nouns import RECORDS
from flowapp.records.filters import Filter, Kind, filter_of
from flowapp.records.filters.dates import DateKind, DateTimeKind
from flowapp.records.filters.json_values import JsonValue
from flowapp.records.filters.kinds import NumberKind, TextKind

_ALIASES: Mapping[str, Mapping[str, str]] = {
    "contact": {**contacts.ALIASES, "company": "company_id", "organisation": "company_id"},
    "company": companies.ALIASES,
    "deal": deals.ALIASES,
    "task": tasks.ALIASES,
}
_PREFIXES: Mapping[str, tuple[str, ...]] = {"company": ("company.", "organisation.")}


def of(reader: Reader, noun: str) -> Mapping[str, ListField]:
    """The fields by name: fixed ones first, then those that an admin defined, in their order. Made once for a reader."""
    if noun not in reader.known:
        fixed = {one.name: one for one in FIXED[noun](reader)}
        own = custom.of(reader.session, noun) if noun in RECORDS else ()
        reader.known[noun] = {**fixed, **{one.key: _own(reader, noun, one) for one in own}}
    return reader.known[noun]


def find(known: Mapping[str, ListField], noun: str, name: str) -> ListField | None:
    """The field that conditions call so: `email`, `contact.email`, `plan`, `fields.plan`, `montant`; None: there is none."""
    for prefix in _PREFIXES.get(noun, (f"{noun}.",)):
        name = name.removeprefix(prefix)
    if name.startswith("organisation."):
        name = f"company.{name.removeprefix('organisation.')}"
    if name.startswith("fields."):
        own = known.get(name.removeprefix("fields."))
        return own if own is not None and own.own else None
    return known.get(name) or known.get(_ALIASES[noun].get(name, ""))


def read_filter(reader: Reader, noun: str, conditions: object, path: str = "filter") -> Filter:
    """The filter of a list that conditions ask for. InvalidError names what cannot be asked."""

    def kind(name: str) -> Kind | None:
        found = find(of(reader, noun), noun, name)
        return found.kind if found else None

    return filter_of(conditions, kind, reader.context(), path)


def _own(reader: Reader, noun: str, defined: FieldDef) -> ListField:
    value = JsonValue(RECORDS[noun].fields, defined.key, sqlite=reader.sqlite)
    kind = value.kind(defined.type, reader.record(defined.target or noun))
    sort = (kind.column,) if isinstance(kind, TextKind | NumberKind | DateKind | DateTimeKind) else ()
    options = {option: option for option in defined.options}
    return ListField(defined.key, defined.label, defined.type, kind, options, defined.target, sort, own=True)
