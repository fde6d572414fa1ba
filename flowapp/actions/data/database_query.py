"""Reads records of the project's data tables: by choosing in a form, or by SQL."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from flowapp.catalog import N_, Done, Outcome, Params, StepContext, action, ui
from flowapp.catalog.context import Found
from flowapp.catalog.fields import Lines
from flowapp.catalog.sql_expressions import bind
from flowapp.texts import say

MAX_ROWS = 10_000
_BUILDER, _SQL = {"mode": ["builder"]}, {"mode": ["sql"]}


class DatabaseQueryParams(Params):
    """`query` alone means mode sql. Expressions in the query become bound parameters, never SQL."""

    mode: Literal["builder", "sql"] = Field(
        "builder",
        json_schema_extra=ui(
            N_("Method"),
            widget="select",
            choices=[("builder", N_("Choose a table and filters")), ("sql", N_("Write SQL"))],
        ),
    )
    table: str = Field("", max_length=64, json_schema_extra=ui(N_("Table"), widget="table", show_if=_BUILDER))
    where: dict[str, object] = Field(
        {},
        json_schema_extra=ui(
            N_("Where"),
            N_("Each column and the value it must have."),
            widget="keyvalue",
            depends_on="table",
            show_if=_BUILDER,
        ),
    )
    columns: Lines = Field(
        [],
        json_schema_extra=ui(
            N_("Columns"),
            N_("Leave empty for all."),
            widget="lines",
            depends_on="table",
            advanced=True,
            show_if=_BUILDER,
        ),
    )
    order_by: str = Field("", max_length=64, json_schema_extra=ui(N_("Sort by"), depends_on="table", show_if=_BUILDER))
    descending: bool = Field(False, json_schema_extra=ui(N_("Largest first"), widget="checkbox", show_if=_BUILDER))
    query: str = Field(
        "",
        max_length=20_000,
        json_schema_extra=ui(
            N_("SQL"),
            N_("A SELECT on this project's tables, in PostgreSQL syntax. Use :name for a parameter."),
            widget="sql",
            raw=True,
            placeholder="SELECT * FROM contacts WHERE city = :city",
            show_if=_SQL,
        ),
    )
    params: dict[str, object] = Field({}, json_schema_extra=ui(N_("Parameters"), widget="keyvalue", show_if=_SQL))
    limit: int = Field(
        100, ge=1, le=MAX_ROWS, json_schema_extra=ui(N_("Limit"), N_("Maximum number of records."), widget="number")
    )

    @model_validator(mode="before")
    @classmethod
    def _mode(cls, data: object) -> object:
        if isinstance(data, dict) and "mode" not in data and data.get("query"):
            return {"limit": 1000, **data, "mode": "sql"}
        return data

    @model_validator(mode="after")
    def _complete(self) -> DatabaseQueryParams:
        if self.mode == "builder" and not self.table:
            raise ValueError(say("Choose the table to read, or write a query."))
        if self.mode == "sql" and not self.query.strip():
            raise ValueError(say("Enter the query, for example SELECT * FROM contacts."))
        return self


def sample_of(ctx: StepContext, params: DatabaseQueryParams) -> object:
    """What it finds in the examples of the tables."""
    return _result(_found(ctx, params))


@action(
    "database_query",
    label=N_("Find records"),
    description=N_("Reads records of your data tables."),
    group=N_("Data"),
    icon="database-search",
    synonyms="table database query search read select look up list sql base chercher lire requête rechercher",
    effect="pure",
    params=DatabaseQueryParams,
    result={
        "results": N_("The records found"),
        "count": N_("Number of records that match"),
        "truncated": N_("Whether more records match than the limit allows"),
        "first": N_("The first record; empty if there is none"),
    },
    sample={"results": [], "count": 1, "truncated": False, "first": {}},
    sample_of=sample_of,
)
def database_query(ctx: StepContext, params: DatabaseQueryParams) -> Outcome:
    """Reads and changes nothing."""
    found = _found(ctx, params)
    rows = found.records
    truncated = found.count > len(rows)
    if truncated:
        ctx.log(
            say(
                "%(count)s records match; these are the first %(shown)s. Raise the limit, or narrow the search.",
                count=found.count,
                shown=len(rows),
            ),
            "warning",
        )
    return Done(_result(found))


def _found(ctx: StepContext, params: DatabaseQueryParams) -> Found:
    if params.mode == "sql":
        sql, bound = bind(ctx, params.query, params.params)
        return ctx.tables.query(sql, bound, limit=params.limit)
    return ctx.tables.select(
        params.table,
        where=params.where,
        columns=params.columns,
        order_by=params.order_by,
        descending=params.descending,
        limit=params.limit,
    )


def _result(found: Found) -> dict[str, object]:
    rows = found.records
    first = rows[0] if rows else None
    return {"results": rows, "count": found.count, "truncated": found.count > len(rows), "first": first}
