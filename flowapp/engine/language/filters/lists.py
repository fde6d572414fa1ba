"""Filters of lists."""

from __future__ import annotations

import math
from decimal import Decimal

from flowapp.catalog import N_
from flowapp.engine.language.filters.declared import field_of, filter_, number_of
from flowapp.engine.language.values import MAX_TEXT, Number, kind, order, to_json, to_text
from flowapp.errors import ExpressionError
from flowapp.texts import say
from flowapp.values.lists import as_list
from flowapp.values.text import identity


@filter_(
    "first",
    N_("First entry"),
    N_("First entry of a list or first character of a text; null if empty"),
    example=(["Ann", "Ben"], "first", "Ann"),
    suits=("list",),
)
def _first(value: object) -> object:
    return next(iter(value if isinstance(value, str) else as_list(value)), None)


@filter_(
    "last",
    N_("Last entry"),
    N_("Last entry of a list or last character of a text; null if empty"),
    example=(["Ann", "Ben"], "last", "Ben"),
    suits=("list",),
)
def _last(value: object) -> object:
    return next(reversed(value if isinstance(value, str) else as_list(value)), None)


@filter_(
    "join(', ', 'name')",
    N_("Join into text"),
    N_("Joins the entries of a list with a separator"),
    example=([{"name": "Ann"}, {"name": "Ben"}], "join(', ', 'name')", "Ann, Ben"),
    suits=("list",),
    of_entries=True,
)
def _join(value: object, separator: object = ", ", attribute: object = None) -> str:
    parts = [to_text(entry if attribute is None else field_of(entry, attribute)) for entry in as_list(value)]
    between = to_text(separator)
    if sum(map(len, parts)) + len(parts) * len(between) > MAX_TEXT:
        raise ExpressionError(say("The text becomes too large: more than %(most)s characters.", most=MAX_TEXT))
    return between.join(parts)


@filter_(
    "map('name')",
    N_("One field of each entry"),
    N_("Takes one field of each entry of a list; null if an entry does not have it"),
    example=([{"name": "Ann"}, {"name": "Ben"}], "map('name')", ["Ann", "Ben"]),
    suits=("records",),
    of_entries=True,
)
def _map(value: object, attribute: object) -> list[object]:
    return [field_of(entry, attribute) for entry in as_list(value)]


@filter_(
    "sum('amount')",
    N_("Sum"),
    N_("Adds up a list of numbers, or a field of each entry; null counts as 0"),
    example=([{"amount": 10}, {"amount": 2.5}], "sum('amount')", 12.5),
    suits=("list",),
    of_entries=True,
)
def _sum(value: object, attribute: object = None) -> Number:
    entries = as_list(value) if attribute is None else [field_of(entry, attribute) for entry in as_list(value)]
    numbers = [number_of(entry) for entry in entries if entry is not None]
    if any(isinstance(number, Decimal) for number in numbers):
        return sum((Decimal(repr(n)) if isinstance(n, float) else Decimal(n) for n in numbers), Decimal())
    if all(isinstance(number, int) for number in numbers):
        return sum(map(int, numbers))
    return math.fsum(map(float, numbers))


@filter_(
    "min('amount')",
    N_("Smallest entry"),
    N_("Smallest entry of a list, optionally by a field of each entry; null if empty"),
    example=([3, 1, 2], "min", 1),
    suits=("list",),
    of_entries=True,
)
def _min(value: object, attribute: object = None) -> object:
    return next(iter(_sort(value, attribute)), None)


@filter_(
    "max('amount')",
    N_("Largest entry"),
    N_("Largest entry of a list, optionally by a field of each entry; null if empty"),
    example=([3, 1, 2], "max", 3),
    suits=("list",),
    of_entries=True,
)
def _max(value: object, attribute: object = None) -> object:
    return next(iter(_sort([e for e in as_list(value) if e is not None], attribute, reverse=True)), None)


class _Key:
    """Orders numbers and texts as comparisons do; refuses what has no order."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def __lt__(self, other: _Key) -> bool:
        sign = order(self.value, other.value)
        if sign is None:
            raise ExpressionError(
                say("Cannot sort %(value)s with %(value_2)s.", value=kind(self.value), value_2=kind(other.value))
            )
        return sign < 0


@filter_(
    "sort('name')",
    N_("Sort"),
    N_("Sorts a list, optionally by a field of each entry; null comes last"),
    example=([{"name": "Ben"}, {"name": "Ann"}], "sort('name')", [{"name": "Ann"}, {"name": "Ben"}]),
    suits=("list",),
    of_entries=True,
)
def _sort(value: object, attribute: object = None, reverse: object = False) -> list[object]:
    pairs = [(entry if attribute is None else field_of(entry, attribute), entry) for entry in as_list(value)]
    known = sorted((p for p in pairs if p[0] is not None), key=lambda pair: _Key(pair[0]), reverse=bool(reverse))
    return [entry for _, entry in known] + [entry for key, entry in pairs if key is None]


@filter_(
    "unique('email')",
    N_("Remove duplicates"),
    N_("Removes duplicates from a list, optionally by a field of each entry"),
    example=(["a", "b", "a"], "unique", ["a", "b"]),
    suits=("list",),
    of_entries=True,
)
def _unique(value: object, attribute: object = None) -> list[object]:
    by_key: dict[str, object] = {}
    for entry in as_list(value):
        key = entry if attribute is None else field_of(entry, attribute)
        by_key.setdefault(to_json(identity(key) if isinstance(key, str) else key), entry)
    return list(by_key.values())


@filter_(
    "reverse",
    N_("Reverse"),
    N_("Reverses a list or text"),
    example=([1, 2, 3], "reverse", [3, 2, 1]),
    suits=("list",),
)
def _reverse(value: object) -> object:
    return value[::-1] if isinstance(value, str) else as_list(value)[::-1]
