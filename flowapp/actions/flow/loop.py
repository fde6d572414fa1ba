"""Does the same for each item of a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from flowapp.catalog import N_, Each, Outcome, Params, PastVisit, Reason, StepContext, action, ui
from flowapp.texts import say
from flowapp.values.lists import as_list

SHOWN_ERRORS = 10


class LoopParams(Params):
    """`items` is a list, or JSON text of one; an object counts as the list of its {"key", "value"}, null as the empty list.

    A single value is a list of one.
    """

    items: object = Field(
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


def known_items(params: Mapping[str, object]) -> list[object]:
    """The items, as far as params tell before the loop runs."""
    items, size = params.get("items"), params.get("batch_size")
    if not isinstance(items, list):
        return []
    return [items[:size]] if isinstance(size, int) and items else items


def explain(visit: PastVisit) -> list[Reason]:
    """How far it is, or how it went; the first of its errors."""
    if visit.loop:
        values = {"done": visit.loop["ok"] + visit.loop["failed"], "total": visit.loop["total"]}
        told = say("Items completed: %(done)s of %(total)s; failed: %(failed)s.", **values, failed=visit.loop["failed"])
        return [Reason(told), *_errors(visit.loop["errors"])]
    if "count" not in visit.output:
        return []
    told = say("Items: %(done)s; failed: %(failed)s.", done=visit.output["count"], failed=visit.output.get("failed", 0))
    return [Reason(told), *_errors(visit.output.get("errors"))]


def _errors(errors: Sequence[Mapping[str, Any]] | None) -> list[Reason]:
    return [
        Reason(say("Item %(number)s: %(error)s", number=error["index"] + 1, error=error["error"]))
        for error in (errors or ())[:SHOWN_ERRORS]
    ]


@action(
    "loop",
    label=N_("Loop over a list"),
    description=N_("Runs the steps under “For each” once for each entry of a list, then continues."),
    group=N_("Flow"),
    icon="repeat",
    synonyms="repeat each every list iterate array répéter chaque pour liste",
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
    param_aliases={"list": "items", "collection": "items"},
    sample={"count": 2, "ok": 2, "failed": 0, "results": [], "errors": []},
    items=known_items,
    explain=explain,
)
def loop(_ctx: StepContext, params: LoopParams) -> Outcome:
    """Hands the items to the engine."""
    items = _listed(params.items)
    if params.batch_size:
        size = params.batch_size
        items = [items[at : at + size] for at in range(0, len(items), size)]
    return Each(items, params.at_once, params.on_item_error == "continue")


def _listed(value: object) -> list[object]:
    if isinstance(value, dict):
        return [{"key": key, "value": entry} for key, entry in value.items()]
    return as_list(value)
