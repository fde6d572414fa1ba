"""Rows: add, read, find, change and clear them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from flowapp.catalog import StepContext
from flowapp.connectors.google_sheets.cells import (
    Cell,
    cell,
    column_at,
    filled_up,
    is_blank,
    letters,
    names_of,
    placed,
    read_row,
    same,
)
from flowapp.connectors.google_sheets.sheet import Rows, Sheet, first_row
from flowapp.connectors.runner import Service
from flowapp.connectors.runner.paging import tell_of_more
from flowapp.errors import StepError
from flowapp.texts import say

Values = Mapping[str, object]
Result = dict[str, object]
MOST_ADDED = 10_000  # rows at once


def append_row(_ctx: StepContext, service: Service, values: Values) -> Result:
    """Adds one row, its values under the columns of these names."""
    sheet = Sheet(service, values, say("Add a row"))
    row = placed(_table(sheet), cast(Values, values["values"]))
    made = sheet.append([row], values["write_as"])
    return {"row_number": first_row(made.get("updatedRange")), "range": made.get("updatedRange")}


def append_rows(_ctx: StepContext, service: Service, values: Values) -> Result:
    """Adds rows, all in one call: objects by column names, or lists of cells."""
    sheet, given = Sheet(service, values, say("Add rows")), _given(values["rows"])
    if not given:
        return {"count": 0, "first_row": None, "range": None}
    names = _table(sheet)
    made = sheet.append([_row(names, entry) for entry in given], values["write_as"])
    span = made.get("updatedRange")
    return {"count": len(given), "first_row": first_row(span), "range": span}


def read_rows(ctx: StepContext, service: Service, values: Values) -> Result:
    """The rows of a sheet or of a range that are not blank, up to `most`."""
    sheet, most = Sheet(service, values, say("Read rows")), cast(int, values["most"])
    chosen, named = str(values.get("range") or "").strip(), bool(values["header"])
    start, found = sheet.read(chosen or f"{sheet.header_row}:{sheet.header_row + most + 1}")
    start = start or sheet.header_row
    names = names_of(found[0]) if named and found else []
    rows = [(start + at, row) for at, row in enumerate(found) if not (named and at == 0) and not is_blank(row)]
    if len(rows) > most:
        tell_of_more(ctx, most)
    kept = rows[:most]
    width = max((len(row) for _number, row in kept), default=0)
    shown = [read_row(names, number, row) if named else filled_up(row, width) for number, row in kept]
    return {"rows": shown, "columns": names, "count": len(shown), "more": len(rows) > most}


def find_row(_ctx: StepContext, service: Service, values: Values) -> Result:
    """The first row in which a column has a value."""
    sheet = Sheet(service, values, say("Find a row"))
    names = sheet.names()
    number = _number_of(sheet, names, values)
    if not number:
        return {"found": False, "row_number": None, "row": {}}
    rows = sheet.read(f"{number}:{number}")[1]
    return {"found": True, "row_number": number, "row": read_row(names, number, rows[0] if rows else [])}


def update_row(_ctx: StepContext, service: Service, values: Values) -> Result:
    """Changes the named cells of one row."""
    sheet = Sheet(service, values, say("Change a row"))
    names = sheet.names()
    row = placed(names, cast(Values, values["values"]))
    number = values.get("row_number") if values["by"] == "row_number" else _number_of(sheet, names, values)
    if not number:
        raise StepError(_none_found(values), permanent=True)
    made = sheet.write(f"A{number}:{letters(len(row) - 1)}{number}", [row], values["write_as"])
    return {"row_number": number, "range": made.get("updatedRange")}


def clear_rows(_ctx: StepContext, service: Service, values: Values) -> Result:
    """Empties a row, a range, or all rows below the names of the columns."""
    sheet, what, number = Sheet(service, values, say("Clear cells")), values["what"], values.get("row_number")
    chosen = str(values.get("range") or "").strip()
    if (what == "range" and not chosen) or (what == "row" and not number):
        raise StepError(
            say("Enter what is to be cleared: a range such as A2:D10, or the number of a row."), permanent=True
        )
    if what == "all":
        chosen = f"A{sheet.header_row + 1}:ZZZ"
    return {"range": sheet.clear(f"{number}:{number}" if what == "row" else chosen)}


def _table(sheet: Sheet) -> list[str]:
    """The names of the columns to add below: Google adds to the table that begins in column A."""
    header = sheet.header()
    if is_blank(header[:1]):
        message = say("Column A has no name in row %(row)s: write one there, since rows are added to the table that begins in this cell.",
                      row=sheet.header_row)  # fmt: skip
        raise StepError(message, permanent=True)
    return names_of(header)


def _given(rows: object) -> Sequence[object]:
    if not isinstance(rows, list):
        raise StepError(say("“Rows” must be a list."), permanent=True)
    if len(rows) > MOST_ADDED:
        message = say("At most %(most)s rows can be added at once, these are %(count)s: add them in parts, with a loop.",
                      most=MOST_ADDED, count=len(rows))  # fmt: skip
        raise StepError(message, permanent=True)
    return rows


def _row(names: Sequence[str], entry: object) -> list[Cell]:
    if isinstance(entry, Mapping):
        return placed(names, entry)
    if isinstance(entry, list):
        return [cell(value) for value in entry]
    raise StepError(say("Each row must be an object by column names, or a list of cells."), permanent=True)


def _number_of(sheet: Sheet, names: Sequence[str], values: Values) -> int:
    """The number of the first row in which the column has the value; 0 where none has."""
    name, wanted = str(values.get("column") or ""), str(values.get("equals") or "")
    if not name.strip() or not wanted.strip():
        raise StepError(say("Enter the column and the value to look for."), permanent=True)
    letter, start = letters(column_at(names, name)), sheet.header_row + 1
    rows: Rows = sheet.read(f"{letter}{start}:{letter}")[1]
    return next((start + at for at, row in enumerate(rows) if row and same(row[0], wanted)), 0)


def _none_found(values: Values) -> str:
    if values["by"] == "row_number":
        return say("Enter the number of the row.")
    return say("No row has “%(value)s” in the column “%(column)s”.", value=str(values["equals"])[:100],
               column=str(values["column"])[:100])  # fmt: skip
