"""Tables written for spreadsheets: CSV piece by piece, XLSX into a file. A text that begins like a formula is computed by none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from flowapp.values.csv_lines import MARK, csv_line
from flowapp.values.formulas import BEGINNINGS, harmless
from flowapp.values.numbers import number_text

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

Cell = str | bool | Decimal | int | date | None
CSV, XLSX = "csv", "xlsx"
MEDIA_TYPES = {
    CSV: "text/csv",
    XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}  # fmt: skip
_DIGITS = 15  # of a number that a spreadsheet keeps
_LONGEST = 32_767  # characters of a cell
_DAY = "yyyy-mm-dd"
_FIRST_YEAR = 1900  # of the calendar of spreadsheets


def csv_pieces(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """As CSV: UTF-8 with a byte order mark, so that spreadsheets read accents."""
    yield MARK + csv_line([harmless(name) for name in header])
    for row in rows:
        yield csv_line([_text(cell) for cell in row])


def write_xlsx(path: Path, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """As a workbook of one sheet, written row by row."""
    import xlsxwriter  # only who writes workbooks loads it

    with xlsxwriter.Workbook(path, {"constant_memory": True, "strings_to_formulas": False}) as book:
        sheet, head = book.add_worksheet(), book.add_format({"bold": True})
        # What is quoted stays a text when somebody edits the cell, too.
        formats = {"day": book.add_format({"num_format": _DAY}), "quoted": book.add_format({"quote_prefix": True})}
        sheet.freeze_panes(1, 0)
        for at, name in enumerate(header):
            sheet.write_string(0, at, name, head)
        for line, row in enumerate(rows, 1):
            for at, cell in enumerate(row):
                _write(sheet, line, at, cell, formats)


def _write(sheet: Worksheet, line: int, at: int, cell: Cell, formats: Mapping[str, Format]) -> None:
    if cell is None or cell == "":
        return
    if isinstance(cell, bool):
        sheet.write_boolean(line, at, cell)
    elif isinstance(cell, Decimal | int) and len(Decimal(cell).as_tuple().digits) <= _DIGITS:
        sheet.write_number(line, at, float(cell))
    elif isinstance(cell, date) and cell.year >= _FIRST_YEAR:
        sheet.write_datetime(line, at, cell, formats["day"])
    else:
        text = str(cell)[:_LONGEST]
        sheet.write_string(line, at, text, formats["quoted"] if text.startswith(BEGINNINGS) else None)


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, Decimal | int):
        return number_text(Decimal(cell))
    return cell.isoformat() if isinstance(cell, date) else harmless(cell)
