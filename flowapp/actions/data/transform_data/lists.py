"""Operations on lists: which items there are, in which order, and what comes of several."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from flowapp.actions.data.transform_data.base import (
    ENTRY,
    ITEM,
    MISSING,
    Kinds,
    Work,
    get_path,
    number_of,
    plain,
    remove_path,
    set_path,
)
from flowapp.actions.data.transform_data.options import Options
from flowapp.catalog import N_, times
from flowapp.errors import StepError
from flowapp.exact_json import Json
from flowapp.values.dates import iso_instant
from flowapp.values.lists import as_list
from flowapp.values.numbers import plain_number
from flowapp.values.text import identity

LISTS = Kinds()


def items(data: object, operation: Options, work: Work) -> list[object]:
    """The data as the list that it must be, charged for looking at each item. A single item is a list of one."""
    if data is None:
        raise StepError(f"“{operation.op}” works on a list, and there is nothing here.")
    if isinstance(data, str):
        work.charge(len(data))
    found = as_list(data)
    work.charge(ITEM * len(found))
    return found


@LISTS.add("map", N_("Map"), ("value",), ("value",))
def _map(work: Work, operation: Options, data: object) -> list[object]:
    render = work.render
    return [render(operation.value, item=item, index=at) for at, item in enumerate(items(data, operation, work))]


@LISTS.add("filter", N_("Filter"), ("conditions",), ("conditions",))
def _filter(work: Work, operation: Options, data: object) -> list[object]:
    numbered = enumerate(items(data, operation, work))
    return [item for at, item in numbered if work.ctx.test(operation.conditions, item=item, index=at)[0]]


@LISTS.add("sort", N_("Sort"), ("field", "descending"))
def _sort(work: Work, operation: Options, data: object) -> list[object]:
    """Numbers before text, and what is missing at the end in either direction."""
    work.charge(ITEM * len(data) if isinstance(data, list) else 0)  # it looks more than once
    keyed = [(_value(item, operation.field), item) for item in items(data, operation, work)]
    there = [pair for pair in keyed if pair[0] not in (MISSING, None)]
    keys = _orders([value for value, _ in there], work)
    order = sorted(range(len(there)), key=keys.__getitem__, reverse=operation.descending)
    return [there[at][1] for at in order] + [item for value, item in keyed if value in (MISSING, None)]


@LISTS.add("limit", N_("Keep the first items"), ("count",), ("count",))
def _limit(work: Work, operation: Options, data: object) -> list[object]:
    count = work.number(work.ctx.render(operation.count), "count")
    if count < 0:
        raise StepError("count must be 0 or more.")
    return items(data, operation, work)[: int(count)]


@LISTS.add("dedupe", N_("Remove duplicates"), ("field",))
def _dedupe(work: Work, operation: Options, data: object) -> list[object]:
    first: dict[str, object] = {}
    for item in items(data, operation, work):
        first.setdefault(_identity(_value(item, operation.field)), item)
    return list(first.values())


@LISTS.add("aggregate", N_("Aggregate"), ("field", "to", "function"))
def _aggregate(work: Work, operation: Options, data: object) -> Json:
    return {name_of(operation): calculate(operation, items(data, operation, work), work)}


@LISTS.add("group", N_("Group"), ("field",), ("field",))
def _group(work: Work, operation: Options, data: object) -> list[Json]:
    groups: dict[str, tuple[object, list[object]]] = {}
    for item in items(data, operation, work):
        value = _value(item, operation.field)
        key = None if value is MISSING else value
        groups.setdefault(_identity(key), (key, []))[1].append(item)
    return [{"key": key, "items": members, "count": len(members)} for key, members in groups.values()]


@LISTS.add("merge", N_("Merge with other data"), ("field", "value", "how", "other_field"), ("value",))
def _merge(work: Work, operation: Options, data: object) -> object:
    """Object with object; list after list, record with record at the same place, or where both have the same value."""
    other = work.render(operation.value)
    if isinstance(data, dict) and isinstance(other, dict) and not operation.how:
        return {**data, **other}
    if not (isinstance(data, list) and isinstance(other, list)):
        raise StepError("Only two lists or two objects can be merged.")
    if operation.how == "append" or not (operation.how or operation.field):
        return [*data, *other]
    if operation.how == "position":
        pairs: Iterator[tuple[object, object]] = zip_longest(data, other, fillvalue={})
        return [_both(one, more, at) for at, (one, more) in enumerate(pairs, 1)]
    return _join(work, operation, data, other) if operation.how else _look_up(work, operation, data, other)


def _both(one: object, more: object, at: int) -> Json:
    if not (isinstance(one, dict) and isinstance(more, dict)):
        raise StepError(f"item {at}: only records with named fields can be merged by position.")
    return {**one, **more}


def _look_up(work: Work, operation: Options, data: Sequence[object], other: Sequence[object]) -> list[object]:
    """Every item once, with what the last fitting one of the other list has; what is no record stays."""
    key = operation.other_field or operation.field
    known = {_identity(_value(item, key)): item for item in other if isinstance(item, dict)}
    joined: list[object] = []
    for item in data:
        more = known.get(_identity(_value(item, operation.field)), {}) if isinstance(item, dict) else {}
        work.charge(ENTRY * len(more))
        joined.append({**item, **more} if isinstance(item, dict) else item)
    return joined


def _join(work: Work, operation: Options, data: list[object], other: list[object]) -> list[Json]:
    """Each item with each fitting one; with left and full also those without, with full the rest of the other list.

    A missing or null key fits nothing.
    """
    fitting: dict[str, list[Json]] = {}
    others = _keyed(other, operation.other_field or operation.field, "of the other list")
    for key, item in others:
        fitting.setdefault(key, []).append(item)
    joined: list[Json] = []
    used = set()
    for key, item in _keyed(data, operation.field, "of the list"):
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
            raise StepError(f"item {at} {where}: only records with named fields can be joined.")
        keyed.append((get_path(record, field), record))
    return [("" if value is MISSING or value is None else _identity(value), record) for value, record in keyed]


@LISTS.add("split_out", N_("Split a list into items"), ("field", "to"), ("field",))
def _split_out(work: Work, operation: Options, data: object) -> list[object]:
    out: list[object] = []
    for record in data if isinstance(data, list) else [data]:
        inner = get_path(record, operation.field)
        if not isinstance(record, dict) or inner is MISSING:
            raise StepError(f"“{operation.field}” is not in every record.")
        entries = as_list(inner)
        rest = remove_path(record, operation.field)
        work.charge(ENTRY * (len(rest) + 1) * len(entries))
        out += [set_path(rest, operation.to or operation.field, entry) for entry in entries]
    return out


def name_of(operation: Options) -> str:
    """The name of a calculation's result."""
    return operation.to or operation.function


