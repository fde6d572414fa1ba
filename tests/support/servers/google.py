"""A strict double of Google Sheets and Drive: it takes what their published descriptions name, keeps cells, and answers as they do."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import yaml

from tests.support.servers.sink import Answer, Received, Sink

DESCRIPTION = Path(__file__).parents[2] / "connectors" / "google_sheets" / "api.yaml"
BOOK = "1AbC-def_456"
Grid = list[list[Any]]
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,), "boolean": (bool,), "integer": (int,), "number": (int, float), "array": (list,), "any": (object,),
}  # fmt: skip
_A1 = re.compile(r"([A-Z]*)([0-9]*)(?::([A-Z]*)([0-9]*))?")


class Refused(Exception):
    def __init__(self, status: int, message: str, reason: str = "") -> None:
        kind = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}[status]
        details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}] if reason else []
        body = {"error": {"code": status, "message": message, "status": kind, "details": details}}
        self.answer = Answer(status, json.dumps(body).encode())


@dataclass
class Google:
    """`sheets` are the grids of the one spreadsheet there is, by title; `rows` how many rows each may have.

    `files` is what Drive lists, two a page. `fail` is raised once by the call of that method and verb.
    """

    sink: Sink
    token: str = "access-token"
    sheets: dict[str, Grid] = field(default_factory=lambda: {"Orders": []})
    files: list[dict[str, str]] = field(default_factory=list)
    rows: int = 1000
    made: list[Any] = field(default_factory=list)
    busy: set[int] = field(default_factory=set)  # which calls are answered 429
    fail: Refused | None = None
    _count: Any = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.description = yaml.safe_load(DESCRIPTION.read_text(encoding="utf-8"))
        self.sink.ask = self._ask

    @property
    def called(self) -> list[str]:
        return [f"{one.method} {unquote(urlsplit(one.path).path)}" for one in self.sink.requests]

    def _ask(self, received: Received) -> Answer:
        if next(self._count) in self.busy:
            headers = {"Content-Type": "application/json", "Retry-After": "0"}
            return Answer(429, b'{"error": {"message": "Quota exceeded"}}', headers)
        try:
            return Answer(200, json.dumps(self._answer(received)).encode())
        except Refused as refused:
            return refused.answer

    def _answer(self, received: Received) -> Any:
        if received.headers.get("Authorization") != f"Bearer {self.token}":
            raise Refused(401, "Request had invalid authentication credentials.")
        if self.fail is not None:
            refused, self.fail = self.fail, None
            raise refused
        name, found = self._call(received)
        query = dict(parse_qsl(urlsplit(received.path).query))
        body = json.loads(received.body) if received.body else None
        self._check(self.description["calls"][name], query, body)
        return self._do(name, found, query, body)

    def _call(self, received: Received) -> tuple[str, dict[str, str]]:
        path = urlsplit(received.path).path
        for name in self.description["calls"]:
            method, _, template = name.partition(" ")
            pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/:]+|[^/]+?)", re.escape(template))
            if method == received.method and (found := re.fullmatch(pattern, path)):
                return name, {key: unquote(value) for key, value in found.groupdict().items()}
        raise Refused(404, "Requested entity was not found.")

    def _check(self, call: dict[str, Any], query: dict[str, str], body: Any) -> None:
        for name, value in query.items():
            known = call["query"].get(name, "string" if name in self.description["parameters"] else None)
            if known is None or (isinstance(known, list) and value not in known):
                raise Refused(
                    400, f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter.'
                )
        if "body" in call:
            self._check_value("$", call["body"], body)
        elif body is not None:
            raise Refused(400, "a body")

    def _check_value(self, place: str, kind: Any, value: Any) -> None:
        if isinstance(kind, list):
            if not isinstance(value, list):
                raise Refused(400, f"{place} is no list")
            for entry in value:
                self._check_value(place, kind[0], entry)
        elif kind in _TYPES:
            if not isinstance(value, _TYPES[kind]) or (kind != "boolean" and kind != "any" and isinstance(value, bool)):
                raise Refused(400, f'Invalid value at "{place}"')
        else:
            if not isinstance(value, dict):
                raise Refused(400, f'Invalid value at "{place}"')
            for name, entry in value.items():
                if name not in self.description["schemas"][kind]:
                    raise Refused(400, f'Invalid JSON payload received. Unknown name "{name}" at "{place}".')
                self._check_value(f"{place}.{name}", self.description["schemas"][kind][name], entry)

    def _do(self, name: str, found: dict[str, str], query: dict[str, str], body: Any) -> Any:
        if name.startswith("GET /drive"):
            return self._drive(name, query)
        if name == "POST /v4/spreadsheets":
            return self._create(body)
        if found["spreadsheetId"] != BOOK:
            raise Refused(404, "Requested entity was not found.")
        if name.endswith(":batchUpdate"):
            return self._batch(body["requests"])
        if "range" not in found:
            return {"sheets": [{"properties": {"sheetId": at, "title": title}} for at, title in enumerate(self.sheets)]}
        return self._values(name, Area.of(self, found["range"]), query, body)

    def _values(self, name: str, area: Area, query: dict[str, str], body: Any) -> Any:
        if name.startswith("GET"):
            values = area.read()
            answer = {"range": area.name(), "majorDimension": "ROWS", **({"values": values} if values else {})}
            return _chosen(answer, query.get("fields"))
        if name.endswith(":clear"):
            area.clear()
            return {"spreadsheetId": BOOK, "clearedRange": area.name()}
        if query.get("valueInputOption") not in ("RAW", "USER_ENTERED"):
            raise Refused(400, "'valueInputOption' is required but not specified")
        rows = [[_entered(value, query["valueInputOption"]) for value in row] for row in body["values"]]
        if name.startswith("PUT"):
            return {"spreadsheetId": BOOK, "updatedRange": area.write(rows)}
        return {
            "spreadsheetId": BOOK,
            "updates": {"updatedRange": area.append(rows, query.get("insertDataOption", "OVERWRITE"))},
        }

    def _batch(self, requests: list[Any]) -> Any:
        sheets, numbers, replies = {title: list(grid) for title, grid in self.sheets.items()}, {}, []
        for one in requests:
            if properties := one.get("addSheet", {}).get("properties"):
                if properties["title"] in sheets:
                    message = (
                        f'Invalid requests[0].addSheet: A sheet with the name "{properties["title"]}" already exists.'
                    )
                    raise Refused(400, message)
                sheets[properties["title"]], numbers[properties["sheetId"]] = [], properties["title"]
                replies.append({"addSheet": {"properties": properties}})
            else:
                cells = one["updateCells"]
                assert cells["fields"] == "userEnteredValue"
                sheets[numbers[cells["start"]["sheetId"]]] = [_cells(row) for row in cells["rows"]]
                replies.append({})
        self.sheets = sheets
        return {"spreadsheetId": BOOK, "replies": replies}

    def _create(self, body: Any) -> Any:
        self.made.append(body)
        sheets = body.get("sheets") or [{}]
        title = sheets[0].get("properties", {}).get("title", "Sheet1")
        self.sheets = {title: [_cells(row) for row in sheets[0].get("data", [{"rowData": []}])[0]["rowData"]]}
        url = f"https://docs.google.com/spreadsheets/d/{BOOK}/edit"
        return {
            "spreadsheetId": BOOK,
            "spreadsheetUrl": url,
            "sheets": [{"properties": {"sheetId": 0, "title": title}}],
        }

    def _drive(self, name: str, query: dict[str, str]) -> Any:
        if name.endswith("/about"):
            assert query == {"fields": "user"}
            return {"user": {"emailAddress": "ada@example.com"}}
        if query["q"] != "mimeType = 'application/vnd.google-apps.spreadsheet' and trashed = false":
            raise Refused(400, "Invalid Value")
        start = int(query.get("pageToken", 0))
        more = {"nextPageToken": str(start + 2)} if start + 2 < len(self.files) else {}
        return {"files": self.files[start : start + 2], **more}


def _chosen(answer: dict[str, Any], fields: str | None) -> dict[str, Any]:
    """Those fields of an answer that were asked for; names alone, no paths."""
    if fields is None:
        return answer
    names = fields.split(",")
    if unknown := set(names) - {"range", "majorDimension", "values"}:
        raise Refused(400, f"Request contains an invalid argument: Invalid field selection {min(unknown)}")
    return {name: answer[name] for name in names if name in answer}


def _cells(row: Any) -> list[Any]:
    return [next(iter(cell["userEnteredValue"].values())) for cell in row["values"]]


def _entered(value: Any, option: str) -> Any:
    """RAW stays as it is; as typed, text that looks like a number is one, and text with = before it a formula."""
    if not isinstance(value, str | int | float | bool | None):
        raise Refused(400, "Invalid values[0][0]: struct_value")
    if option == "RAW" or not isinstance(value, str):
        return value
    return {"formula": value} if value[:1] == "=" else float(value) if re.fullmatch(r"-?[0-9.]+", value) else value


@dataclass
class Area:
    """A range: columns and rows counted from 0, the ends exclusive."""

    title: str
    grid: Grid
    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def of(cls, google: Google, text: str) -> Area:
        sheet, _, cells = text.rpartition("!")
        title = sheet[1:-1].replace("''", "'") if sheet[:1] == "'" else sheet or next(iter(google.sheets))
        if (sheet and "'" in title and sheet[:1] != "'") or (sheet[:1] != "'" and " " in sheet):
            raise Refused(400, f"Unable to parse range: {text}")
        found = _A1.fullmatch(cells)
        if title not in google.sheets or not found:
            raise Refused(400, f"Unable to parse range: {text}")
        left, top, right, bottom = (group or "" for group in found.groups())
        if int(top or 1) > google.rows:
            raise Refused(400, f"Range ({text}) exceeds grid limits. Max rows: {google.rows}, max columns: 26")
        single = found[3] is None
        return cls(
            title, google.sheets[title], _column(left or "A"), int(top or 1) - 1,
            min(_column(left if single else right or "Z") + 1, 26), min(int((top if single else bottom) or google.rows), google.rows),
        )  # fmt: skip

    def name(self, bottom: int = 0, top: int = -1) -> str:
        title = self.title if self.title.isalnum() else "'" + self.title.replace("'", "''") + "'"
        first = self.top if top < 0 else top
        return f"{title}!{chr(65 + self.left)}{first + 1}:{chr(64 + self.right)}{bottom or self.bottom}"

    def read(self) -> Grid:
        rows = [_trimmed(row[self.left : self.right]) for row in self.grid[self.top : self.bottom]]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def write(self, rows: Grid) -> str:
        for at, row in enumerate(rows):
            if self.left + len(row) > self.right or self.top + at >= self.bottom:
                raise Refused(400, f"Requested writing within range [{self.name()}], but tried writing to more")
            self._put(self.top + at, row)
        return self.name()

    def _put(self, number: int, row: list[Any]) -> None:
        while len(self.grid) <= number:
            self.grid.append([])
        cells = self.grid[number]
        cells += [""] * (self.left + len(row) - len(cells))
        for at, value in enumerate(row):
            if value is not None:
                cells[self.left + at] = value

    def append(self, rows: Grid, option: str) -> str:
        """Below the table that the range lies in: the rows up to the first blank one."""
        end = self.top
        while end < len(self.grid) and _trimmed(self.grid[end]):
            end += 1
        if option == "INSERT_ROWS":
            self.grid[end:end] = [[] for _ in rows]
        for at, row in enumerate(rows):
            self._put(end + at, row)
        self.right = self.left + max(map(len, rows))
        return self.name(end + len(rows), end)

    def clear(self) -> None:
        for row in self.grid[self.top : self.bottom]:
            row[self.left : self.right] = [""] * len(row[self.left : self.right])


def _column(name: str) -> int:
    number = 0
    for letter in name:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _trimmed(row: list[Any]) -> list[Any]:
    row = list(row)
    while row and row[-1] in ("", None):
        row.pop()
    return row
