"""Operations that make one value, or one for each group, of the items of a list."""

from __future__ import annotations

from collections.abc import Sequence

from flowapp.actions.data.transform_data.base import MISSING, Work, number_of, plain
from flowapp.actions.data.transform_data.declared import Kinds
from flowapp.actions.data.transform_data.lists import identity_of, items, value_of
from flowapp.actions.data.transform_data.options import Options
from flowapp.catalog import N_
from flowapp.catalog.rows import Example
from flowapp.exact_json import Json

TOTALS = Kinds()


@TOTALS.add(
    "aggregate",
    N_("Aggregate"),
    ("field", "to", "function"),
    help=N_("Calculates one value of all items: a sum, an average, a count, the smallest or largest."),
    example=Example(
        [{"name": "Ann", "amount": 10}, {"name": "Ben", "amount": 5}],
        {"field": "amount", "function": "sum", "to": "total"},
        {"total": 15},
    ),
)
def _aggregate(work: Work, operation: Options, data: object) -> Json:
    return {name_of(operation): calculate(operation, items(data, operation, work), work)}


@TOTALS.add(
    "group",
    N_("Group"),
    ("field",),
    ("field",),
    help=N_("Puts together the items that have the same value in a field."),
    example=Example(
        [{"city": "Lyon", "name": "Ann"}, {"city": "Nice", "name": "Ben"}, {"city": "Lyon", "name": "Cid"}],
        {"field": "city"},
        [
            {"key": "Lyon", "items": [{"city": "Lyon", "name": "Ann"}, {"city": "Lyon", "name": "Cid"}], "count": 2},
            {"key": "Nice", "items": [{"city": "Nice", "name": "Ben"}], "count": 1},
        ],
    ),
)
def _group(work: Work, operation: Options, data: object) -> list[Json]:
    groups: dict[str, tuple[object, list[object]]] = {}
    for item in items(data, operation, work):
        value = value_of(item, operation.field)
        key = None if value is MISSING else value
        groups.setdefault(identity_of(key), (key, []))[1].append(item)
    return [{"key": key, "items": members, "count": len(members)} for key, members in groups.values()]


def name_of(operation: Options) -> str:
    """The name of a calculation's result."""
    return operation.to or operation.function


def calculate(operation: Options, records: Sequence[object], work: Work) -> object:
    """One calculation over the records, missing and null values left out."""
    found = [value_of(record, operation.field) for record in records]
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
