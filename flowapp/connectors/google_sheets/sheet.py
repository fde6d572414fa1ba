"""One sheet of a spreadsheet, by the calls that read and write its cells.

https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets.values
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import cast
from urllib.parse import quote, urlencode

from flowapp.connectors.google_sheets.cells import Cell, names_of, quoted
from flowapp.connectors.runner import Service
from flowapp.errors import StepError
from flowapp.exact_json import Json
from flowapp.texts import say

Rows = list[list[object]]
MOST_ROWS = 10_000_000  # of any sheet: so many cells a spreadsheet may have
_ADDRESS = re.compile(r"/spreadsheets/d/([\w-]+)")
_ROW = re.compile(r"^[A-Z]*([0-9]+)")
_READ = {"valueRenderOption": "UNFORMATTED_VALUE", "dateTimeRenderOption": "FORMATTED_STRING"}


def spreadsheet_id(entered: object) -> str:
    """The id of a spreadsheet, also where its address was entered. StepError where it is neither."""
    text = str(entered).strip()
    found = _ADDRESS.search(text)
    known = found[1] if found else text
    if not re.fullmatch(r"[\w-]+", known, re.ASCII):
        message = say("“%(entered)s” is no spreadsheet: enter its ID or its address.", entered=text[:100])
        raise StepError(message, permanent=True)
    return known


def first_row(found_range: object) -> int:
    """The first row of a range as an answer says it, 'Sheet 1'!A2:C5; 0 where it names none."""
    found = _ROW.match(str(found_range or "").rpartition("!")[2])
    return int(found[1]) if found else 0


def last_row(found_range: object) -> int:
    """The last row of a range as an answer says it, which ends where the sheet does; 0 where it names none."""
    return first_row(str(found_range or "").rpartition(":")[2])


class Sheet:
    """`name`: empty means the first visible sheet. `header_row`: where the names of the columns stand."""

    def __init__(self, service: Service, values: Mapping[str, object], action: str) -> None:
        self._service, self._action = service, action
        self.spreadsheet = spreadsheet_id(values["spreadsheet"])
        self.name = str(values.get("sheet") or "").strip()
        self.header_row = cast(int, values.get("header_row") or 1)

    def range_of(self, cells: str) -> str:
        """A range of this sheet in A1 notation. One that names its sheet stays as it is."""
        return f"{quoted(self.name)}!{cells}" if self.name and "!" not in cells else cells

    def names(self) -> list[str]:
        """The names of the columns. StepError where there are none."""
        return names_of(self.header())

    def header(self) -> list[object]:
        """The cells of the header row. StepError where they are empty."""
        found = self.read(f"{self.header_row}:{self.header_row}")[1]
        if not found or not found[0]:
            message = say(
                "Row %(row)s of the sheet is empty: write the names of the columns there.", row=self.header_row
            )
            raise StepError(message, permanent=True)
        return found[0]

    def read(self, cells: str) -> tuple[int, Rows]:
        """The number of the first row of a range, and its rows; numbers are numbers, dates are text as they are shown."""
        span, rows = self.read_range(cells)
        return first_row(span), rows

    def read_range(self, cells: str) -> tuple[object, Rows]:
        """The range that was read, as the answer says it, and its rows."""
        answer = self.call("GET", cells, query=_READ)
        return answer.get("range"), cast(Rows, answer.get("values") or [])

    def grid_rows(self) -> int:
        """How many rows the sheet has, blank ones included."""
        answer = self.call("GET", f"{self.header_row}:{MOST_ROWS}", query={"fields": "range"})
        return last_row(answer.get("range"))

    def append(self, rows: Sequence[Sequence[Cell]], option: object) -> Json:
        """Adds rows below the table that begins in column A of the header row; what stands below it moves down."""
        query = {"valueInputOption": str(option).upper(), "insertDataOption": "INSERT_ROWS"}
        answer = self.call("POST", f"A{self.header_row}", ":append", query=query, json={"values": rows})
        return cast(Json, answer.get("updates") or {})

    def write(self, cells: str, rows: Sequence[Sequence[Cell]], option: object) -> Json:
        """Replaces the cells of a range; None leaves one as it is."""
        return self.call("PUT", cells, query={"valueInputOption": str(option).upper()}, json={"values": rows})

    def clear(self, cells: str) -> str:
        """Empties the cells of a range; their formats stay. The range as Google names it."""
        return str(self.call("POST", cells, ":clear", json={}).get("clearedRange") or "")

    def call(self, method: str, cells: str, verb: str = "", *, query: Mapping[str, str] | None = None, json: object = None) -> Json:  # fmt: skip
        """A call about a range. StepError in the user's words."""
        path = f"/spreadsheets/{self.spreadsheet}/values/{quote(self.range_of(cells), safe='')}{verb}"
        path += f"?{urlencode(query)}" if query else ""
        return answer_of(self._service, method, path, self._action, json=json)


def answer_of(service: Service, method: str, path: str, action: str, *, json: object = None) -> Json:
    """The JSON object that a call answers. StepError where it is none."""
    found = service.request(method, path, action, json=json).json
    if not isinstance(found, dict):
        message = say("The answer of Google Sheets cannot be read, so it is not known whether “%(action)s” was done. Look there first.",
                      action=action)  # fmt: skip
        raise StepError(message, permanent=True)
    return cast(Json, found)
