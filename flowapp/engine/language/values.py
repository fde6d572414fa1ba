"""JSON values as expressions and conditions see them: as text, as numbers, compared, measured.

One rule for expressions and conditions: text that is a number in plain notation (values.numbers: `"50"`, `"-1.5"`) compares
and computes as that number when it meets a number, since what people type into forms is text.
Two texts stay texts where equality is asked (`"007"` is not `"7"`); for greater and less two numeric texts are numbers.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Final

from flowapp.catalog import times
from flowapp.errors import ExpressionError
from flowapp.texts import say
from flowapp.values.dates import iso_instant
from flowapp.values.numbers import plain_number
from flowapp.values.truth import truth_of

MAX_TEXT = 4 * 2**20  # characters of one text
MAX_DEPTH = 100  # lists and objects inside each other
MAX_BITS = 256  # of a whole number

_DAY_FIRST = re.compile(r"[0-9]{1,2}([/.-])[0-9]{1,2}\1[0-9]{4}(?![0-9])")
_LONGEST_DATE = 11

Number = int | float | Decimal


class Missing:
    """The type of MISSING: what a lenient evaluation gives for a field that is not there. It is false."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()


class Absent(Exception):  # noqa: N818 - not an error for whoever asks `default` or `is defined`
    """A path that leads nowhere; becomes MissingFieldError where nothing catches it. `container` is the last value."""

    def __init__(self, path: tuple[str | int, ...], container: object) -> None:
        super().__init__(path)
        self.path = path
        self.container = container


def kind(value: object) -> str:
    """The word by which messages call a value."""
    if value is None:
        return say("empty")
    if isinstance(value, bool):
        return say("yes/no")
    if isinstance(value, int | float | Decimal):
        return say("a number")
    if isinstance(value, str):
        return say("text")
    return say("a list") if isinstance(value, list | tuple) else say("an object")


def number_text(value: Number) -> str:
    """A number as people write it: no exponent in sight, no rounding noise (0.1 + 0.2 is 0.3), 3.0 is 3."""
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return format(value, "f") if value.is_finite() and abs(value.adjusted()) < 100 else str(value)
    if not math.isfinite(value):
        return str(value)
    text = format(value, ".15g")
    return format(Decimal(text), "f") if "e" in text and 1e-30 < abs(value) < 1e30 else text


def to_text(value: object) -> str:
    """The text form: empty for null, JSON words for booleans, JSON for lists and objects."""
    if isinstance(value, str):
        return value
    if value is None or value is MISSING:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return number_text(value) if isinstance(value, int | float | Decimal) else to_json(value)


def to_json(value: object) -> str:
    """`value` as JSON text; ExpressionError where it is too large, too deep or not JSON."""
    measure(value, MAX_TEXT)
    try:
        return json.dumps(value, ensure_ascii=False, default=_decimal_json)
    except (TypeError, ValueError) as error:
        raise ExpressionError(say("This value cannot be written as JSON: %(error)s", error=error)) from None


def _decimal_json(value: object) -> int | float:
    if isinstance(value, Decimal) and value.is_finite():
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def bounded(value: object) -> Number:
    """A result of arithmetic, refused where it is not a finite number of sane size."""
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise ExpressionError(say("The number is too large."))
    number = None if isinstance(value, complex) else plain_number(value)
    if number is None:
        raise ExpressionError(say("The result is not a finite number."))
    return number


def equal(left: object, right: object) -> bool:
    """Equality of JSON values; a number equals numeric text, yes/no equals the words for it and 1 and 0."""
    if isinstance(left, bool) or isinstance(right, bool):
        truth = truth_of(left)
        return truth is not None and truth == truth_of(right)
    return _equal(left, right)


def equal_before(left: object, right: object) -> bool:
    """As the languages 1 and 2 had it: yes/no equals the words true and false alone."""
    if isinstance(left, bool) or isinstance(right, bool):
        return bool(_word(left) == _word(right))
    return _equal(left, right)


