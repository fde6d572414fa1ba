"""The filters of the expression language: `{{ input.name | trim | title }}`.

Pure functions over JSON values, each bounded: the caller charges the size of what goes in and checks what comes out;
a filter whose result can be far larger than its input (replace, join, tojson) checks before it builds.
Null counts as an empty text or an empty list. What a filter cannot use is an ExpressionError.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TypeVar
from urllib.parse import quote, urlencode

from flowapp.catalog import N_, times
from flowapp.engine.language.values import MAX_TEXT, Number, contains, kind, order, to_json, to_text
from flowapp.errors import ExpressionError
from flowapp.values.lists import as_list
from flowapp.values.numbers import plain_number
from flowapp.values.text import identity, slug

_UNPAIRED = re.compile("[\ud800-\udfff]")


Function = TypeVar("Function", bound=Callable[..., object])


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter as pickers list it: `usage` is what one writes after the bar, `help` an English msgid."""

    function: Callable[..., object]
    usage: str
    help: str
    before: Callable[..., object] | None = None  # what it did in the languages 1 and 2, where that was another thing


FILTERS: dict[str, Filter] = {}
# These look at the entries of a list, not into them, and so cost less.
SHALLOW = frozenset(
    {"length", "first", "last", "map", "keys", "values", "items", "get", "reverse", "sort", "sum", "min", "max"}
)
ALIASES = {"d": "default", "count": "length", "lowercase": "lower", "uppercase": "upper", "json": "tojson"}


def _filter(usage: str, help: str) -> Callable[[Function], Function]:  # noqa: A002 - as in ui()
    def register(function: Function) -> Function:
        name = re.split(r"\W", usage, maxsplit=1)[0]
        FILTERS[name] = Filter(function, usage, help)
        return function

    return register


def _number(value: object) -> Number:
    number = plain_number(value)
    if number is None:
        what = f"“{value[:50]}”" if isinstance(value, str) else kind(value)
        raise ExpressionError(f"This needs a number, not {what}.")
    return number


def _count(value: object, least: int, most: int) -> int:
    number = _number(value)
    if number != int(number) or not least <= number <= most:
        raise ExpressionError(f"A whole number from {least} to {most:,} is needed here, not {to_text(value)[:50]}.")
    return int(number)


def _field(entry: object, attribute: object) -> object:
    """`attribute` of one entry of a list, dotted; null where it is not there."""
    for key in to_text(attribute).split("."):
        entry = entry.get(key) if isinstance(entry, dict) else None
    return entry


def _checked(text: str) -> str:
    if _UNPAIRED.search(text):
        raise ExpressionError("The text contains half a character (an unpaired surrogate).")
    return text


@_filter("default('x')", N_("Uses another value if a field is missing or null; with true, also if it is empty"))
def _default(value: object, other: object = "", empty: object = False) -> object:
    """Missing fields never come here: the evaluator catches them."""
    return other if value is None or (empty and not value) else value


@_filter("upper", N_("Converts text to uppercase"))
def _upper(value: object) -> str:
    return to_text(value).upper()


@_filter("lower", N_("Converts text to lowercase"))
def _lower(value: object) -> str:
    return to_text(value).lower()


@_filter("title", N_("Capitalizes every word"))
def _title(value: object) -> str:
    return re.sub(r"(?<![\w'\u2019])\w", lambda match: match[0].upper(), to_text(value).lower())


@_filter("capitalize", N_("Capitalizes the first letter and lowercases the rest"))
def _capitalize(value: object) -> str:
    return to_text(value).capitalize()


@_filter("trim", N_("Removes spaces and line breaks from both ends"))
def _trim(value: object) -> str:
    return to_text(value).strip()


@_filter("replace('a', 'b')", N_("Replaces every occurrence of a text with another"))
def _replace(value: object, old: object, new: object) -> str:
    text, before, after = to_text(value), to_text(old), to_text(new)
    if not before:
        raise ExpressionError("replace needs a text to search for.")
    if len(text) + text.count(before) * (len(after) - len(before)) > MAX_TEXT:
        raise ExpressionError(f"The text becomes too large: more than {MAX_TEXT:,} characters.")
    return text.replace(before, after)


@_filter("length", N_("Counts the characters of a text, the entries of a list or the fields of an object"))
def _length(value: object) -> int:
    return len(value) if isinstance(value, list | tuple | dict) else len(to_text(value))


@_filter("first", N_("First entry of a list or first character of a text; null if empty"))
def _first(value: object) -> object:
    return next(iter(value if isinstance(value, str) else as_list(value)), None)


@_filter("last", N_("Last entry of a list or last character of a text; null if empty"))
def _last(value: object) -> object:
    return next(reversed(value if isinstance(value, str) else as_list(value)), None)


