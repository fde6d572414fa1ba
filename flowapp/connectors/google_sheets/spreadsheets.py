"""Spreadsheets and their sheets: list and create them."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import cast

from flowapp.catalog import StepContext
from flowapp.connectors.google_sheets.sheet import answer_of, spreadsheet_id
from flowapp.connectors.runner import Service
from flowapp.exact_json import Json
from flowapp.texts import say

Values = Mapping[str, object]
Result = dict[str, object]


def list_sheets(_ctx: StepContext, service: Service, values: Values) -> Result:
    """The sheets of a spreadsheet, in their order."""
    sheets = [_shown(one) for one in _sheets(service, values["spreadsheet"])]
    return {"sheets": sheets, "count": len(sheets)}


def sheet_choices(service: Service, values: Values) -> list[tuple[str, str]]:
    """The names of the sheets, for the form of a step."""
    names = [str(_shown(one)["title"]) for one in _sheets(service, values["spreadsheet"])]
    return [(name, name) for name in names]


def create_sheet(ctx: StepContext, service: Service, values: Values) -> Result:
    """A new sheet in a spreadsheet, with the names of its columns in the first row: all or nothing, by one call."""
    spreadsheet = spreadsheet_id(values["spreadsheet"])
    number = int.from_bytes(sha256(ctx.idempotency_key.encode()).digest()[:4], "big") >> 1
    requests: list[object] = [{"addSheet": {"properties": {"sheetId": number, "title": values["title"]}}}]
    if row := _row(values):
        start = {"sheetId": number, "rowIndex": 0, "columnIndex": 0}
        requests.append({"updateCells": {"start": start, "rows": [row], "fields": "userEnteredValue"}})
    path = f"/spreadsheets/{spreadsheet}:batchUpdate"
    made = answer_of(service, "POST", path, say("Create a sheet"), json={"requests": requests})
    replies = cast(list[dict[str, Json]], made.get("replies") or [{}])
    return _shown(replies[0].get("addSheet", {}))


def create_spreadsheet(_ctx: StepContext, service: Service, values: Values) -> Result:
    """A new spreadsheet with one sheet, by one call."""
    title, row = str(values.get("sheet_title") or "").strip(), _row(values)
    sheet = {
        **({"properties": {"title": title}} if title else {}),
        **({"data": [{"startRow": 0, "startColumn": 0, "rowData": [row]}]} if row else {}),
    }
    asked = {"properties": {"title": values["title"]}, **({"sheets": [sheet]} if sheet else {})}
    made = answer_of(service, "POST", "/spreadsheets", say("Create a spreadsheet"), json=asked)
    first = cast(list[Json], made.get("sheets") or [{}])[0]
    return {
        "spreadsheet_id": made.get("spreadsheetId"),
        "url": made.get("spreadsheetUrl"),
        "sheet": _shown(first)["title"],
    }


def _row(values: Values) -> Json:
    """The names of columns as the first row; empty where there are none."""
    names = cast(list[str], values.get("columns") or [])
    return {"values": [{"userEnteredValue": {"stringValue": name}} for name in names]} if names else {}


def _sheets(service: Service, spreadsheet: object) -> list[Json]:
    path = f"/spreadsheets/{spreadsheet_id(spreadsheet)}?fields=sheets.properties(sheetId,title,index,hidden)"
    return cast(list[Json], answer_of(service, "GET", path, say("List sheets")).get("sheets") or [])


def _shown(sheet: Json) -> Result:
    properties = cast(Json, sheet.get("properties") or {})
    return {"sheet_id": properties.get("sheetId", 0), "title": properties.get("title")}
