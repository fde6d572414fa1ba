"""Writes a line to the execution's log."""

from __future__ import annotations

from pydantic import Field, field_validator

from flowapp.catalog import N_, Done, Outcome, Params, StepContext, action, ui
from flowapp.catalog.context import LogLevel
from flowapp.catalog.fields import Text


class LogParams(Params):
    """What to write."""

    message: Text = Field(json_schema_extra=ui(N_("Message"), widget="textarea"))
    level: LogLevel = Field(
        "info",
        json_schema_extra=ui(
            N_("Level"),
            widget="select",
            choices=[
                ("debug", N_("Debug")),
                ("info", N_("Info")),
                ("warning", N_("Warning")),
                ("error", N_("Error")),
                ("critical", N_("Critical")),
            ],
        ),
    )

    @field_validator("level", mode="before")
    @classmethod
    def _any_case(cls, level: object) -> object:
        return level.lower() if isinstance(level, str) else level


@action(
    "log",
    label=N_("Write to log"),
    description=N_("Writes a line to the execution's log."),
    group=N_("Flow"),
    icon="notes",
    synonyms="note trace print debug journal noter écrire",
    effect="pure",
    params=LogParams,
    result={"message": N_("The line that was written"), "level": N_("Its level")},
    sample={"message": "New answer from Ada", "level": "info"},
)
def log(ctx: StepContext, params: LogParams) -> Outcome:
    """Writes the line."""
    ctx.log(params.message, params.level)
    return Done({"message": params.message, "level": params.level})
