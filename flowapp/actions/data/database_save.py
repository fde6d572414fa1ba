"""Saves records in a data table of the project."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from flowapp.catalog import N_, Done, Outcome, Params, StepContext, action, ui
from flowapp.catalog.context import Saved
from flowapp.catalog.fields import Lines
from flowapp.errors import StepError
from flowapp.texts import say

MAX_ROWS = 10_000


class DatabaseSaveParams(Params):
    """`data` is one record, a list of records, or an expression that gives either."""

    table: str = Field(min_length=1, max_length=64, json_schema_extra=ui(N_("Table"), widget="table"))
    data: dict[str, object] | list[dict[str, object]] = Field(
        json_schema_extra=ui(
            N_("Data"),
            N_("A value for each column, or one expression such as {{ form_data }}."),
            widget="mapping",
            depends_on="table",
        )
    )
    mode: Literal["insert", "update", "upsert"] = Field(
        "insert",
        json_schema_extra=ui(
            N_("Method"),
            widget="select",
            choices=[
                ("insert", N_("Add a record")),
                ("update", N_("Update matching records")),
                ("upsert", N_("Update the matching record, or add it")),
            ],
        ),
    )
    match: Lines = Field(
        [],
        json_schema_extra=ui(
            N_("Matching columns"),
            N_("Records with the same values in these columns are updated."),
            widget="lines",
            depends_on="table",
            placeholder="email",
            show_if={"mode": ["update", "upsert"]},
        ),
    )

    @model_validator(mode="after")
    def _can_match(self) -> DatabaseSaveParams:
        if self.mode != "insert" and not self.match:
            raise ValueError(say("List in “match” the columns that identify existing records."))
        return self


def sample_of(ctx: StepContext, params: DatabaseSaveParams) -> object:
    """What it makes of the examples."""
    saved = ctx.tables.save(params.table, _rows(params), mode=params.mode, match=params.match)
    return _result(saved, many=isinstance(params.data, list))


@action(
    "database_save",
    label=N_("Save record"),
    description=N_("Adds a record to a data table, or updates one."),
    group=N_("Data"),
    icon="database-import",
    synonyms="table database insert update write store create add row base enregistrer ajouter créer mettre à jour ligne",
    effect="idempotent",
    params=DatabaseSaveParams,
    result={
        "id": N_("Id of the record"),
        "count": N_("Number of records saved"),
        "created": N_("Number of records added"),
        "updated": N_("Number of records updated"),
        "records": N_("The records, if a list was saved"),
    },
    sample={"id": "0190f3c2-7a1e-7c55-8000-5b0c1f0e2a11", "count": 1, "created": 1, "updated": 0, "records": []},
    sample_of=sample_of,
)
def database_save(ctx: StepContext, params: DatabaseSaveParams) -> Outcome:
    """One record saved: its columns are the result's. Running again under the same key adds nothing (`ctx.tables`)."""
    rows = _rows(params)
    if len(rows) > MAX_ROWS:
        raise StepError(f"At most {MAX_ROWS:,} records can be saved at once; there are {len(rows):,}.", permanent=True)
    saved = ctx.tables.save(params.table, rows, mode=params.mode, match=params.match)
    if not saved.records and rows:
        ctx.log(f"No record of “{params.table}” matched, so nothing was changed.", "warning")
    else:
        ctx.log(f"“{params.table}”: {saved.created} added, {saved.updated} changed.")
    return Done(_result(saved, many=isinstance(params.data, list)))


def _rows(params: DatabaseSaveParams) -> list[dict[str, object]]:
    return params.data if isinstance(params.data, list) else [params.data]


def _result(saved: Saved, *, many: bool) -> dict[str, object]:
    counts: dict[str, object] = {"count": len(saved.records), "created": saved.created, "updated": saved.updated}
    if not many and len(saved.records) == 1:
        return {**counts, **saved.records[0]}
    return {**counts, "records": saved.records}
