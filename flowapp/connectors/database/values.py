"""Values of databases as JSON: exact decimals and dates as text, bytes as base64."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from itertools import islice

from flowapp import exact_json
from flowapp.errors import StepError
from flowapp.texts import say

MAX_BYTES = 8 * 2**20  # of a result, as of the step that reads Flowapp's own tables
Row = dict[str, object]
_BITS = 63  # of a whole number, besides its sign


@dataclass(frozen=True, slots=True)
class Found:
    """The rows of a statement, or how many it changed; `more`: there were more than the limit."""

    rows: list[Row]
    count: int
    more: bool = False


def taken(rows: Iterator[Row], limit: int) -> Found:
    """The first rows, at most `limit`. StepError where they are too large together."""
    kept, size = list[Row](), 0
    for row in islice(rows, limit):
        size += sum(len(name) + _size(value) for name, value in row.items())
        if size > MAX_BYTES:
            raise too_large()
        kept.append(row)
    return Found(kept, len(kept), next(rows, None) is not None)


def too_large() -> StepError:
    """The result has more bytes than a step may take on."""
    message = say("The result is larger than %(most)s MiB. Select fewer rows or columns.", most=MAX_BYTES // 2**20)
    return StepError(message, permanent=True)


def _size(value: object) -> int:
    if isinstance(value, list | dict):
        return len(exact_json.dumps(value))
    return len(value.encode()) if isinstance(value, str) else 8


def row_of(names: Sequence[str], values: Iterable[object]) -> Row:
    """A row by its columns; a name that is there again gets a number."""
    made: Row = {}
    for name, value in zip(names, values, strict=True):
        key, number = name, 2
        while key in made:
            key, number = f"{name}_{number}", number + 1
        made[key] = as_json(value)
    return made


def as_json(value: object) -> object:
    """What JSON can say of a value, without losing a digit."""
    if isinstance(value, dict):
        return {str(key): as_json(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(part) for part in value]
    if value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return _as_text(value)


def _as_text(value: object) -> str:
    if isinstance(value, Decimal) and value.is_finite():
        return format(value, "f")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    return str(value)


def is_flat(values: list[object]) -> bool:
    """Whether a list has plain values only: then it is a list to a database too, else JSON."""
    return not any(isinstance(value, list | dict) for value in values)


def check_sendable(kind: str, values: Mapping[str, object]) -> None:
    """StepError (permanent) names the value that no driver can send, or that SQLite cannot keep."""
    for name, value in values.items():
        if not is_text(value):
            message = say("“%(name)s” holds half a character (an unpaired surrogate), which no database keeps. Replace it.", name=name if is_text(name) else "?")  # fmt: skip
            raise StepError(message, permanent=True)
        for one in value if isinstance(value, list) else [value]:
            if kind == "sqlite" and isinstance(one, int) and one.bit_length() > _BITS:
                message = say("“%(name)s” has more than 64 bits, which SQLite cannot keep as a number. Give it as text.", name=name)  # fmt: skip
                raise StepError(message, permanent=True)


def is_text(value: object) -> bool:
    """Whether every text in it can be written as UTF-8."""
    if isinstance(value, dict):
        return all(is_text(key) and is_text(part) for key, part in value.items())
    if isinstance(value, list):
        return all(map(is_text, value))
    try:
        if isinstance(value, str):
            value.encode()
    except UnicodeEncodeError:
        return False
    return True
