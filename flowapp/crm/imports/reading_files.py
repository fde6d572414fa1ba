"""Reads an imported file, whichever kind it is: CSV, a workbook, or rows that a program sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from flowapp import exact_json
from flowapp.crm.imports.rows import joined
from flowapp.data import csv_reading, xlsx_reading
from flowapp.data.csv_reading import Sheet
from flowapp.errors import InvalidError
from flowapp.texts import say
from flowapp.values.formulas import bare

REASON = "error"  # the column of an error file that says why; it goes nowhere when the file is sent again
_ROWS = b"\x00rows"  # before rows of a program: no file of people begins so


def read(content: bytes, reading: Mapping[str, str]) -> Sheet:
    """The file as a table; every column has a name of its own. InvalidError at `file`, `encoding` or `sheet`."""
    if content.startswith(_ROWS):
        sheet = _of_rows(content)
    elif xlsx_reading.is_workbook(content):
        sheet = xlsx_reading.read(content, reading.get("sheet", ""))
    else:
        sheet = csv_reading.read(content, reading.get("encoding", ""), reading.get("separator", ""))
        for row in (sheet.header, *(cells for _, cells in sheet.rows)):
            row[:] = map(bare, row)
    if len(sheet.header) > xlsx_reading.MAX_COLUMNS:
        raise InvalidError.at("file", xlsx_reading.too_wide())
    sheet.header[:] = _named(sheet.header)
    return sheet


def keep_rows(rows: Sequence[Mapping[str, object]]) -> bytes:
    """Rows of a program as a file: {column: value}."""
    header = list(dict.fromkeys(name for row in rows for name in row))
    if not header:
        raise InvalidError.at("rows", say("Give at least one row, as an object with a value for each column."))
    if len(header) > xlsx_reading.MAX_COLUMNS:  # before a table of all rows and all columns is made
        raise InvalidError.at("rows", xlsx_reading.too_wide())
    table = [header, *([_text(row.get(name)) for name in header] for row in rows)]
    return _ROWS + exact_json.dumps(table)


def _of_rows(content: bytes) -> Sheet:
    header, *rows = cast(list[list[str]], exact_json.loads(content.removeprefix(_ROWS)))
    return Sheet(header, list(enumerate(rows, 1)), "", "", [])


def _text(value: object) -> str:
    return joined([_plain(one) for one in value]) if isinstance(value, list) else _plain(value)


def _plain(value: object) -> str:
    """A list in a list is not joined again: each time would double its quotation marks."""
    return "" if value is None else xlsx_reading.text_of(value)


def _named(header: Sequence[str]) -> list[str]:
    """Each name once: what has none is called by its place, a second one by a number behind it."""
    names: dict[str, None] = {}
    for at, given in enumerate(header, 1):
        name = " ".join(given.split())[:200] or f"({at})"
        tried = (f"{name} ({count})" for count in range(2, len(header) + 2))
        names[name if name not in names else next(one for one in tried if one not in names)] = None
    return list(names)
