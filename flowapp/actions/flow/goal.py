"""The goal of a workflow: once reached, the execution ends as goal_reached."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import Field

from flowapp.catalog import N_, Done, Goal, Outcome, Params, StepContext, Suspend, action, ui
from flowapp.catalog.entities import CONTACT
from flowapp.catalog.fields import OptionalDuration, Text, until
from flowapp.errors import StepError
from flowapp.texts import say

_WAITING = {"unmet": ["wait"]}


class GoalParams(Params):
    """Without conditions the goal is reached by whoever comes here; with them, from anywhere once they hold."""

    name: Text = Field("", max_length=200, json_schema_extra=ui(N_("Goal name"), placeholder=N_("Became a customer")))
    conditions: dict[str, object] | list[object] | None = Field(
        None,
        json_schema_extra=ui(
            N_("Reached when"),
            N_(
                "A contact anywhere in this workflow jumps here as soon as this is true. Leave empty if "
                "getting here is enough."
            ),
            widget="conditions",
            raw=True,
        ),
    )
    value: Decimal | None = Field(
        None,
        max_digits=15,
        json_schema_extra=ui(N_("Value"), N_("What reaching the goal is worth, for statistics."), widget="number"),
    )
    unmet: Literal["continue", "wait"] = Field(
        "continue",
        json_schema_extra=ui(
            N_("If not reached yet"),
            N_("When an execution gets here before the goal is reached."),
            widget="select",
            choices=[("continue", N_("Continue")), ("wait", N_("Wait for it"))],
        ),
    )
    timeout: OptionalDuration = Field(
        "",
        json_schema_extra=ui(
            N_("Wait at most"),
            N_("After that, the branch “If it times out” is taken. Leave empty to wait without a limit."),
            widget="duration",
            placeholder="30 days",
            show_if=_WAITING,
        ),
    )


@action(
    "goal",
    label=N_("Goal"),
    description=N_(
        "The aim of the workflow. A contact who reaches it jumps here, and the execution counts as a success."
    ),
    group=N_("Flow"),
    icon="target-arrow",
    synonyms="aim conversion success target objectif but réussite",
    effect="pure",
    params=GoalParams,
    branches=("next", "timeout"),
    branch_if={"timeout": ("timeout", None)},
    param_aliases={"goal_value": "value", "goal_name": "name", "condition_config": "conditions"},
    result={
        "reached": N_("Whether the goal is reached"),
        "name": N_("Goal name"),
        "value": N_("What it is worth"),
    },
    sample={"reached": True, "name": "Became a customer", "value": 100},
    goal=lambda params: params.get("conditions"),
    ended_as=lambda output: "not_reached" if output.get("reached") is False else "",
)
def goal(ctx: StepContext, params: GoalParams) -> Outcome:
    """Reached, or not yet."""
    met = ctx.test(params.conditions)[0] if params.conditions else True
    if met:
        return Goal({"reached": True, "name": params.name or ctx.step_name, "value": _number(params.value)})
    result = {"reached": False, "name": params.name or ctx.step_name, "value": None}
    if params.unmet == "continue":
        return Done(result)
    about = CONTACT if ctx.contact_id else ctx.entity[0]
    if not about:
        raise StepError(say("There is no contact to wait for. Choose “Continue” instead."), permanent=True)
    events = (f"{about}.*",)
    return Suspend(
        say("the goal's conditions to hold"), ("event",), until(ctx, params.timeout), events=events, result=result
    )


def _number(value: Decimal | None) -> int | float | None:
    """The number as JSON has it; fifteen digits survive the way."""
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)
