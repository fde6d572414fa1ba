"""Cells, column names and ranges, as Sheets has them. https://developers.google.com/workspace/sheets/api/guides/concepts"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from flowapp import exact_json
from flowapp.errors import StepError
from flowapp.texts import say

Cell = str | int | float | bool | None  # None: the cell stays as it is
_EXACT = 2**53  # a number in a cell is a double: a longer one would be another one
_TOLD = 30  # column names in a message


def cell(value: object) -> Cell:
    """A value as a cell: text, numbers and truth values as they are, a list or an object as JSON, no value as an empty cell."""
    if value is None:
        return ""
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _EXACT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return exact_json.dumps(value, default=str).decode()


def same(found: object, wanted: str) -> bool:
    """Whether a cell holds what is looked for: 42 is “42”, “00123” is not “123”."""
    if isinstance(found, bool):
        return str(found).casefold() == wanted.strip().casefold()
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    return str(found).strip() == wanted.strip()


def letters(at: int) -> str:
    """The name of a column, counted from 0: A, B, …, Z, AA."""
    name = ""
    at += 1
    while at:
        at, rest = divmod(at - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def quoted(sheet: str) -> str:
    """The name of a sheet in A1 notation."""
    return "'" + sheet.replace("'", "''") + "'"


def names_of(header: Sequence[object]) -> list[str]:
    """The names of columns: their letter where a cell is empty, and a number behind one that was there before."""
    names: list[str] = []
    for at, found in enumerate(header):
        name = str(found).strip() or letters(at)
        numbered = (f"{name} ({number})" for number in range(2, at + 3))
        names.append(name if name not in names else next(one for one in numbered if one not in names))
    return names


def column_at(names: Sequence[str], wanted: str) -> int:
    """Which column is called so. StepError names those there are."""
    wanted = wanted.strip()
    if wanted in names:
        return names.index(wanted)
    alike = [at for at, name in enumerate(names) if name.casefold() == wanted.casefold()]
    if len(alike) == 1:
        return alike[0]
    message = say("The sheet has no column “%(name)s”. Its columns are: %(names)s.", name=wanted[:100],
                  names=", ".join(names[:_TOLD]))  # fmt: skip
    raise StepError(message, permanent=True)


def placed(names: Sequence[str], values: Mapping[str, object]) -> list[Cell]:
    """A row with each value under its column's name; the others stay as they are. StepError for an unknown name."""
    at = {column_at(names, name): cell(value) for name, value in values.items()}
    return [at.get(number) for number in range(max(at, default=-1) + 1)]


def read_row(names: Sequence[str], number: int, cells: Sequence[object]) -> dict[str, object]:
    """A row as an object by column names; `row_number` says where it stands, unless a column is called so."""
    extra = [letters(at) for at in range(len(names), len(cells))]
    return {"row_number": number, **dict(zip([*names, *extra], filled_up(cells, len(names)), strict=True))}


def filled_up(cells: Sequence[object], width: int) -> list[object]:
    """Cells up to a width: Sheets leaves out empty ones at the end."""
    return [*cells, *[""] * (width - len(cells))]


def is_blank(cells: Iterable[object]) -> bool:
    """Whether nothing stands in any of them."""
    return all(found == "" for found in cells)
