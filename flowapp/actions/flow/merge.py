"""Parallel branches come together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from flowapp.catalog import N_, Join, Outcome, Params, PastVisit, Reason, StepContext, action, ui
from flowapp.catalog.fields import OptionalDuration, until
from flowapp.texts import say


class MergeParams(Params):
    """Which branches are waited for, and how long at most."""

    mode: Literal["all", "first"] = Field(
        "all",
        json_schema_extra=ui(
            N_("Continue"),
            N_("Branches that were not taken are not waited for."),
            widget="select",
            choices=[
                ("all", N_("When all branches have arrived")),
                ("first", N_("When the first branch arrives; the others end here")),
            ],
        ),
    )
    timeout: OptionalDuration = Field(
        "",
        json_schema_extra=ui(
            N_("Wait at most"),
            N_(
                "After that, the branch “If it times out” is taken with the branches that have arrived. "
                "Leave empty to wait without a limit."
            ),
            widget="duration",
            placeholder="2 days",
            show_if={"mode": ["all"]},
        ),
    )


def explain(visit: PastVisit) -> list[Reason]:
    """Who has arrived, and who may still come."""
    if visit.arrived:
        reasons = [Reason(say("Arrived so far, from: %(steps)s.", steps=_listed(visit.arrived)))]
        if visit.under_way:
            reasons.append(Reason(say("Still running, at: %(steps)s.", steps=_listed(visit.under_way))))
        return reasons
    inputs = visit.output.get("inputs")
    if not inputs:
        return []
    steps = _listed(visit.name(step_id) for step_id in inputs)
    return [Reason(say("It continued with what arrived from: %(steps)s.", steps=steps))]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(name or "…" for name in names))


@action(
    "merge",
    label=N_("Merge"),
    description=N_("Joins parallel branches: continues once, when all of them or the first one has arrived."),
    group=N_("Flow"),
    icon="arrow-merge",
    synonyms="join combine together parallel fusionner joindre réunir",
    effect="pure",
    params=MergeParams,
    aliases=("join",),
    branches=("next", "timeout"),
    branch_if={"timeout": ("timeout", None)},
    result={"arrived": N_("Number of branches that arrived"), "inputs": N_("The result of each preceding step")},
    traits=frozenset({"merges"}),
    sample={"arrived": 2, "inputs": {}},
    explain=explain,
)
def merge(ctx: StepContext, params: MergeParams) -> Outcome:
    """Joins; the engine counts who can still come."""
    return Join(params.mode, until(ctx, params.timeout))
