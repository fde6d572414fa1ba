"""Operations on the fields of a record, or of each record of a list."""

from __future__ import annotations

from collections.abc import Callable

from flowapp.actions.data.transform_data.base import ITEM, MISSING, Work, get_path, remove_path, set_path
from flowapp.actions.data.transform_data.declared import Kinds, Run
from flowapp.actions.data.transform_data.options import Options
from flowapp.catalog import N_
from flowapp.catalog.rows import Example
from flowapp.errors import StepError
from flowapp.exact_json import Json
from flowapp.texts import say

RECORDS = Kinds()


def _each(change: Callable[[Work, Options, Json, int], Json]) -> Run:
    """For one record, or for each record of a list."""

    def run(work: Work, operation: Options, data: object) -> object:
        records = data if isinstance(data, list) else [data]
        if not all(isinstance(record, dict) for record in records):
            raise StepError(say("“%(op)s” works on records with named fields.", op=operation.op))
        paths = len(operation.values or operation.fields or (operation.field,))
        changed = []
        for at, record in enumerate(records):
            work.charge(ITEM + len(record) * paths)  # each path makes a copy
            changed.append(change(work, operation, record, at))
        return changed if isinstance(data, list) else changed[0]

    return run


def _pairs(operation: Options) -> Json:
    return operation.values or {operation.field: operation.to if operation.op == "rename" else operation.value}


@RECORDS.add(
    "set",
    N_("Set a field"),
    ("field", "value", "values"),
    ("values", "field"),
    help=N_("Gives a field a value, a new one or one that is there."),
    example=Example(
        {"price": 10, "count": 3},
        {"field": "total", "value": "{{ item.price * item.count }}"},
        {"price": 10, "count": 3, "total": 30},
    ),
)
@_each
def _set(work: Work, operation: Options, record: Json, at: int) -> Json:
    values = work.render(_pairs(operation), item=record, index=at)
    for path, value in values.items() if isinstance(values, dict) else ():
        record = set_path(record, path, value)
    return record


@RECORDS.add(
    "rename",
    N_("Rename a field"),
    ("field", "to", "values"),
    ("values", "field"),
    help=N_("Gives a field another name; its value stays."),
    example=Example({"mail": "ann@example.com"}, {"field": "mail", "to": "email"}, {"email": "ann@example.com"}),
)
@_each
def _rename(_work: Work, operation: Options, record: Json, _at: int) -> Json:
    for old, new in _pairs(operation).items():
        value = get_path(record, old)
        if value is not MISSING:
            record = set_path(remove_path(record, old), str(new), value)
    return record


@RECORDS.add(
    "pick",
    N_("Keep only these fields"),
    ("fields",),
    ("fields",),
    help=N_("Keeps only the fields that are listed."),
    example=Example(
        {"name": "Ann", "age": 40, "city": "Lyon"}, {"fields": ["name", "city"]}, {"name": "Ann", "city": "Lyon"}
    ),
)
@_each
def _pick(_work: Work, operation: Options, record: Json, _at: int) -> Json:
    picked: Json = {}
    for path in operation.fields:
        value = get_path(record, path)
        if value is not MISSING:
            picked = set_path(picked, path, value)
    return picked


@RECORDS.add(
    "remove",
    N_("Remove fields"),
    ("fields",),
    ("fields",),
    help=N_("Takes away the fields that are listed."),
    example=Example({"name": "Ann", "password": "secret"}, {"fields": ["password"]}, {"name": "Ann"}),
)
@_each
def _remove(_work: Work, operation: Options, record: Json, _at: int) -> Json:
    for path in operation.fields:
        record = remove_path(record, path)
    return record


@RECORDS.add(
    "default",
    N_("Fill empty fields"),
    ("field", "value", "values"),
    ("values", "field"),
    help=N_("Fills fields that are missing or empty."),
    example=Example(
        {"name": "Ann", "country": ""}, {"field": "country", "value": "FR"}, {"name": "Ann", "country": "FR"}
    ),
)
@_each
def _default(work: Work, operation: Options, record: Json, at: int) -> Json:
    for path, value in _pairs(operation).items():
        if get_path(record, path) in (MISSING, None, ""):
            record = set_path(record, path, work.render(value, item=record, index=at))
    return record
