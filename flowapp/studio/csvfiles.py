"""CSV in and out of a data table: read whatever a spreadsheet saved, say what is wrong by line, write it safely."""

from __future__ import annotations

import base64
import csv
import io
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from flowapp.errors import InvalidError, TooLargeError
from flowapp.models import DataTable
from flowapp.studio import records, tables
from flowapp.studio.columns import as_text
from flowapp.studio.projects import slugify

MAX_ROWS = 50_000
_DELIMITERS = (",", ";", "\t", "|")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file as read: the header, and (line number, cells) of each row that is not empty."""

    header: list[str]
    rows: list[tuple[int, list[str]]]


@dataclass(slots=True)
class Trial:
    """What an import would do: rows that fit, and (line, column label, message) of what does not."""

    good: list[records.Row] = field(default_factory=list)
    faults: list[tuple[int, str, str]] = field(default_factory=list)
    bad_lines: set[int] = field(default_factory=set)


def decode(content: bytes) -> str:
    """The text of a file: by its byte order mark, else UTF-8, else as Windows saves it in the West."""
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig")):
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def read(text: str) -> Sheet:
    """Rows of a CSV text, its delimiter found by itself. InvalidError at `file` where there is nothing to import."""
    if "\x00" in text:
        raise InvalidError.at("file", _("This is not a CSV file: it holds bytes that are not text."))
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows: list[tuple[int, list[str]]] = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((reader.line_num, [cell.strip() for cell in cells]))
            if len(rows) > MAX_ROWS + 1:
                raise InvalidError.at("file", _("A file has at most %(limit)s rows.", limit=MAX_ROWS))
    except csv.Error as error:
        message = _("Line %(line)s cannot be read as CSV: %(error)s.", line=reader.line_num, error=error)
        raise InvalidError.at("file", message) from None
    if len(rows) < 2:
        raise InvalidError.at("file", _("The file needs a line of column names and at least one line of data."))
    return Sheet(rows[0][1], rows[1:])


def guess(sheet: Sheet, table: DataTable) -> dict[int, str]:
    """Which column of the file goes where: by key or label, however it is written."""
    wanted = {}
    for column in tables.columns_of(table):
        wanted[slugify(column.label, 100, "column")] = column.key
        wanted[column.key] = column.key
    found: dict[int, str] = {}
    for at, name in enumerate(sheet.header):
        key = wanted.get(slugify(name, 100, "column"))
        if key and key not in found.values():
            found[at] = key
    return found


def check(session: Session, table: DataTable, sheet: Sheet, mapping: Mapping[int, str], zone: tzinfo = UTC) -> Trial:
    """Tries every row: types, required and unique columns."""
    columns = {column.key: column for column in tables.columns_of(table)}
    trial = Trial()
    lines: list[int] = []
    for line, cells in sheet.rows:
        raw = {key: _cell(cells, at) for at, key in mapping.items() if key in columns}
        try:
            trial.good.append(records.coerce(list(columns.values()), raw, zone))
            lines.append(line)
        except InvalidError as error:
            trial.bad_lines.add(line)
            trial.faults += [(line, columns[p.path].label, p.message) for p in error.problems]
    twice = list(records.doubles(session, table, trial.good))
    for at, key, message in twice:
        trial.bad_lines.add(lines[at])
        trial.faults.append((lines[at], columns[key].label, message))
    rejected = {at for at, _key, _message in twice}
    trial.good = [row for at, row in enumerate(trial.good) if at not in rejected]
    trial.faults.sort(key=lambda fault: fault[0])
    return trial


def _cell(cells: Sequence[str], at: int) -> str:
    """A cell, without the apostrophe that our own export puts before a formula."""
    text = cells[at] if at < len(cells) else ""
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text


def write(session: Session, table: DataTable) -> Iterator[str]:
    """The whole table as CSV (UTF-8 with a byte order mark, so that spreadsheets read accents), piece by piece."""
    columns = tables.columns_of(table)
    yield "\ufeff" + _line(["id", *(column.key for column in columns), "created_at", "updated_at"])
    for row in records.every(session, table):
        yield _line([row["id"], *(_safe(row[column.key], column.type) for column in columns),
                     as_text(row["created_at"]), as_text(row["updated_at"])])  # fmt: skip


def _safe(value: Any, kind: str) -> str:
    """A text that begins like a formula gets an apostrophe before it, so that no spreadsheet computes it."""
    text = as_text(value)
    return f"'{text}" if kind != "number" and text.startswith(_FORMULA) else text


def _line(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue()


def pack(text: str) -> str:
    """A file's text small enough to travel in a form between preview and import; nothing is kept on the server."""
    return base64.b85encode(zlib.compress(text.encode(errors="replace"), 9)).decode("ascii")


def unpack(packed: str, limit: int) -> str:
    """The text again, at most `limit` bytes. InvalidError at `file` where it was tampered with."""
    machine = zlib.decompressobj()
    try:
        content = machine.decompress(base64.b85decode(packed), limit)
        if machine.unconsumed_tail:
            raise TooLargeError(_("This file is too large."))
        return content.decode("utf-8")
    except (ValueError, zlib.error):
        raise InvalidError.at("file", _("The file was lost on the way: choose it again.")) from None
