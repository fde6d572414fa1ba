"""One operation of `transform_data`, as a row of its form."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from flowapp.actions.fields import Lines
from flowapp.catalog import N_, ui
from flowapp.texts import either, say

Name = Literal[
    "set", "rename", "pick", "remove", "default", "map", "filter", "sort", "limit", "dedupe", "aggregate", "group",
    "merge", "split", "split_out",
]  # fmt: skip
_NEEDS: dict[str, tuple[str, ...]] = {
    "set": ("values", "field"),
    "rename": ("values", "field"),
    "default": ("values", "field"),
    "pick": ("fields",),
    "remove": ("fields",),
    "map": ("value",),
    "filter": ("conditions",),
    "limit": ("count",),
    "group": ("field",),
    "merge": ("value",),
    "split_out": ("field",),
}


def _only(*names: str) -> dict[str, list[str]]:
    return {"op": list(names)}


class Operation(BaseModel):
    """One operation. Fields are dotted paths; in `value`, `values` and `conditions`, `item` is the record at hand."""

    model_config = ConfigDict(extra="forbid")

    op: Name = Field(
        json_schema_extra=ui(
            N_("Operation"),
            widget="select",
            choices=[
                ("set", N_("Set a field")),
                ("rename", N_("Rename a field")),
                ("pick", N_("Keep only some fields")),
                ("remove", N_("Remove fields")),
                ("default", N_("Fill an empty field")),
                ("map", N_("Make something of each item")),
                ("filter", N_("Keep the items that fit")),
                ("sort", N_("Sort the items")),
                ("limit", N_("Keep the first items")),
                ("dedupe", N_("Remove doubles")),
                ("aggregate", N_("Calculate over the items")),
                ("group", N_("Group the items")),
                ("merge", N_("Add other data")),
                ("split", N_("Split text into a list")),
                ("split_out", N_("Make a list in a field into items")),
            ],
        )
    )
    field: str = Field(
        "",
        json_schema_extra=ui(
            N_("Field"),
            show_if=_only(
                "set", "rename", "default", "sort", "dedupe", "aggregate", "group", "merge", "split", "split_out"
            ),
        ),
    )
    to: str = Field(
        "", json_schema_extra=ui(N_("New name"), show_if=_only("rename", "aggregate", "split", "split_out"))
    )
    value: Any = Field(None, json_schema_extra=ui(N_("Value"), show_if=_only("set", "default", "map", "merge")))
    values: dict[str, Any] = Field({}, json_schema_extra=ui(N_("Several fields"), widget="keyvalue", advanced=True))
    fields: Lines = Field([], json_schema_extra=ui(N_("Fields"), widget="lines", show_if=_only("pick", "remove")))
    conditions: Any = Field(None, json_schema_extra=ui(N_("Conditions"), widget="conditions", show_if=_only("filter")))
    function: Literal["sum", "avg", "min", "max", "count", "first", "last"] = Field(
        "sum", json_schema_extra=ui(N_("Calculate"), widget="select", show_if=_only("aggregate"))
    )
    count: int | str | None = Field(None, json_schema_extra=ui(N_("How many"), widget="number", show_if=_only("limit")))
    descending: bool = Field(False, json_schema_extra=ui(N_("Largest first"), widget="checkbox", show_if=_only("sort")))
    separator: str = Field(",", json_schema_extra=ui(N_("Separator"), show_if=_only("split")))

    @model_validator(mode="after")
    def _complete(self) -> Operation:
        needs = _NEEDS.get(self.op, ())
        if needs and not any(getattr(self, name) not in (None, "", [], {}) for name in needs):
            raise ValueError(say("“%(op)s” needs %(names)s.", op=self.op, names=either(needs)))
        if self.op == "rename" and not self.values and not self.to:
            raise ValueError(say("“rename” needs the new name in to."))
        return self
