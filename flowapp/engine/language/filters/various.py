"""Filters of objects, and those that take several kinds of value."""

from __future__ import annotations

import json

from flowapp.catalog import N_
from flowapp.engine.language.filters.declared import checked_text, count, filter_
from flowapp.engine.language.values import contains, kind, to_json, to_text
from flowapp.errors import ExpressionError
from flowapp.texts import say


@filter_(
    "get('name')",
    N_("One field"),
    N_("Gets a field of an object or an entry of a list, or another value if it is missing"),
    example=({"name": "Ann"}, "get('name')", "Ann"),
    suits=("object",),
)
def _get(value: object, key: object, other: object = None) -> object:
    if isinstance(value, list):
        at = count(key, -(10**9), 10**9)
        return value[at] if -len(value) <= at < len(value) else other
    return _mapping(value).get(to_text(key), other)


@filter_(
    "keys",
    N_("Field names"),
    N_("Lists the names of an object's fields"),
    example=({"name": "Ann", "age": 40}, "keys", ["name", "age"]),
    suits=("object",),
)
def _keys(value: object) -> list[str]:
    return list(_mapping(value))


@filter_(
    "values",
    N_("Field values"),
    N_("Lists the values of an object's fields"),
    example=({"name": "Ann", "age": 40}, "values", ["Ann", 40]),
    suits=("object",),
)
def _values(value: object) -> list[object]:
    return list(_mapping(value).values())


@filter_(
    "items",
    N_("List of fields"),
    N_("Converts an object to a list of {key, value}"),
    example=({"name": "Ann"}, "items", [{"key": "name", "value": "Ann"}]),
    suits=("object",),
)
def _pairs(value: object) -> list[dict[str, object]]:
    return [{"key": key, "value": entry} for key, entry in _mapping(value).items()]


def _mapping(value: object) -> dict[str, object]:
    if value is None or isinstance(value, dict):
        return value or {}
    raise ExpressionError(say("This needs an object, not %(value)s.", value=kind(value)))


@filter_(
    "length",
    N_("Length"),
    N_("Counts the characters of a text, the entries of a list or the fields of an object"),
    example=(["a", "b", "c"], "length", 3),
    suits=(
        "text",
        "list",
        "object",
    ),
)
def _length(value: object) -> int:
    return len(value) if isinstance(value, list | tuple | dict) else len(to_text(value))


@filter_(
    "contains('x')",
    N_("Contains"),
    N_("Whether text contains another text, a list an entry, or an object a field"),
    example=("Ann Lee", "contains('Lee')", True),
    suits=(
        "text",
        "list",
        "object",
    ),
)
def _contains(value: object, item: object) -> bool:
    answer = contains(value, item)
    if answer is None and value is not None:
        raise ExpressionError(say("%(what)s cannot contain %(item)s.", what=kind(value).capitalize(), item=kind(item)))
    return bool(answer)


@filter_(
    "tojson",
    N_("JSON"),
    N_("Converts any value to JSON"),
    example=({"name": "Ann"}, "tojson", '{"name": "Ann"}'),
    suits=(
        "list",
        "object",
    ),
)
def _tojson(value: object) -> str:
    return to_json(value)


@filter_(
    "fromjson",
    N_("Read JSON"),
    N_("Parses JSON text"),
    example=('{"name": "Ann"}', "fromjson", {"name": "Ann"}),
    suits=("text",),
)
def _fromjson(value: object) -> object:
    def refuse(word: str) -> object:
        raise ExpressionError(say("%(word)s is not valid JSON.", word=word))

    try:
        parsed = json.loads(to_text(value), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise ExpressionError(say("This text is not valid JSON: %(error)s", error=error)) from None
    checked_text(to_json(parsed))
    return parsed


@filter_(
    "default('x')",
    N_("If empty"),
    N_("Uses another value if a field is missing or null; with true, also if it is empty"),
    example=("", "default('unknown', true)", "unknown"),
    suits=("any",),
)
def _default(value: object, other: object = "", empty: object = False) -> object:
    """Missing fields never come here: the evaluator catches them."""
    return other if value is None or (empty and not value) else value
