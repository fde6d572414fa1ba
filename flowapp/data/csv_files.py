"""CSV in and out of a data table: what of a file fits its columns, and what is wrong by line; a table written safely."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.orm import Session

from flowapp.data import records, tables
from flowapp.data.columns import Column, as_text
from flowapp.data.csv_reading import Sheet
from flowapp.errors import InvalidError, Problem
from flowapp.models import DataTable, conventions_of
from flowapp.security import helpers
from flowapp.texts import say
from flowapp.values.conventions import Conventions
from flowapp.values.csv_lines import MARK, csv_line
from flowapp.values.formulas import bare, harmless
from flowapp.workflows.projects import slugify

SMALL = 1_000  # cells that are read in this process: some 50 milliseconds where all are e-mail addresses
PORTION = 20_000  # cells for one call of a helper
MAX_LISTED = 100  # lines whose faults are told


@dataclass(slots=True)
class CheckedRows:
    """What an import would do: rows that fit, and (line, column label, message) of what does not.

    Of `count` faults those of the first TOLD lines are told.
    """

    good: list[records.Row] = field(default_factory=list)
    faults: list[tuple[int, str, str]] = field(default_factory=list)
    bad_lines: set[int] = field(default_factory=set)
    count: int = 0

    def refuse(self, line: int, label: str, message: str) -> None:
        """A fault of a line."""
        if len(self.bad_lines) < MAX_LISTED:
            self.faults.append((line, label, message))
        self.bad_lines.add(line)
        self.count += 1


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


def check(
    session: Session, table: DataTable, sheet: Sheet, mapping: Mapping[int, str], locale: str = ""
) -> CheckedRows:
    """Tries every row: types, required and unique columns. InvalidError at `file` where that takes too long.

    Numbers and dates are written in the file as in `locale`; empty: as each column has it, else the organization.
    """
    columns = {column.key: column for column in tables.columns_of(table)}
    conventions = conventions_of(session)
    if locale:
        conventions = replace(conventions, locale=locale)
        columns = {key: replace(column, locale="") for key, column in columns.items()}
    checked = CheckedRows()
    lines: list[int] = []
    raws = [{key: _cell(cells, at) for at, key in mapping.items() if key in columns} for _line, cells in sheet.rows]
    outcomes = _fitted(list(columns.values()), raws, conventions)
    for (line, cells), raw, fitted in zip(sheet.rows, raws, outcomes, strict=True):
        if any(cells[len(sheet.header) :]):
            checked.refuse(
                line, "", say("There are more cells than column names. Put values with separators in quotes.")
            )
        elif isinstance(fitted, int):
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
    return bare(cells[at]) if at < len(cells) else ""


def write(session: Session, table: DataTable) -> Iterator[str]:
    """The whole table as CSV (UTF-8 with a byte order mark, so that spreadsheets read accents), piece by piece."""
    columns = tables.columns_of(table)
    yield MARK + csv_line(["id", *(column.key for column in columns), "created_at", "updated_at"])
    for row in records.every(session, table):
        yield csv_line([str(row["id"]), *(_safe(row[column.key], column.type) for column in columns),
                     as_text(row["created_at"]), as_text(row["updated_at"])])  # fmt: skip


def _safe(value: object, kind: str) -> str:
    text = as_text(value)
    return text if kind == "number" else harmless(text)
