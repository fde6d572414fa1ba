"""Waits for a length of time or until a moment: both kinds under one name."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from flowapp.actions.fields import Duration, Moment
from flowapp.actions.wait_time import RESULT, WaitTimeParams, wait_time
from flowapp.actions.wait_until import OFFSET, UNTIL, WaitUntilParams, wait_until
from flowapp.catalog import N_, Outcome, Params, StepContext, action, ui
from flowapp.texts import say


class WaitParams(Params):
    """`kind` follows from what is given where it is not said."""

    kind: Literal["time", "until"] = Field(
        "time",
        json_schema_extra=ui(
            N_("Wait for"),
            widget="select",
            choices=[("time", N_("A length of time")), ("until", N_("A date and time"))],
        ),
    )
    duration: Duration = Field(
        "",
        validate_default=False,
        json_schema_extra=ui(N_("How long"), widget="duration", placeholder="2 days", show_if={"kind": ["time"]}),
    )
    until: Moment = Field("", json_schema_extra={"ui": {**UNTIL["ui"], "show_if": {"kind": ["until"]}}})
    offset: Moment = Field("", json_schema_extra={"ui": {**OFFSET["ui"], "show_if": {"kind": ["until"]}}})

    @model_validator(mode="before")
    @classmethod
    def _kind(cls, data: Any) -> Any:
        """Leaves the other kind's empty field of the form out of account."""
        if not isinstance(data, dict):
            return data
        given = {name: value for name, value in data.items() if name not in ("duration", "until") or value != ""}
        return {"kind": "until", **given} if given.get("until") and "duration" not in given else given

    @model_validator(mode="after")
    def _complete(self) -> WaitParams:
        if self.kind == "time" and self.duration == "":
            raise ValueError(say("Say how long to wait, for example “2 days”."))
        if self.kind == "until" and not self.until.strip():
            raise ValueError(say("Say until when to wait."))
        return self


@action(
    "wait",
    label=N_("Wait (either kind)"),
    description=N_("Waits for a length of time, or until a date and time."),
    group=N_("Flow"),
    icon="clock-pause",
    effect="pure",
    params=WaitParams,
    result=RESULT,
)
def wait(ctx: StepContext, params: WaitParams) -> Outcome:
    """Sleeps."""
    if params.kind == "time":
        return wait_time(ctx, WaitTimeParams(duration=params.duration))
    return wait_until(ctx, WaitUntilParams(until=params.until, offset=params.offset))
