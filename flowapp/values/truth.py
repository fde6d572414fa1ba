"""Yes and no, as people, forms and programs write them: one table for comparisons, tests, validation and columns."""

from __future__ import annotations

from typing import Final

from flowapp.errors import UnreadableError
from flowapp.texts import say

YES: Final = frozenset({"true", "yes", "y", "t", "1", "on", "oui", "vrai"})
NO: Final = frozenset({"false", "no", "n", "f", "0", "off", "non", "faux"})


def truth_of(value: object) -> bool | None:
    """What a value says as yes or no; None where it is neither: other words, other numbers, nothing at all."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        word = value.strip().casefold()
        return True if word in YES else False if word in NO else None
    return bool(value) if isinstance(value, int | float) and value in (0, 1) else None


def read_truth(value: object) -> bool:
    """Yes or no. UnreadableError."""
    truth = truth_of(value)
    if truth is None:
        raise UnreadableError.of(
            say("“%(text)s” is neither yes nor no. Enter yes or no.", text=str(value).strip()[:50])
        )
    return truth


def counts(value: object) -> bool:
    """Whether a value counts as yes where one is asked for (`'a' if value else 'b'`): no word for no, and not empty."""
    return value.strip().casefold() not in NO and value != "" if isinstance(value, str) else bool(value)