def calculate(operation: Options, records: Sequence[object], work: Work) -> object:
    """One calculation over the records, missing and null values left out."""
    found = [_value(record, operation.field) for record in records]
    values = [value for value in found if value is not MISSING and value is not None]
    if operation.function == "count":
        return len(values) if operation.field else len(records)
    if operation.function in ("first", "last"):
        return (values[0] if operation.function == "first" else values[-1]) if values else None
    numbers = [work.number(value, operation.field or "item") for value in values]
    if operation.function == "sum":
        return plain(sum(numbers, number_of(0)))
    if not numbers:
        return None
    if operation.function == "avg":
        return plain(sum(numbers, number_of(0)) / len(numbers))
    return plain(min(numbers) if operation.function == "min" else max(numbers))


def _value(item: object, path: str) -> object:
    return get_path(item, path) if path else item


def _orders(values: Sequence[object], work: Work) -> list[tuple[int, Any]]:
    """What each is sorted by: where all are numbers as people write them, those; where all are dates, the moments; else
    plain numbers before text."""
    zone = times.zone(work.ctx.timezone)
    moments = [iso_instant(value, zone) if isinstance(value, str) else None for value in values]
    if all(moments):
        return [(0, moment) for moment in moments]
    try:
        return [(0, work.number(value)) for value in values]
    except StepError:
        return [_order(value) for value in values]


def _order(value: object) -> tuple[int, object]:
    number = plain_number(value)
    if number is not None:
        return 0, number
    return 1, value.casefold() if isinstance(value, str) else str(value)


def _identity(value: object) -> str:
    """Addresses are the same where they differ in case alone."""
    value = identity(value) if isinstance(value, str) else value
    return "" if value is MISSING else json.dumps(value, sort_keys=True, default=str)
