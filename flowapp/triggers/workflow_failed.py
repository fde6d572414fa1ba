"""An execution failed: of any workflow, or of the one that the settings name."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from flowapp.catalog import N_, Params, TriggerSpec, trigger, ui
from flowapp.catalog.record_triggers import is_named


class WorkflowFailedParams(Params):
    """Which workflows."""

    workflow: str = Field(
        "",
        max_length=200,
        json_schema_extra=ui(
            N_("Workflow"),
            N_("Leave empty for any workflow."),
            widget="workflow",
            plain=True,
            choices=[("", N_("Any"))],
        ),
    )


def matches(config: WorkflowFailedParams, event: Mapping[str, object]) -> bool:
    """Whether it is the workflow that is meant."""
    return is_named(config.workflow, event, "workflow_id", "workflow_name", "workflow_number")


trigger(
    TriggerSpec(
        type="workflow_failed",
        label=N_("Workflow failed"),
        description=N_("An execution of another workflow fails. Failures of this workflow itself start nothing."),
        group=N_("Data"),
        icon="alert-triangle",
        source="event",
        params=WorkflowFailedParams,
        sample={
            "workflow_id": "0190f3c2-7a1e-7c55-8000-5b0c1f0e2a11",
            "step_id": "send",
            "error": "The mail server does not respond.",
        },
        aliases=("execution_failed",),
        param_aliases={"workflow_id": "workflow"},
        listens=lambda _config: "automation.execution.failed",
        matches=matches,
        summary=lambda config: str(config.workflow),
    )
)
