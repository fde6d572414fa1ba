"""How large the result of a query may be, on either database, in SQL or in the form."""

from __future__ import annotations

from collections.abc import Iterable

from flowapp import exact_json
from flowapp.errors import StepError
from flowapp.texts import say

MAX_BYTES = 8 * 2**20  # of a result; and on SQLite of any value on the way to it


def size_of(row: Iterable[object]) -> int:
    """About the bytes that a row takes as JSON."""
    size = 8
    for value in row:
        if isinstance(value, dict | list):
            size += len(exact_json.dumps(value))
        else:
            size += len(value) if isinstance(value, str | bytes) else 8
    return size


def too_large() -> StepError:
    """The result has more bytes than a step may take on."""
    return StepError(
        say("The result is larger than %(most)s MiB. Select fewer rows or columns.", most=MAX_BYTES // 2**20),
        permanent=True,
    )
