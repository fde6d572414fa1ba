"""Values of databases as JSON: exact decimals and dates as text, bytes as base64."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Sequence
from datetime import date, time
from decimal import Decimal

from flowapp.connectors.database.target import Row


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
