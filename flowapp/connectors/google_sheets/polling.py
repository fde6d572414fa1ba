"""Rows that are added at the end of a sheet. Rows have no ids: the last one that was there is known again by what it holds."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import cast

from flowapp import exact_json
from flowapp.catalog import Item, PollContext, Polled
from flowapp.connectors.google_sheets.cells import is_blank, read_row
from flowapp.connectors.google_sheets.sheet import Sheet
from flowapp.connectors.runner import Service
from flowapp.errors import StepError
from flowapp.texts import say

PAGE = 500  # rows of one poll
BEFORE = 100  # rows in which the last one is looked for where others above it were deleted
_END = 10_000_000
Numbered = dict[int, list[object]]


def new_row(_ctx: PollContext, service: Service, values: Mapping[str, object], cursor: object) -> Polled:
    """The rows below the one that was the last, up to PAGE. `turn`, in their ids: how often rows above them were deleted."""
    sheet = Sheet(service, values, say("New row"))
    known = cursor if isinstance(cursor, Mapping) else {}
    if not known and values["start"] == "from_now":
        return Polled([], _cursor(sheet, _rows(sheet, sheet.header_row, _END), 0))
    last = max(cast(int, known.get("last", 0)), sheet.header_row)
    rows = _window(sheet, last)
    anchor = _anchor(rows, last, known.get("mark"))
    turn = cast(int, known.get("turn", 0)) + int(anchor < last)
    fresh = {number: row for number, row in rows.items() if number > max(anchor, sheet.header_row)}
    names = sheet.names() if fresh else []
    items = [
        Item(f"{turn}.{number}", {"row_number": number, "row": read_row(names, number, row)})
        for number, row in fresh.items()
    ]
    return Polled(items, _cursor(sheet, rows, turn), more=bool(fresh))


def _rows(sheet: Sheet, first: int, last: int) -> Numbered:
    """The rows between two numbers that are not blank."""
    start, found = sheet.read(f"{first}:{last}")
    return {(start or first) + at: row for at, row in enumerate(found) if not is_blank(row)}


def _window(sheet: Sheet, last: int) -> Numbered:
    """The rows around the one that was the last. Where the sheet has become shorter than that, all there are."""
    first = max(sheet.header_row, last - BEFORE)
    try:
        return _rows(sheet, first, last + PAGE)
    except StepError as error:
        if "exceeds grid limits" not in str(error.details.get("body")) or first == sheet.header_row:
            raise
        return _rows(sheet, sheet.header_row, last + PAGE)


def _anchor(rows: Numbered, last: int, mark: object) -> int:
    """Where the row now stands that was the last one; where it was changed or deleted, the last place that it may have."""
    if mark is None or (last in rows and _mark(rows[last]) == mark):
        return last
    alike = [number for number, row in rows.items() if _mark(row) == mark]
    return min(alike, key=lambda number: abs(number - last)) if alike else min(last, max(rows, default=0))


def _cursor(sheet: Sheet, rows: Numbered, turn: int) -> dict[str, object]:
    last = max(rows, default=sheet.header_row)
    return {"last": last, "mark": _mark(rows[last]) if last in rows else None, "turn": turn}


def _mark(row: list[object]) -> str:
    return hashlib.sha256(exact_json.dumps(row)).hexdigest()[:16]
