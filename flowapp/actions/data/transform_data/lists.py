"""Operations on lists: which items there are, in which order, and what comes of several."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from flowapp.actions.data.transform_data.base import (
    ENTRY,
    ITEM,
    MISSING,
    Work,
    get_path,
    remove_path,
    set_path,
)
from flowapp.actions.data.transform_data.declared import Kinds
from flowapp.actions.data.transform_data.options import Options
from flowapp.catalog import N_, times
from flowapp.catalog.rows import Example
from flowapp.errors import StepError
from flowapp.texts import say
from flowapp.values.dates import iso_instant
from flowapp.values.lists import as_list
from flowapp.values.numbers import plain_number
from flowapp.values.text import identity

LISTS = Kinds()


def items(data: object, operation: Options, work: Work) -> list[object]:
    """The data as the list that it must be, charged for looking at each item. A single item is a list of one."""
    if data is None:
        raise StepError(say("“%(op)s” works on a list, and there is nothing here.", op=operation.op))
    if isinstance(data, str):
        work.charge(len(data))
    found = as_list(data)
    work.charge(ITEM * len(found))
    return found


@LISTS.add(
    "map",
    N_("Map"),
    ("value",),
    ("value",),
    help=N_("Makes a new item of every item of a list."),
    example=Example(
        [{"name": "Ann", "amount": 10}, {"name": "Ben", "amount": 5}], {"value": "{{ item.name }}"}, ["Ann", "Ben"]
    ),
)
def _map(work: Work, operation: Options, data: object) -> list[object]:
    render = work.render
    return [render(operation.value, item=item, index=at) for at, item in enumerate(items(data, operation, work))]


@LISTS.add(
    "filter",
    N_("Filter"),
    ("conditions",),
    ("conditions",),
    help=N_("Keeps the items of a list that meet the conditions."),
    example=Example(
        [{"name": "Ann", "amount": 10}, {"name": "Ben", "amount": 5}],
        {"conditions": {"all": [{"field": "item.amount", "operator": ">", "value": 5}]}},
        [{"name": "Ann", "amount": 10}],
    ),
)
def _filter(work: Work, operation: Options, data: object) -> list[object]:
    numbered = enumerate(items(data, operation, work))
    return [item for at, item in numbered if work.ctx.test(operation.conditions, item=item, index=at)[0]]


@LISTS.add(
    "sort",
    N_("Sort"),
    ("field", "descending"),
    help=N_("Sorts a list by a field; items without it come last."),
    example=Example(
        [{"name": "Ann", "amount": 10}, {"name": "Ben", "amount": 5}],
        {"field": "amount"},
        [{"name": "Ben", "amount": 5}, {"name": "Ann", "amount": 10}],
    ),
)
def _sort(work: Work, operation: Options, data: object) -> list[object]:
    """Numbers before text, and what is missing at the end in either direction."""
    work.charge(ITEM * len(data) if isinstance(data, list) else 0)  # it looks more than once
    keyed = [(value_of(item, operation.field), item) for item in items(data, operation, work)]
    there = [pair for pair in keyed if pair[0] not in (MISSING, None)]
    keys = _orders([value for value, _ in there], work)
    order = sorted(range(len(there)), key=keys.__getitem__, reverse=operation.descending)
    return [there[at][1] for at in order] + [item for value, item in keyed if value in (MISSING, None)]


@LISTS.add(
    "limit",
    N_("Keep the first items"),
    ("count",),
    ("count",),
    help=N_("Keeps so many items from the beginning of a list."),
    example=Example(["a", "b", "c"], {"count": 2}, ["a", "b"]),
)
def _limit(work: Work, operation: Options, data: object) -> list[object]:
    count = work.number(work.ctx.render(operation.count), "count")
    if count < 0:
        raise StepError(say("count must be 0 or more."))
    return items(data, operation, work)[: int(count)]


@LISTS.add(
    "dedupe",
    N_("Remove duplicates"),
    ("field",),
    help=N_("Keeps the first of all items that have the same value in a field, or that are the same."),
    example=Example(
        [{"email": "ann@example.com"}, {"email": "ANN@example.com"}], {"field": "email"}, [{"email": "ann@example.com"}]
    ),
)
def _dedupe(work: Work, operation: Options, data: object) -> list[object]:
    first: dict[str, object] = {}
    for item in items(data, operation, work):
        first.setdefault(identity_of(value_of(item, operation.field)), item)
    return list(first.values())


@LISTS.add(
    "split_out",
    N_("Split a list into items"),
    ("field", "to"),
    ("field",),
    help=N_("Makes one record of each entry of a list inside a record."),
    example=Example(
        {"order": 7, "lines": ["pen", "ink"]},
        {"field": "lines", "to": "line"},
        [{"order": 7, "line": "pen"}, {"order": 7, "line": "ink"}],
    ),
)
def _split_out(work: Work, operation: Options, data: object) -> list[object]:
    out: list[object] = []
    for record in data if isinstance(data, list) else [data]:
        inner = get_path(record, operation.field)
        if not isinstance(record, dict) or inner is MISSING:
            raise StepError(say("“%(field)s” is not in every record.", field=operation.field))
        entries = as_list(inner)
        rest = remove_path(record, operation.field)
        work.charge(ENTRY * (len(rest) + 1) * len(entries))
        out += [set_path(rest, operation.to or operation.field, entry) for entry in entries]
    return out


def value_of(item: object, path: str) -> object:
    """The value at a path of an item, MISSING where there is none; without a path the item."""
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


def identity_of(value: object) -> str:
    """Addresses are the same where they differ in case alone."""
    value = identity(value) if isinstance(value, str) else value
    return "" if value is MISSING else json.dumps(value, sort_keys=True, default=str)
