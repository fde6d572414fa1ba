"""Rows that are added at the end of a sheet."""

from __future__ import annotations

from collections.abc import Mapping

from flowapp.catalog import Item, PollContext, Polled
from flowapp.connectors.google_sheets.cells import is_blank, read_row
from flowapp.connectors.google_sheets.known import REMEMBERED, Known, Numbered
from flowapp.connectors.google_sheets.sheet import MOST_ROWS, Sheet, first_row, last_row
from flowapp.connectors.runner import Service
from flowapp.errors import StepError
from flowapp.texts import say

PAGE = 500  # rows of one poll


def new_row(_ctx: PollContext, service: Service, values: Mapping[str, object], cursor: object) -> Polled:
    """The rows at the end that were not there before, up to PAGE. `turn`, in their ids, tells those of the same number apart."""
    sheet = Sheet(service, values, say("New row"))
    if not isinstance(cursor, Mapping) and values["start"] == "from_now":
        first, rows = _end(sheet, sheet.grid_rows(), REMEMBERED)
        return Polled([], Known.at_end(rows, first, sheet.header_row).cursor())
    known = Known.of(cursor if isinstance(cursor, Mapping) else {}, sheet.header_row)
    first, rows = _view(sheet, known.last)
    added = known.new(rows, sheet.header_row)
    fresh, rest = added[:PAGE], added[PAGE:]
    moved = max(rows, default=0) < known.last or (fresh and fresh[0] <= known.last)
    turn = known.turn + int(bool(moved))
    names = sheet.names() if fresh else []
    items = [
        Item(f"{turn}.{number}", {"row_number": number, "row": read_row(names, number, rows[number])})
        for number in fresh
    ]
    seen = {number: row for number, row in rows.items() if not rest or number < rest[0]}
    return Polled(items, Known.at_end(seen, first, sheet.header_row, turn).cursor(), more=bool(fresh))


def _view(sheet: Sheet, last: int) -> tuple[int, Numbered]:
    """The rows around the one that was the last; where there are none below it, those further down, and where there are none
    at all, those at the end of what is left. With the number of the row from which on they were read."""
    first, until = max(sheet.header_row + 1, last - REMEMBERED), last + PAGE
    rows, bottom = _read(sheet, first, until)
    if bottom == until and max(rows, default=0) <= last:
        rows |= _part(sheet, until + 1, MOST_ROWS)
    return (first, rows) if rows else _end(sheet, first - 1, REMEMBERED + PAGE)


def _end(sheet: Sheet, bottom: int, size: int) -> tuple[int, Numbered]:
    """The last rows down to a row, blank ones at the end left out; with the number of the first."""
    last = max(_part(sheet, sheet.header_row + 1, bottom, from_end=True), default=sheet.header_row)
    first = max(sheet.header_row + 1, last - size + 1)
    return first, _read(sheet, first, last)[0]


def _part(sheet: Sheet, first: int, last: int, *, from_end: bool = False) -> Numbered:
    """The rows between two numbers; of more than one answer may hold, those in the first part that is not blank, or the last."""
    try:
        return _read(sheet, first, last)[0]
    except StepError as error:
        if not error.details.get("too_large") or first == last:
            raise
    last = min(last, sheet.grid_rows())
    middle = (first + last) // 2
    parts = [(first, middle), (middle + 1, last)]
    for begin, end in reversed(parts) if from_end else parts:
        if rows := _part(sheet, begin, end, from_end=from_end):
            return rows
    return {}


def _read(sheet: Sheet, first: int, last: int) -> tuple[Numbered, int]:
    """The rows between two numbers that are not blank, and where the range ended: the sheet may end before."""
    if first > last:
        return {}, 0
    try:
        span, found = sheet.read_range(f"{first}:{last}")
    except StepError as error:
        if "exceeds grid limits" not in str(error.details.get("body")):
            raise
        return {}, 0
    start = first_row(span) or first
    return {start + at: row for at, row in enumerate(found) if not is_blank(row)}, last_row(span)