def _equal(left: object, right: object) -> bool:
    if isinstance(left, str) == isinstance(right, str):
        return bool(left == right)
    if isinstance(left, list | dict) or isinstance(right, list | dict):
        return False
    first, second = plain_number(left), plain_number(right)
    return first is not None and second is not None and bool(first == second)


def _word(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.strip().lower() if isinstance(value, str) else (value,)


def order(left: object, right: object, tz: str = "UTC", notation: times.Notation | None = None) -> int | None:
    """-1, 0 or 1 as `left` is less than, equal to or greater than `right`; None where they cannot be compared.

    Dates and times of ISO 8601 are compared as moments, in `tz` where they name no zone; with a `notation` so are dates as
    people write them, 31/12/2026. A number has no order with other text.
    """
    first, second = plain_number(left), plain_number(right)
    if first is not None and second is not None:
        return (first > second) - (first < second)
    if not (isinstance(left, str) and isinstance(right, str)) or (first is None) is not (second is None):
        return None
    one, other = _moments(left, right, tz)
    if one is None and other is None and notation is not None and _are_written(left, right):
        one, other = times.parse_moment(left, tz, notation), times.parse_moment(right, tz, notation)
        if one is None or other is None:
            return None  # what has two readings is compared by neither
    if one is not None and other is not None:
        return (one > other) - (one < other)
    return (left > right) - (left < right)


def _are_written(left: str, right: str) -> bool:
    """Whether they are dates, one of them at least with the day or the month first."""
    one, other = (_DAY_FIRST.match(text[:_LONGEST_DATE]) for text in (left, right))
    return bool((one and other) or (one and _is_iso(right)) or (other and _is_iso(left)))


def _is_iso(text: str) -> bool:
    return len(text) >= 10 and text[4] == text[7] == "-" and text[:4].isdecimal()


def _moments(left: str, right: str, tz: str) -> tuple[datetime | None, datetime | None]:
    if not (left[4:5] == right[4:5] == "-"):
        return None, None
    zone = times.zone(tz)
    return iso_instant(left, zone), iso_instant(right, zone)


def order_before(left: object, right: object) -> int | None:
    """As the languages 1 and 2 had it: dates are texts, and so is a number beside other text."""
    first, second = plain_number(left), plain_number(right)
    if first is not None and second is not None:
        return (first > second) - (first < second)
    if isinstance(left, str) and isinstance(right, str):
        return (left > right) - (left < right)
    return None


def range_end(value: object) -> int | None:
    """One end of a range. Raises ExpressionError where it is no whole number."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise ExpressionError(say("Start and end of a range must be whole numbers."))


def contains(container: object, item: object, same: Callable[[object, object], bool] = equal) -> bool | None:
    """Whether a text contains a text, a list an item, an object a key; None where `container` is none of these."""
    if isinstance(container, str):
        return None if isinstance(item, list | dict) else to_text(item) in container
    if isinstance(container, list | tuple):
        return any(same(entry, item) for entry in container)
    if isinstance(container, dict):
        return isinstance(item, str) and item in container
    return None


def measure(value: object, limit: int) -> int:
    """About how many characters `value` has as JSON, in one pass that stops at `limit` with an ExpressionError.

    What is referred to twice counts twice, as it is written twice: small expressions cannot make huge values.
    """
    total = 0
    level: list[object] = [value]
    depth = 0
    while level:
        depth += 1
        total += sum(len(entry) + 2 if isinstance(entry, str) else 4 for entry in level)
        if total > limit:
            raise ExpressionError(say("The value is too large: more than %(max)s characters.", max=limit))
        if depth > MAX_DEPTH:
            raise ExpressionError(say("The value is nested too deeply: more than %(max)s levels.", max=MAX_DEPTH))
        level = [child for entry in level if isinstance(entry, dict | list | tuple) for child in _children(entry)]
        if len(level) * 4 > limit:
            raise ExpressionError(say("The value is too large: more than %(max)s characters.", max=limit))
    return total


def _children(entry: dict[object, object] | list[object] | tuple[object, ...]) -> Iterable[object]:
    return (part for pair in entry.items() for part in pair) if isinstance(entry, dict) else entry
