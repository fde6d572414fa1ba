"""How much there is of a value, counted no further than one wants to know."""

from __future__ import annotations

from typing import Any

CHARACTERS = 16  # characters of a text that count as one more value


def weight(value: Any, most: int) -> int:
    """About how many values there are in a JSON value, long texts counting as several; where more than `most`, `most` + 1."""
    total, waiting = 0, [value]
    while waiting and total <= most:
        one = waiting.pop()
        total += 1
        if isinstance(one, str):
            total += len(one) // CHARACTERS
        elif isinstance(one, dict):
            if total + len(one) > most:
                return most + 1
            waiting += one.values()
            total += sum(map(len, one)) // CHARACTERS
        elif isinstance(one, list | tuple):
            if total + len(one) > most:
                return most + 1
            waiting += one
    return min(total, most + 1)
