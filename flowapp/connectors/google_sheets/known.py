"""Rows have no ids: which of them were there before is told by what they hold, and by where they stand."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from flowapp import exact_json
from flowapp.connectors.google_sheets.cells import is_blank

REMEMBERED = 100  # places at the end of a sheet of which is kept what stood there
Numbered = dict[int, list[object]]
_MARK, _CELL, _CELLS = 10, 3, 8  # characters (of 6 bits) for a row and for a cell, and of how many cells
_NONE = "-" * _CELL  # an empty cell


@dataclass(frozen=True, slots=True)
class Known:
    """The end of a sheet as a poll left it.

    `last`: its last row. `marks`: what stood in the places up to it; empty for a blank row. `turn` changes when rows come to
    stand where others had stood, so that a row is named by both.
    """

    last: int
    marks: Sequence[str] = field(default_factory=list)
    turn: int = 0

    @classmethod
    def of(cls, cursor: Mapping[str, object], header_row: int) -> Known:
        last = max(cast(int, cursor.get("last", 0)), header_row)
        return cls(last, cast(list[str], cursor.get("marks") or []), cast(int, cursor.get("turn", 0)))

    @classmethod
    def at_end(cls, rows: Numbered, first: int, header_row: int, turn: int = 0) -> Known:
        """The end of what was read, from the row `first` on."""
        last = max(rows, default=header_row)
        begin = max(first, header_row + 1, last - REMEMBERED + 1)
        return cls(last, [mark(rows.get(number, [])) for number in range(begin, last + 1)], turn)

    def cursor(self) -> dict[str, object]:
        return {"last": self.last, "marks": list(self.marks), "turn": self.turn}

    def new(self, rows: Numbered, header_row: int) -> list[int]:
        """Which of these rows were added since."""
        marks = {number: mark(row) for number, row in sorted(rows.items())}
        gone = Counter(_row(one) for one in self.marks if one)
        stayed_first = sorted(marks, key=lambda number: (self._stood(number) != marks[number], number))
        found = sorted(number for number in stayed_first if _taken(gone, _row(marks[number])))
        above = self._above([_row(marks[number]) for number in found], found, header_row)
        other = marks.keys() - set(found)
        return sorted(one for one in other if one > above and not self._edited(one, marks[one], gone))

    def _above(self, marks: Sequence[str], found: Sequence[int], header_row: int) -> int:
        """The row below which those that were not there before were added at the end. `marks` are those of the rows `found`."""
        stood = [_row(one) for one in self.marks if one]
        left = iter(stood)
        in_order = all(one in left for one in marks)
        all_known = header_row + len(self.marks) == self.last
        if in_order and (all_known or 2 * len(found) >= len(stood) > 0):
            return max(found, default=header_row)
        return header_row if all_known else self.last  # sorted: rows of which nothing is known may stand here now

    def _stood(self, number: int) -> str:
        """What stood in a place."""
        at = number - self.last - 1 + len(self.marks)
        return self.marks[at] if 0 <= at < len(self.marks) else ""

    def _edited(self, number: int, one: str, gone: Mapping[str, int]) -> bool:
        """Whether the row that stood there is nowhere else, and this one has most of its cells (the first one and half will do)."""
        stood = self._stood(number)
        if not gone.get(_row(stood)):
            return False
        kept = [was == now for was, now in zip(_cells(stood), _cells(one), strict=True) if was != _NONE]
        return 2 * sum(kept) > len(kept) or (2 * sum(kept) == len(kept) and kept[:1] == [True])


def mark(row: Sequence[object]) -> str:
    """What is remembered of a row: of the whole, and of each of its first cells."""
    if is_blank(row):
        return ""
    cells = [_NONE if cell == "" else _digest(cell, _CELL) for cell in row[:_CELLS]]
    return _digest(row, _MARK) + "".join(cells) + _NONE * (_CELLS - len(cells))


def _digest(value: object, length: int) -> str:
    return b64encode(hashlib.sha256(exact_json.dumps(value)).digest())[:length].decode()


def _row(one: str) -> str:
    return one[:_MARK]


def _cells(one: str) -> list[str]:
    return [one[at : at + _CELL] for at in range(_MARK, len(one), _CELL)]


def _taken(gone: Counter[str], one: str) -> bool:
    """Whether it is one of those that were there, each of them counted once."""
    if gone[one] <= 0:
        return False
    gone[one] -= 1
    return True