@_filter("join(', ')", N_("Joins the entries of a list with a separator"))
def _join(value: object, separator: object = ", ", attribute: object = None) -> str:
    parts = [to_text(entry if attribute is None else _field(entry, attribute)) for entry in as_list(value)]
    between = to_text(separator)
    if sum(map(len, parts)) + len(parts) * len(between) > MAX_TEXT:
        raise ExpressionError(f"The text becomes too large: more than {MAX_TEXT:,} characters.")
    return between.join(parts)


@_filter("split(',')", N_("Splits text into a list, at spaces if no separator is given"))
def _split(value: object, separator: object = None) -> list[str]:
    between = None if separator is None else to_text(separator)
    if between == "":
        raise ExpressionError("split needs a separator, or no argument to split at spaces.")
    return to_text(value).split(between)


@_filter("round(2)", N_("Rounds a number to the given number of decimals, halves away from zero"))
def _round(value: object, precision: object = 0) -> Number:
    places = _count(precision, -15, 15)
    number = _number(value)
    exact = number if isinstance(number, Decimal) else Decimal(repr(number))
    if exact.adjusted() > 25 or (isinstance(number, int) and places >= 0):
        return number
    rounded = exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, context=Context(prec=60))
    if places <= 0:
        return int(rounded)
    return rounded if isinstance(number, Decimal) else float(rounded)


@_filter("int", N_("Converts to a whole number, dropping decimals. int(0) gives 0 if there is no number"))
def _int(value: object, other: object = None) -> object:
    number = plain_number(value) if not isinstance(value, bool) else int(value)
    return int(number) if number is not None else _fallback(value, other)


@_filter("float", N_("Converts to a number. float(0) gives 0 if there is no number"))
def _float(value: object, other: object = None) -> object:
    number = plain_number(value)
    return float(number) if number is not None else _fallback(value, other)


def _fallback(value: object, other: object) -> object:
    return _number(value) if other is None else other


@_filter("string", N_("Converts any value to text"))
def _string(value: object) -> str:
    return to_text(value)


@_filter("safe", N_("In an HTML message, inserts HTML as it is; without it, < and & become text"))
def _safe(value: object) -> str:
    """The compiler sees that it stands last; beside HTML there is nothing to mark."""
    return to_text(value)


@_filter("abs", N_("Returns a number without its minus sign"))
def _abs(value: object) -> Number:
    number = _number(value)
    return -number if number < 0 else number


@_filter("min", N_("Smallest entry of a list, optionally by a field of each entry; null if empty"))
def _min(value: object, attribute: object = None) -> object:
    return next(iter(_sort(value, attribute)), None)


@_filter("max", N_("Largest entry of a list, optionally by a field of each entry; null if empty"))
def _max(value: object, attribute: object = None) -> object:
    return next(iter(_sort([e for e in as_list(value) if e is not None], attribute, reverse=True)), None)


@_filter("sum('amount')", N_("Adds up a list of numbers, or a field of each entry; null counts as 0"))
def _sum(value: object, attribute: object = None) -> Number:
    entries = as_list(value) if attribute is None else [_field(entry, attribute) for entry in as_list(value)]
    numbers = [_number(entry) for entry in entries if entry is not None]
    if any(isinstance(number, Decimal) for number in numbers):
        return sum((Decimal(repr(n)) if isinstance(n, float) else Decimal(n) for n in numbers), Decimal())
    if all(isinstance(number, int) for number in numbers):
        return sum(map(int, numbers))
    return math.fsum(map(float, numbers))


