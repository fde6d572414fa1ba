"""Operations between data and its notations: JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from typing import NoReturn

from flowapp.actions.data.transform_data.base import ENTRY, Work, text_of
from flowapp.actions.data.transform_data.code import HALF
from flowapp.actions.data.transform_data.declared import Family
from flowapp.actions.data.transform_data.options import Options
from flowapp.catalog import N_
from flowapp.catalog.rows import Example
from flowapp.errors import StepError
from flowapp.texts import say

JSON = Family(N_("Read or write JSON"), N_("Makes data of JSON text, or JSON text of data."), "way", whole=True)
CSV = Family(
    N_("Read or write CSV"),
    N_("Makes records of CSV text, or CSV text of records."),
    "way",
    ("separator", "header"),
    whole=True,
)
PARSED = 16  # a value of JSON


@JSON.add(
    "parse",
    N_("Parse text"),
    help=N_("Makes data of JSON text."),
    example=Example({"body": '{"id": 7}'}, {"field": "body"}, {"body": {"id": 7}}),
)
def _parse_json(value: object, _operation: Options, work: Work) -> object:
    text = text_of(value, work) if isinstance(value, str) else None
    if text is None:
        raise StepError(say("Only text can be parsed as JSON. This is already data."))
    # About one value for each of these marks: with that charged, the parser is done within a tenth of a second.
    work.charge(PARSED * sum(map(text.count, ",[{")))
    try:
        parsed = json.loads(text.removeprefix("\ufeff"), parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise StepError(say("This JSON is nested too deeply.")) from None
    except ValueError as error:
        raise StepError(say("This text is not valid JSON: %(error)s", error=error)) from None
    if HALF.search(json.dumps(parsed, ensure_ascii=False)):
        raise StepError(say("The text contains half a character (an unpaired surrogate)."))
    return parsed


def _refuse(word: str) -> NoReturn:
    raise ValueError(say("%(word)s is not a JSON number.", word=word))


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


@JSON.add(
    "format",
    N_("Convert to text"),
    ("pretty",),
    help=N_("Makes JSON text of data."),
    example=Example({"id": 7}, {}, '{"id": 7}'),
)
def _format_json(value: object, operation: Options, work: Work) -> str:
    written = []
    encoder = json.JSONEncoder(ensure_ascii=False, indent=2 if operation.pretty else None, default=str)
    for part in encoder.iterencode(value):
        work.charge(len(part))
        written.append(part)
    return "".join(written)


@CSV.add(
    "parse",
    N_("Parse text"),
    help=N_("Makes a list of records of CSV text; its first line has the names."),
    example=Example("name;city\nAnn;Lyon", {"separator": ";"}, [{"name": "Ann", "city": "Lyon"}]),
)
def _parse_csv(value: object, operation: Options, work: Work) -> Sequence[object]:
    """Records by the names in the first line, or lists where there is no header. Every value is text, as it stands."""
    if not isinstance(value, str):
        raise StepError(say("Only text can be parsed as CSV."))
    text = text_of(value, work).removeprefix("\ufeff")
    rows = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(operation), strict=True):
            work.charge(ENTRY * len(row))
            if row:
                rows.append(row)
    except csv.Error as error:
        raise StepError(
            say("row %(count)s: this is not valid CSV: %(error)s.", count=len(rows) + 1, error=error)
        ) from None
    if not operation.header:
        return rows
    names = _names(rows[0]) if rows else []
    return [_record(names, row, at) for at, row in enumerate(rows[1:], 2)]


def _names(row: list[str]) -> list[str]:
    """The names of the columns; one that is empty or there already gets its number."""
    names: list[str] = []
    for at, cell in enumerate(row, 1):
        name = cell.strip()
        names.append(name if name and name not in names else f"{name or 'column'} {at}")
    return names


def _record(names: list[str], row: list[str], at: int) -> dict[str, str]:
    if len(row) > len(names) and any(row[len(names) :]):
        raise StepError(
            say(
                "row %(at)s: it has %(count)s values, but there are %(columns)s columns. Check the separator.",
                at=at,
                count=len(row),
                columns=len(names),
            )
        )
    return dict(zip(names, [*row, *[""] * (len(names) - len(row))], strict=False))


@CSV.add(
    "format",
    N_("Convert to text"),
    ("quoting",),
    help=N_("Makes CSV text of a list of records."),
    example=Example([{"name": "Ann", "city": "Lyon"}], {"separator": ";"}, "name;city\r\nAnn;Lyon\r\n"),
)
def _format_csv(value: object, operation: Options, work: Work) -> str:
    """Records, with all names that any of them has; or lists. Lines end as RFC 4180 says."""
    rows = value if isinstance(value, list) else [value]
    names = list(dict.fromkeys(name for row in rows if isinstance(row, dict) for name in row))
    out = io.StringIO(newline="")
    writer = csv.writer(
        out,
        delimiter=_delimiter(operation),
        quoting=csv.QUOTE_ALL if operation.quoting == "all" else csv.QUOTE_MINIMAL,
        lineterminator="\r\n",
    )
    if names and operation.header:
        writer.writerow(names)
    for at, row in enumerate(rows, 1):
        if not isinstance(row, dict if names else list):
            raise StepError(say("row %(at)s: CSV needs either records with named fields or lists, not both.", at=at))
        cells = [row.get(name) for name in names] if isinstance(row, dict) else row
        written = [_cell(cell, work) for cell in cells]
        writer.writerow(written)
    return out.getvalue()


def _cell(value: object, work: Work) -> str:
    work.charge(ENTRY)
    if isinstance(value, list | dict):
        text = json.dumps(value, ensure_ascii=False, default=str)
        work.charge(len(text))
        return text
    return "" if value is None else text_of(value, work)


def _delimiter(operation: Options) -> str:
    separator = operation.separator.replace("\\t", "\t") or ","
    if len(separator) != 1 or separator in '"\r\n ':
        raise StepError(say("The CSV separator must be one character, such as “,” “;” or “\\t” for a tab."))
    return separator
