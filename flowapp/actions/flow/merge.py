"""Parallel branches come together."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from flowapp.catalog import N_, Join, Outcome, Params, StepContext, action, ui
from flowapp.catalog.fields import OptionalDuration, until


class MergeParams(Params):
    """Which branches are waited for, and how long at most."""

    mode: Literal["all", "first"] = Field(
        "all",
        json_schema_extra=ui(
            N_("Go on"),
            N_("A branch that was not taken is not waited for."),
            widget="select",
            choices=[
                ("all", N_("When every branch has arrived")),
                ("first", N_("When the first branch has arrived; the others end here")),
            ],
        ),
    )
    timeout: OptionalDuration = Field(
        "",
        json_schema_extra=ui(
            N_("Wait no longer than"),
            N_("Then the flow goes on along “If nothing came in time” with who is here. Empty: as long as it takes."),
            widget="duration",
            placeholder="2 days",
            show_if={"mode": ["all"]},
        ),
    )


@action(
    "merge",
    label=N_("Merge"),
    description=N_("Brings parallel branches together: goes on once, when all of them or the first has arrived."),
    group=N_("Flow"),
    icon="arrow-merge",
    effect="pure",
    params=MergeParams,
    aliases=("join",),
    branches=("next", "timeout"),
    branch_if={"timeout": ("timeout", None)},
    result={"arrived": N_("How many branches have arrived"), "inputs": N_("What each step before gave")},
)
def merge(ctx: StepContext, params: MergeParams) -> Outcome:
    """Joins; the engine counts who can still come."""
    return Join(params.mode, until(ctx, params.timeout))
