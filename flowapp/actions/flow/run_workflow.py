"""Runs another workflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from pydantic import Field

from flowapp.catalog import N_, Done, Fail, Outcome, Params, PastVisit, Reason, StepContext, Suspend, action, ui
from flowapp.catalog.fields import OptionalDuration, Text, until
from flowapp.texts import Parts, labelled, restored, say

_GOOD = ("completed", "goal_reached")


class RunWorkflowParams(Params):
    """`input` is what the other workflow starts with: named values, or an expression that gives any value."""

    workflow: Text = Field(
        min_length=1,
        max_length=200,
        json_schema_extra=ui(N_("Workflow"), N_("It must be published."), widget="workflow"),
    )
    input: object = Field(
        default_factory=dict,
        json_schema_extra=ui(N_("Input"), N_("What the other workflow starts with."), widget="keyvalue"),
    )
    wait: bool = Field(
        True, json_schema_extra=ui(N_("Wait until it has finished"), N_("Its result then becomes this step's result."))
    )
    timeout: OptionalDuration = Field(
        "",
        json_schema_extra=ui(
            N_("Wait at most"),
            N_(
                "After that, the branch “If it times out” is taken; the other workflow keeps running. "
                "Leave empty to wait without a limit."
            ),
            widget="duration",
            placeholder="2 hours",
            show_if={"wait": ["true"]},
        ),
    )


def explain(visit: PastVisit) -> list[Reason]:
    """Leads to the other execution."""
    execution_id = str((visit.output or visit.kept).get("execution_id") or "")
    return [Reason(say("The execution of the other workflow"), execution_id=execution_id)] if execution_id else []


@action(
    "run_workflow",
    label=N_("Run another workflow"),
    description=N_("Starts another workflow with values from this one, and waits for its result or continues."),
    group=N_("Flow"),
    icon="sitemap",
    synonyms="child call start sub-workflow lancer appeler sous-processus enfant",
    effect="idempotent",
    params=RunWorkflowParams,
    aliases=("sub_workflow", "subworkflow", "execute_workflow"),
    branches=("next", "timeout"),
    branch_if={"timeout": ("timeout", None)},
    result={
        "execution_id": N_("Id of its execution"),
        "status": N_("Its final status"),
        "output": N_("Its result"),
    },
    param_aliases={"workflow_id": "workflow", "input_data": "input"},
    sample={"execution_id": "0190f3c2-7a1e-7c55-8000-5b0c1f0e2a11", "status": "completed", "output": None},
    runs="workflow",
    explain=explain,
)
def run_workflow(ctx: StepContext, params: RunWorkflowParams) -> Outcome:
    """Starts it, once for each attempt; the end of it comes as a signal."""
    execution_id = ctx.workflows.start(params.workflow, params.input, wait=params.wait)
    result: dict[str, object] = {"execution_id": execution_id, "status": "pending", "output": None}
    if not params.wait:
        return Done(result)
    child = ctx.signal.payload if ctx.signal else {}
    if isinstance(child, dict) and child.get("execution_id") == execution_id:
        return _ended(child)
    # Nothing yet, or the late end of another one that this token had given up waiting for.
    waits_for = say("the workflow “%(name)s”", name=params.workflow)
    return Suspend(waits_for, ("child",), until(ctx, params.timeout), result={**result, "status": "running"})


def _ended(child: dict[str, object]) -> Outcome:
    if child["status"] in _GOOD:
        return Done({name: child[name] for name in ("execution_id", "status", "output")})
    details = {"execution_id": child["execution_id"]}
    return Fail(_why(str(child["status"]), _error_of(child)), details=details)


def _error_of(child: Mapping[str, object]) -> str:
    made_of = child.get("error_parts")
    return restored(str(child.get("error") or ""), cast(Parts, made_of) if isinstance(made_of, dict) else None)


def _why(status: str, error: str) -> str:
    if status == "cancelled":
        ended = say("The workflow that it ran was cancelled")
    else:
        ended = say("The workflow that it ran ended as %(status)s", status=say(status.replace("_", " ")))
    return labelled(ended, error) if error else say("%(sentence)s.", sentence=ended)
