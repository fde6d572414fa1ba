"""Does the same for each item of a list."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from flowapp.catalog import N_, Each, Outcome, Params, StepContext, action, ui
from flowapp.errors import StepError


class LoopParams(Params):
    """`items` is a list; an object counts as the list of its {"key", "value"}, null as the empty list."""

    items: Any = Field(
        json_schema_extra=ui(
            N_("List"),
            N_("Steps under “For each” get each entry as “item” and its number, starting at 0, as “index”."),
            placeholder="{{ input.orders }}",
        )
    )
    batch_size: int | None = Field(
        None,
        ge=1,
        le=10_000,
        json_schema_extra=ui(
            N_("Batch size"),
            N_("“item” is then a list of this many entries. Leave empty for one at a time."),
            widget="number",
            advanced=True,
        ),
    )
    at_once: int = Field(
        1,
        ge=1,
        le=100,
        json_schema_extra=ui(
            N_("In parallel"), N_("How many items can run at the same time."), widget="number", advanced=True
        ),
    )
    on_item_error: Literal["stop", "continue"] = Field(
        "stop",
        json_schema_extra=ui(
            N_("If an item fails"),
            widget="select",
            choices=[("stop", N_("Stop the workflow")), ("continue", N_("Continue with the next item"))],
        ),
    )


@action(
    "loop",
    label=N_("Loop over a list"),
    description=N_("Runs the steps under “For each” once for each entry of a list, then continues."),
    group=N_("Flow"),
    icon="repeat",
    effect="pure",
    params=LoopParams,
    aliases=("for_each", "foreach", "boucle"),
    branches=("each", "done"),
    result={
        "count": N_("Number of items"),
        "ok": N_("Number of items completed"),
        "failed": N_("Number of items failed"),
        "results": N_("The last result of each item"),
        "errors": N_("What went wrong, with the item's number"),
    },
)
def loop(_ctx: StepContext, params: LoopParams) -> Outcome:
    """Hands the items to the engine."""
    items = _listed(params.items)
    if params.batch_size:
        size = params.batch_size
        items = [items[at : at + size] for at in range(0, len(items), size)]
    return Each(items, params.at_once, params.on_item_error == "continue")


def _listed(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return [{"key": key, "value": entry} for key, entry in value.items()]
    if value is None or value == "":
        return []
    shown = f"the text “{value[:50]}”" if isinstance(value, str) else f"{value}"
    raise StepError(f"A loop needs a list, such as {{{{ input.orders }}}}; this is {shown}.", permanent=True)
