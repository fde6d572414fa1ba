"""A task was done: any, or those of the type that the settings name."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from flowapp.catalog import N_, Params, TriggerSpec, trigger, ui
from flowapp.catalog.record_triggers import TASK_SAMPLE, named, view_of


class TaskCompletedParams(Params):
    """Which tasks."""

    type: str = Field(
        "",
        max_length=100,
        json_schema_extra=ui(N_("Type of task"), N_("Such as call. Leave empty for any."), plain=True),
    )


def matches(config: TaskCompletedParams, event: Mapping[str, object]) -> bool:
    """Whether it is a task of the type."""
    return named(config.type, view_of(event, "task").get("type"))


trigger(
    TriggerSpec(
        type="task_completed",
        label=N_("Task completed"),
        description=N_("Somebody, or a workflow, marks a task as done."),
        group=N_("CRM"),
        icon="checkbox",
        source="event",
        params=TaskCompletedParams,
        sample=TASK_SAMPLE,
        param_aliases={"task_type": "type", "activity_type": "type"},
        listens=lambda _config: "task.completed",
        matches=matches,
        summary=lambda config: str(config.type),
    )
)
