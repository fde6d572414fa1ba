"""The operation that brings two lists or two objects together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from flowapp.actions.data.transform_data.base import ENTRY, MISSING, Work, get_path
from flowapp.actions.data.transform_data.declared import Kinds
from flowapp.actions.data.transform_data.lists import identity_of, value_of
from flowapp.actions.data.transform_data.options import Options
from flowapp.catalog import N_
from flowapp.catalog.rows import Example
from flowapp.errors import StepError
from flowapp.exact_json import Json
from flowapp.texts import say

JOINS = Kinds()


@JOINS.add(
    "merge",
    N_("Merge with other data"),
    ("field", "value", "how", "other_field"),
    ("value",),
    help=N_(
        "Adds other data: a list after the list, records with the same value in a field, or the fields of an object."
    ),
    example=Example(
        [{"id": 1, "name": "Ann"}],
        {"value": [{"id": 1, "city": "Lyon"}], "field": "id"},
        [{"id": 1, "name": "Ann", "city": "Lyon"}],
    ),
)
def _merge(work: Work, operation: Options, data: object) -> object:
    """Object with object; list after list, record with record at the same place, or where both have the same value."""
    other = work.render(operation.value)
    if isinstance(data, dict) and isinstance(other, dict) and not operation.how:
        return {**data, **other}
    if not (isinstance(data, list) and isinstance(other, list)):
        raise StepError(say("Only two lists or two objects can be merged."))
    if operation.how == "append" or not (operation.how or operation.field):
        return [*data, *other]
    if operation.how == "position":
        pairs: Iterator[tuple[object, object]] = zip_longest(data, other, fillvalue={})
        return [_both(one, more, at) for at, (one, more) in enumerate(pairs, 1)]
    return _join(work, operation, data, other) if operation.how else _look_up(work, operation, data, other)


def _both(one: object, more: object, at: int) -> Json:
    if not (isinstance(one, dict) and isinstance(more, dict)):
        raise StepError(say("item %(at)s: only records with named fields can be merged by position.", at=at))
    return {**one, **more}


def _look_up(work: Work, operation: Options, data: Sequence[object], other: Sequence[object]) -> list[object]:
    """Every item once, with what the last fitting one of the other list has; what is no record stays."""
    key = operation.other_field or operation.field
    known = {identity_of(value_of(item, key)): item for item in other if isinstance(item, dict)}
    joined: list[object] = []
    for item in data:
        more = known.get(identity_of(value_of(item, operation.field)), {}) if isinstance(item, dict) else {}
        work.charge(ENTRY * len(more))
        joined.append({**item, **more} if isinstance(item, dict) else item)
    return joined


def _join(work: Work, operation: Options, data: list[object], other: list[object]) -> list[Json]:
    """Each item with each fitting one; with left and full also those without, with full the rest of the other list.

    A missing or null key fits nothing.
    """
    fitting: dict[str, list[Json]] = {}
    others = _keyed(other, operation.other_field or operation.field, say("of the other list"))
    for key, item in others:
        fitting.setdefault(key, []).append(item)
    joined: list[Json] = []
    used = set()
    for key, item in _keyed(data, operation.field, say("of the list")):
        matches = fitting.get(key, []) if key else []
        used.add(key)
        work.charge(ENTRY * sum(len(item) + len(match) for match in matches))
        joined += [{**item, **match} for match in matches]
        if not matches and operation.how != "inner":
            joined.append(item)
    if operation.how == "full":
        joined += [item for key, item in others if not key or key not in used]
    return joined


def _keyed(records: list[object], field: str, where: str) -> list[tuple[str, Json]]:
    keyed: list[tuple[object, Json]] = []
    for at, record in enumerate(records, 1):
        if not isinstance(record, dict):
            raise StepError(
                say("item %(at)s %(where)s: only records with named fields can be joined.", at=at, where=where)
            )
        keyed.append((get_path(record, field), record))
    return [("" if value is MISSING or value is None else identity_of(value), record) for value, record in keyed]