class _Key:
    """Orders numbers and texts as comparisons do; refuses what has no order."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def __lt__(self, other: _Key) -> bool:
        sign = order(self.value, other.value)
        if sign is None:
            raise ExpressionError(f"Cannot sort {kind(self.value)} with {kind(other.value)}.")
        return sign < 0


@_filter("sort('name')", N_("Sorts a list, optionally by a field of each entry; null comes last"))
def _sort(value: object, attribute: object = None, reverse: object = False) -> list[object]:
    pairs = [(entry if attribute is None else _field(entry, attribute), entry) for entry in as_list(value)]
    known = sorted((p for p in pairs if p[0] is not None), key=lambda pair: _Key(pair[0]), reverse=bool(reverse))
    return [entry for _, entry in known] + [entry for key, entry in pairs if key is None]


@_filter("unique", N_("Removes duplicates from a list, optionally by a field of each entry"))
def _unique(value: object, attribute: object = None) -> list[object]:
    by_key: dict[str, object] = {}
    for entry in as_list(value):
        key = entry if attribute is None else _field(entry, attribute)
        by_key.setdefault(to_json(identity(key) if isinstance(key, str) else key), entry)
    return list(by_key.values())


@_filter("reverse", N_("Reverses a list or text"))
def _reverse(value: object) -> object:
    return value[::-1] if isinstance(value, str) else as_list(value)[::-1]


@_filter("map('name')", N_("Takes one field of each entry of a list; null if an entry does not have it"))
def _map(value: object, attribute: object) -> list[object]:
    return [_field(entry, attribute) for entry in as_list(value)]


@_filter("tojson", N_("Converts any value to JSON"))
def _tojson(value: object) -> str:
    return to_json(value)


@_filter("fromjson", N_("Parses JSON text"))
def _fromjson(value: object) -> object:
    def refuse(word: str) -> object:
        raise ExpressionError(f"{word} is not valid JSON.")

    try:
        parsed = json.loads(to_text(value), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise ExpressionError(f"This text is not valid JSON: {error}") from None
    _checked(to_json(parsed))
    return parsed


@_filter("date('dd/MM/yyyy')", N_("Writes a date or time in a format, optionally in a time zone and a language"))
def _date(value: object, pattern: object = "yyyy-MM-dd", tz: object = None, locale: object = "en") -> str:
    return times.write(to_text(value).strip(), to_text(pattern), None if tz is None else to_text(tz), to_text(locale))


def _date_before(value: object, pattern: object = "%Y-%m-%d", tz: object = None, locale: object = "en") -> object:
    """A format without % wrote itself."""
    return _date(value, pattern, tz, locale) if "%" in to_text(pattern) else to_text(pattern)


FILTERS["date"] = replace(FILTERS["date"], before=_date_before)


@_filter("plus('3 days')", N_("Shifts an ISO date or time: plus('3 days'), plus('-2 hours'), plus('5 business days')"))
def _plus(value: object, by: object) -> str:
    return times.shift_text(to_text(value).strip(), to_text(by).strip())


@_filter("truncate(80)", N_("Shortens text to the given number of characters, dots included"))
def _truncate(value: object, length: object = 255, end: object = "…") -> str:
    text, most, dots = to_text(value), _count(length, 0, MAX_TEXT), to_text(end)
    return text if len(text) <= most else text[: max(most - len(dots), 0)] + dots[:most]


@_filter("urlencode", N_("Makes text safe for use in a URL; an object becomes a query string"))
def _urlencode(value: object) -> str:
    if isinstance(value, dict):
        return urlencode({_checked(to_text(key)): _checked(to_text(entry)) for key, entry in value.items()})
    return quote(_checked(to_text(value)), safe="")


@_filter("slug", N_("Makes a slug for URLs and file names: “Été à Paris” becomes “ete-a-paris”"))
def _slug(value: object) -> str:
    return slug(to_text(value)[:1000], "-")


def _slug_before(value: object) -> str:
    bare = unicodedata.normalize("NFKD", to_text(value)[:1000]).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", bare).strip("-")


FILTERS["slug"] = replace(FILTERS["slug"], before=_slug_before)


@_filter("number(2, 'fr')", N_("Formats a number: 1,234.50 in English (en), 1 234,50 in French (fr)"))
def _number_text(value: object, decimals: object = None, locale: object = "en") -> str:
    number = _number(value)
    if decimals is not None:
        places = _count(decimals, 0, 15)
        text = format(Decimal(to_text(_round(number, places))), f",.{places}f")
    else:
        text = format(Decimal(to_text(number)), ",f")
    if to_text(locale).lower().startswith("fr"):
        return text.translate({ord(","): "\u202f", ord("."): ","})
    return text


@_filter("keys", N_("Lists the names of an object's fields"))
def _keys(value: object) -> list[str]:
    return list(_mapping(value))


@_filter("values", N_("Lists the values of an object's fields"))
def _values(value: object) -> list[object]:
    return list(_mapping(value).values())


@_filter("items", N_("Converts an object to a list of {key, value}"))
def _pairs(value: object) -> list[dict[str, object]]:
    return [{"key": key, "value": entry} for key, entry in _mapping(value).items()]


def _mapping(value: object) -> dict[str, object]:
    if value is None or isinstance(value, dict):
        return value or {}
    raise ExpressionError(f"This needs an object, not {kind(value)}.")


@_filter("get('name')", N_("Gets a field of an object or an entry of a list, or another value if it is missing"))
def _get(value: object, key: object, other: object = None) -> object:
    if isinstance(value, list):
        at = _count(key, -(10**9), 10**9)
        return value[at] if -len(value) <= at < len(value) else other
    return _mapping(value).get(to_text(key), other)


@_filter("contains('x')", N_("Whether text contains another text, a list an entry, or an object a field"))
def _contains(value: object, item: object) -> bool:
    answer = contains(value, item)
    if answer is None and value is not None:
        raise ExpressionError(f"{kind(value).capitalize()} cannot contain {kind(item)}.")
    return bool(answer)
