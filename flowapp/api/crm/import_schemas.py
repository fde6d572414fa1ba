"""What the JSON API takes and gives about imports (see api.schemas)."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field, JsonValue

from flowapp.api.schemas import In, ListOut, Out

MAX_ROWS = 10_000
_ROWS: dict[str, JsonValue] = {
    "object": "contact",
    "rows": [{"E-mail": "ann@example.com", "First name": "Ann", "Tags": "R&D; new"}, {"E-mail": "bob@example.com"}],
    "mode": "both",
    "match": "email",
    "dry_run": True,
}


class ImportOptionsIn(In):
    """How rows are taken. `mapping`: column to field; columns that it does not name go nowhere. Without it, columns go where
    those of the last file with the same ones went, else where their names say."""

    object: Literal["contact", "company", "deal"]
    mapping: dict[str, str] | None = Field(
        default=None, max_length=500, description='{"E-mail": "email", "Plan": "fields.plan"}'
    )
    match: str = Field(
        default="", max_length=80, description="By which field a record is recognized: email, number, domain, name, title, "
        "or a unique custom field (fields.<key>). Empty: by what is usual."
    )  # fmt: skip
    mode: Literal["both", "create", "update"] = "both"
    create_companies: bool = Field(default=True, description="Make companies that rows name and that are not there.")
    start_workflows: bool = Field(default=False, description="Whether what changes may start workflows.")
    dry_run: bool = Field(default=False, description="Say what would become of the rows, and change nothing.")
    file_name: str = Field(default="", max_length=255)
    encoding: str = Field(default="", max_length=20, description="Of a CSV file; empty: as is found out.")
    separator: str = Field(default="", max_length=1, description="Of a CSV file; empty: as is found out.")
    sheet: str = Field(default="", max_length=200, description="Of a workbook; empty: the first one with rows.")


class ImportIn(ImportOptionsIn):
    """Rows as objects with a value for each column. A file is sent as multipart/form-data: `file`, and the other names as
    fields (mapping as JSON)."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_ROWS]})

    rows: list[dict[str, JsonValue]] = Field(min_length=1, max_length=MAX_ROWS)


class ImportProblemOut(Out):
    """What is wrong with a row."""

    line: int
    column: str
    message: str


class TrialOut(Out):
    """What would become of the rows. `checked`: how many were looked at, of a long file perhaps not all."""

    checked: int
    created: int
    updated: int
    unchanged: int
    skipped: int
    failed: int
    problems: list[ImportProblemOut]


class RecordImportOut(Out):
    """An import; `status` and the counts are those of its job, draft while it has none."""

    id: str
    object: Literal["contact", "company", "deal"]
    file: str
    status: Literal["draft", "pending", "running", "completed", "cancelled", "failed"]
    encoding: str
    separator: str
    sheet: str
    columns: list[str]
    rows: int
    mapping: dict[str, str] = Field(description="Column to field.")
    match: str
    mode: str
    create_companies: bool
    start_workflows: bool
    job: str | None
    done: int
    changed: int
    failed: int
    created_by: str | None
    created_at: datetime
    started_at: datetime | None
    dry_run: TrialOut | None = None


class RecordImportsOut(ListOut):
    """Imports, the newest first."""

    results: list[RecordImportOut]
