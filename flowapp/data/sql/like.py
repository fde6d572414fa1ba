"""LIKE and ILIKE as PostgreSQL has them, for SQLite, in time linear in the text whatever stands in the pattern.

Between its `%` a pattern has pieces of fixed lengths, and the first place that fits a piece is as good as any later one:
nothing is ever taken back. SQLite's own LIKE, and a regular expression, try all places of all pieces.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple


class _Piece(NamedTuple):
    """What stands between two `%`: so many characters, `fits` has no repetition."""

    size: int
    fits: re.Pattern[str]


def like(value: object, pattern: object) -> int | None:
    """1 or 0; None where one of the two is null."""
    return None if value is None or pattern is None else int(_matches(str(value), str(pattern)))


def ilike(value: object, pattern: object) -> int | None:
    """The same in any case."""
    return None if value is None or pattern is None else int(_matches(str(value).lower(), str(pattern).lower()))


def _matches(text: str, pattern: str) -> bool:
    first, *middle = _pieces(pattern)
    if not middle:  # no % at all
        return len(text) == first.size and first.fits.match(text) is not None
    last = middle.pop()
    at, end = first.size, len(text) - last.size
    if at > end or not first.fits.match(text) or not last.fits.match(text, end):
        return False
    for piece in middle:
        match = piece.fits.search(text, at, end)
        if match is None:
            return False
        at = match.end()
    return True


@lru_cache(maxsize=256)
def _pieces(pattern: str) -> list[_Piece]:
    pieces: list[list[str]] = [[]]
    escaped = False
    for char in pattern:
        if not escaped and char == "\\":
            escaped = True
        elif not escaped and char == "%":
            pieces.append([])
        else:
            pieces[-1].append(re.escape(char) if escaped or char != "_" else ".")
            escaped = False
    return [_Piece(len(piece), re.compile("".join(piece), re.DOTALL)) for piece in pieces]
