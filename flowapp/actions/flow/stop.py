"""Ends the whole execution."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from flowapp.catalog import N_, Outcome, Params, StepContext, Stop, action, ui
from flowapp.catalog.fields import Text


class StopParams(Params):
    """How it ends."""

    status: Literal["completed", "failed", "cancelled"] = Field(
        "completed",
        json_schema_extra=ui(
            N_("Status"),
            widget="select",
            choices=[("completed", N_("Completed")), ("failed", N_("Failed")), ("cancelled", N_("Cancelled"))],
        ),
    )
    message: Text = Field("", json_schema_extra=ui(N_("Message"), N_("Shown with the execution.")))
    output: object = Field(None, json_schema_extra=ui(N_("Output"), N_("The result of the execution."), advanced=True))


@action(
    "stop",
    label=N_("Stop"),
    description=N_("Ends the execution here, parallel branches included."),
    group=N_("Flow"),
    icon="player-stop",
    synonyms="end exit finish halt quit arrêter fin terminer",
    effect="pure",
    params=StopParams,
    branches=(),
)
def stop(_ctx: StepContext, params: StopParams) -> Outcome:
    """Ends the execution with its status."""
    return Stop(params.status, params.message, params.output)
