"""CSV in and out of a data table: read whatever a spreadsheet saved, say what is wrong by line, write it safely."""

from __future__ import annotations

import base64
import csv
import io
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from flowapp.data import records, tables
from flowapp.data.columns import Column, as_text
from flowapp.errors import InvalidError, Problem, TooLargeError
from flowapp.models import DataTable, conventions_of
from flowapp.security import helpers
from flowapp.texts import say
from flowapp.values.conventions import Conventions
from flowapp.workflows.projects import slugify

MAX_ROWS = 50_000
SMALL = 1_000  # cells that are read in this process: some 50 milliseconds where all are e-mail addresses
PORTION = 20_000  # cells for one call of a helper
MAX_LISTED = 100  # lines whose faults are told
_DELIMITERS = (",", ";", "\t", "|")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file as read: the header, and (line number, cells) of each row that is not empty."""

    header: list[str]
    rows: list[tuple[int, list[str]]]


@dataclass(slots=True)
class CheckedRows:
    """What an import would do: rows that fit, and (line, column label, message) of what does not.

    Of `count` faults those of the first TOLD lines are told.
    """

    good: list[records.Row] = field(default_factory=list)
    faults: list[tuple[int, str, str]] = field(default_factory=list)
    bad_lines: set[int] = field(default_factory=set)
    count: int = 0


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
        raise InvalidError.at("file", say("This is not a CSV file: it contains bytes that are not text."))
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows: list[tuple[int, list[str]]] = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((reader.line_num, [cell.strip() for cell in cells]))
            if len(rows) > MAX_ROWS + 1:
                raise InvalidError.at("file", say("A file can have at most %(limit)s rows.", limit=MAX_ROWS))
    except csv.Error as error:
        message = say("Line %(line)s cannot be read as CSV: %(error)s.", line=reader.line_num, error=str(error))
        raise InvalidError.at("file", message) from None
    if len(rows) < 2:
        raise InvalidError.at("file", say("The file needs a row of column names and at least one row of data."))
    return Sheet(rows[0][1], rows[1:])


def guess(sheet: Sheet, table: DataTable) -> dict[int, str]:
    """Which column of the file goes where: by key or label, however it is written."""
    wanted = {}
    for column in tables.columns_of(table):
        wanted[slugify(column.label, 100, "column")] = column.key
        wanted[column.key] = column.key
    mapping: dict[int, str] = {}
    for at, name in enumerate(sheet.header):
        key = wanted.get(slugify(name, 100, "column"))
        if key and key not in mapping.values():
            mapping[at] = key
    return mapping


def check(session: Session, table: DataTable, sheet: Sheet, mapping: Mapping[int, str]) -> CheckedRows:
    """Tries every row: types, required and unique columns. InvalidError at `file` where that takes too long."""
    columns = {column.key: column for column in tables.columns_of(table)}
    conventions = conventions_of(session)
    checked = CheckedRows()
    lines: list[int] = []
    raws = [{key: _cell(cells, at) for at, key in mapping.items() if key in columns} for _line, cells in sheet.rows]
    outcomes = _fitted(list(columns.values()), raws, conventions)
    for (line, _cells), raw, fitted in zip(sheet.rows, raws, outcomes, strict=True):
        if isinstance(fitted, int):
            if len(checked.bad_lines) < MAX_LISTED:
                problems = _problems(columns, raw, conventions)
                checked.faults += [(line, columns[p.path].label, p.message) for p in problems]
            checked.bad_lines.add(line)
            checked.count += fitted
        else:
            checked.good.append(fitted)
            lines.append(line)
    twice = list(records.doubles(session, table, checked.good))
    checked.count += len(twice)
    for at, key, message in twice:
        checked.bad_lines.add(lines[at])
        checked.faults.append((lines[at], columns[key].label, message))
    rejected = {at for at, _key, _message in twice}
    checked.good = [row for at, row in enumerate(checked.good) if at not in rejected]
    checked.faults.sort(key=lambda fault: fault[0])
    return checked


def _fitted(columns: list[Column], raws: list[dict[str, str]], conventions: Conventions) -> Iterator[records.Row | int]:
    """Each row as the columns store it, or how many faults it has. A large file in portions, in a helper process.

    Reading the file itself takes time in proportion to its size, which is that of a request; but an address, a date, a
    JSON text in each of 50,000 rows would keep this process busy for a minute.
    """
    rows = max(1, PORTION // max(1, len(columns)))
    for start in range(0, len(raws), rows):
        some = raws[start : start + rows]
        if len(raws) * len(columns) <= SMALL:
            yield from fit(columns, some, conventions)
            continue
        try:
            yield from helpers.call(fit, columns, some, conventions)
        except helpers.OverBudgetError as error:
            raise InvalidError.at("file", error.message) from None


def fit(columns: list[Column], raws: list[dict[str, str]], conventions: Conventions) -> list[records.Row | int]:
    """Each row as the columns store it, or how many faults it has."""
    fitted: list[records.Row | int] = []
    for raw in raws:
        try:
            fitted.append(records.coerce(columns, raw, conventions))
        except InvalidError as error:
            fitted.append(len(error.problems))
    return fitted


def _problems(columns: Mapping[str, Column], raw: dict[str, str], conventions: Conventions) -> list[Problem]:
    """A row's faults."""
    try:
        records.coerce(list(columns.values()), raw, conventions)
    except InvalidError as error:
        return error.problems
    return []


def _cell(cells: Sequence[str], at: int) -> str:
    """A cell, without the apostrophe that our own export puts before a formula."""
    text = cells[at] if at < len(cells) else ""
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text


def write(session: Session, table: DataTable) -> Iterator[str]:
    """The whole table as CSV (UTF-8 with a byte order mark, so that spreadsheets read accents), piece by piece."""
    columns = tables.columns_of(table)
    yield "\ufeff" + _line(["id", *(column.key for column in columns), "created_at", "updated_at"])
    for row in records.every(session, table):
        yield _line([str(row["id"]), *(_safe(row[column.key], column.type) for column in columns),
                     as_text(row["created_at"]), as_text(row["updated_at"])])  # fmt: skip


def _safe(value: object, kind: str) -> str:
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
            raise TooLargeError(say("This file is too large."))
        return content.decode("utf-8")
    except (ValueError, zlib.error):
        raise InvalidError.at("file", say("The upload was lost. Choose the file again.")) from None
