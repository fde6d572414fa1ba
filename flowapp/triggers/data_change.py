"""A record of a data table changed, whichever way: on a page, by an import, by a step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, field_validator

from flowapp.catalog import N_, Params, TriggerSpec, trigger, ui
from flowapp.catalog.record_triggers import changed, changes_of, is_named
from flowapp.texts import say

Operation = Literal["", "created", "updated", "deleted"]
_WRITTEN = {
    "create": "created", "insert": "created", "inserted": "created", "update": "updated", "change": "updated",
    "changed": "updated", "delete": "deleted", "remove": "deleted", "removed": "deleted", "any": "", "all": "", "*": "",
}  # fmt: skip
SAMPLE = {
    "table": "customers",
    "record_id": "0190f3c2-7a1e-7c55-8000-5b0c1f0e2a11",
    "record": {"id": "0190f3c2-7a1e-7c55-8000-5b0c1f0e2a11", "name": "Ada Lovelace", "plan": "gold"},
}


class DataChangeParams(Params):
    """Which changes."""

    table: str = Field(min_length=1, max_length=200, json_schema_extra=ui(N_("Data table"), widget="table", plain=True))
    operation: Operation = Field(
        "",
        json_schema_extra=ui(
            N_("What happens"),
            widget="select",
            choices=[
                ("", N_("Anything")),
                ("created", N_("A record is added")),
                ("updated", N_("A record is changed")),
                ("deleted", N_("A record is deleted")),
            ],
        ),
    )
    fields: list[str] = Field(
        [],
        max_length=50,
        json_schema_extra=ui(
            N_("Columns"),
            N_("Of a changed record. Leave empty for any column."),
            widget="lines",
            plain=True,
            depends_on="table",
            show_if={"operation": ["", "updated"]},
        ),
    )

    @field_validator("operation", mode="before")
    @classmethod
    def _named_so(cls, value: object) -> object:
        word = value.strip().lower() if isinstance(value, str) else value
        return _WRITTEN.get(word, word) if isinstance(word, str) else value

    @field_validator("fields", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        if isinstance(value, str):
            return [part.strip() for part in value.replace("\n", ",").split(",") if part.strip()]
        return value


def matches(config: DataChangeParams, event: Mapping[str, object]) -> bool:
    """Whether it is such a change of a record of the table."""
    verb = str(event["type"]).rpartition(".")[2]
    if config.operation not in ("", verb) or not is_named(config.table, event, "table", "table_name", "table_id"):
        return False
    return verb != "updated" or not config.fields or any(name in changes_of(event) for name in config.fields)


def summary(config: DataChangeParams) -> str:
    """The table and the operation."""
    words = {"created": say("added"), "updated": say("changed"), "deleted": say("deleted")}
    return " · ".join(
        part for part in (config.table, words.get(config.operation, ""), ", ".join(config.fields)) if part
    )


trigger(
    TriggerSpec(
        type="data_change",
        label=N_("Data table changed"),
        description=N_("A record of a data table is added, changed or deleted."),
        group=N_("Data"),
        icon="database-edit",
        source="event",
        params=DataChangeParams,
        sample=changed(SAMPLE, plan=("silver", "gold")),
        aliases=("data_changed", "record_changed"),
        param_aliases={
            "table_name": "table", "model": "table", "event": "operation", "columns": "fields", "field": "fields",
        },
        listens=lambda config: f"table.record.{config.operation}" if config.operation else "table.*",
        matches=matches,
        summary=summary,
    )
)  # fmt: skip
