"""Makes new data out of data."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, model_validator

from flowapp.actions.data.transform_data.base import Work, set_path
from flowapp.actions.data.transform_data.operation import Operation
from flowapp.actions.data.transform_data.transforms import apply
from flowapp.catalog import N_, Done, Outcome, Params, StepContext, action, ui
from flowapp.catalog.rows import RowSamples
from flowapp.errors import StepError
from flowapp.texts import say


class TransformDataParams(Params):
    """`operations` one after the other, then `set`. Without `data`, operations work on the input, `set` on nothing."""

    data: object = Field(
        None,
        json_schema_extra=ui(
            N_("Data"), N_("Leave empty to use the workflow's input."), placeholder="{{ steps.query.results }}"
        ),
    )
    operations: list[Operation] = Field(
        [],
        max_length=100,
        json_schema_extra=ui(N_("Operations"), N_("Run in order; “item” is the record."), widget="rows", raw=True),
    )
    set: dict[str, object] = Field(
        {},
        json_schema_extra=ui(N_("Set fields"), N_("Names and values; values can be expressions."), widget="keyvalue"),
    )
    hmac_key: str = Field(
        "",
        json_schema_extra=ui(
            N_("HMAC key"),
            N_("Used by the operation “Hash” to sign with HMAC."),
            widget="secret",
            advanced=True,
        ),
    )

    @model_validator(mode="after")
    def _something(self) -> TransformDataParams:
        if not self.operations and not self.set and self.data is None:
            raise ValueError(say("Set a field or add an operation."))
        if not self.hmac_key and any(op.op == "hash" and op.algorithm.startswith("hmac") for op in self.operations):
            raise ValueError(say("HMAC needs a key: fill in “HMAC key”."))
        return self


SAMPLE_WORK = 2**20  # for an example: a page that is shown waits for it


def sample_of(ctx: StepContext, params: TransformDataParams) -> object:
    """What it makes of the examples that it gets."""
    return _transformed(Work(ctx, params.hmac_key, SAMPLE_WORK, SAMPLE_WORK), params)


def _given(ctx: StepContext, params: Mapping[str, object]) -> object:
    return ctx.render("{{ input }}") if params.get("data") is None else params["data"]


def _made(ctx: StepContext, params: TransformDataParams) -> object:
    return _operated(Work(ctx, params.hmac_key, SAMPLE_WORK, SAMPLE_WORK), params)


@action(
    "transform_data",
    label=N_("Transform data"),
    description=N_(
        "Sets, renames, filters, sorts, groups, merges and calculates; converts text, numbers, dates, JSON and CSV."
    ),
    group=N_("Data"),
    icon="transform",
    synonyms="set format convert calculate rename variable edit fields map json csv formula date transformer calculer convertir formater champ",
    effect="pure",
    params=TransformDataParams,
    sample_of=sample_of,
    row_samples=RowSamples(_given, _made),
    result={"": N_("The new data: an object, a list or a value")},
)
def transform_data(ctx: StepContext, params: TransformDataParams) -> Outcome:
    """The result is the data itself, so that later steps find its fields directly."""
    return Done(_transformed(Work(ctx, params.hmac_key), params))


def _operated(work: Work, params: TransformDataParams) -> object:
    data: object = {}
    if params.data is not None or params.operations:
        data = work.ctx.render("{{ input }}") if params.data is None else params.data
    return apply(work, params.operations, data)


def _transformed(work: Work, params: TransformDataParams) -> object:
    data = _operated(work, params)
    if not params.set:
        return data
    if not isinstance(data, dict):
        raise StepError(
            say("“set” needs an object to set fields in. Use the operation “set” for lists."), permanent=True
        )
    for path, value in params.set.items():
        data = set_path(data, path, value)
    return data
