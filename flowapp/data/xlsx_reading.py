"""A sheet of a workbook (XLSX, ODS, XLS) as a table of texts, as csv_reading gives one.

Numbers, days and times are written so that every locale reads them back as what they are; a formula is what it last gave,
an error and an empty cell are nothing. A workbook is a ZIP file that may unpack to a thousand times its size, so it is
looked into before, and read in a helper process with a budget.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from flowapp.data.csv_reading import MAX_ROWS, SAMPLED, Row, Sheet, apart
from flowapp.errors import InvalidError
from flowapp.security import helpers
from flowapp.texts import say
from flowapp.values.numbers import number_text

MAX_UNPACKED = 150 * 2**20  # bytes
MAX_COLUMNS = 500
MAX_CELLS = 2_000_000
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"  # how XLSX and ODS, and how XLS begin

Range = tuple[tuple[int, int], tuple[int, int]]


def is_workbook(content: bytes) -> bool:
    """Whether it is a file of a spreadsheet program rather than CSV."""
    return content.startswith((_ZIP, _OLE))


def read(content: bytes, sheet: str = "") -> Sheet:
    """The rows of the sheet of that name, else of the first that has any. InvalidError at `file` or `sheet`."""
    _refuse_bomb(content)
    try:
        return helpers.call(parse, content, sheet)
    except helpers.OverBudgetError as error:
        raise InvalidError.at("file", error.message) from None


def _refuse_bomb(content: bytes) -> None:
    if not content.startswith(_ZIP):
        return
    try:
        size = sum(entry.file_size for entry in zipfile.ZipFile(io.BytesIO(content)).infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise _unreadable() from None
    if size > MAX_UNPACKED:
        most = MAX_UNPACKED // 2**20
        raise InvalidError.at("file", say("The workbook is larger than %(limit)s MiB when it is unpacked.", limit=most))


def parse(content: bytes, wanted: str) -> Sheet:
    """The same, in this process."""
    import python_calamine  # only who reads workbooks loads it

    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
        names = [name for name in book.sheet_names if name == wanted] if wanted else book.sheet_names
        if not names:
            raise InvalidError.at("sheet", say("Choose a sheet from the list."))
        sheets = (book.get_sheet_by_name(name) for name in names)
        chosen = next((sheet for sheet in sheets if sheet.height), None)
        if chosen is None:
            raise InvalidError.at("file", say("The file needs a row of column names and at least one row of data."))
        rows = _rows(chosen.iter_rows(), _ranges(chosen.merged_cell_ranges))
    except python_calamine.PasswordError:
        locked = say("The workbook is protected by a password. Save it without one, and choose it again.")
        raise InvalidError.at("file", locked) from None
    except (python_calamine.CalamineError, zipfile.BadZipFile):
        raise _unreadable() from None
    titles, table = apart(rows)
    return Sheet(
        table[0][1], table[1:], "", "", [cells[0] for _, cells in titles], tuple(book.sheet_names), chosen.name
    )  # fmt: skip


def _ranges(merged: Sequence[Range] | None) -> Sequence[Range]:
    return merged or ()


def _rows(sheet: Iterator[Sequence[object]], merged: Sequence[Range]) -> list[Row]:
    """(number, cells) of each row that is not empty, without headings over several columns.

    What is merged downwards holds for each of its rows.
    """
    wide = {at for (top, left), (bottom, right) in merged if right > left for at in range(top, bottom + 1)}
    tall = {(top, left): bottom for (top, left), (bottom, right) in merged if right == left and bottom > top}
    held: dict[int, tuple[int, str]] = {}  # by column: until which row, what
    rows: list[Row] = []
    cells_read = 0
    for at, given in enumerate(sheet):
        cells = [text_of(value) for value in given]
        for column, text in enumerate(cells):
            if (last := tall.get((at, column))) is not None:
                held[column] = (last, text)
        for column, (last, text) in list(held.items()):
            if at <= last and column < len(cells):
                cells[column] = text
        while cells and not cells[-1]:
            cells.pop()
        heading = at in wide and not rows and at < SAMPLED
        if cells and not heading:
            rows.append((at + 1, cells))
            cells_read += len(cells)
            _refuse_large(len(rows), len(cells), cells_read)
    return rows


def _refuse_large(rows: int, columns: int, cells: int) -> None:
    if rows > MAX_ROWS + 1:
        raise InvalidError.at("file", say("A file can have at most %(limit)s rows.", limit=MAX_ROWS))
    if columns > MAX_COLUMNS:
        raise InvalidError.at("file", too_wide())
    if cells > MAX_CELLS:
        raise InvalidError.at("file", say("A file can have at most %(limit)s cells.", limit=MAX_CELLS))


def too_wide() -> str:
    """What is said of a file with too many columns."""
    return say("A file can have at most %(limit)s columns. Delete those that are not needed.", limit=MAX_COLUMNS)


def text_of(value: object) -> str:
    """A cell as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(Decimal(repr(value)))
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value) if isinstance(value, timedelta) else str(value or "").strip()


def _unreadable() -> InvalidError:
    return InvalidError.at("file", say("This workbook cannot be read. Save it again as XLSX, or as CSV."))
