"""Every kind of wait under one name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from flowapp.actions.time.family import ASKED, LENGTHS, WAITS
from flowapp.actions.time.wait_condition import TIMEOUT, WaitConditionParams, wait_condition
from flowapp.actions.time.wait_event import WaitEventParams, explain, question, wait_event
from flowapp.actions.time.wait_time import Length, OnlyOpen, WaitTimeParams, wait_time
from flowapp.actions.time.wait_until import AT, OFFSET, UNTIL, Clock, WaitUntilParams, When, wait_until
from flowapp.catalog import N_, Outcome, Params, StepContext, action, get_action, ui, ui_of
from flowapp.catalog.fields import Duration, Lines, Moment
from flowapp.texts import say

Kind = Literal["time", "until", "condition", "url", "approval", "event"]
_SIGNALLED = ["condition", "url", "approval", "event"]
_GIVEN = {
    "until": "until",
    "conditions": "condition",
    "role": "approval",
    "members": "approval",
    "events": "event",
    "event": "event",
}


def kind_of(params: Mapping[str, object]) -> str:
    """The kind that stored params mean: what they say, else what they are about."""
    if params.get("kind"):
        return str(params["kind"])
    if params.get("duration") not in (None, ""):
        return "time"
    return next((kind for name, kind in _GIVEN.items() if params.get(name)), "time")


def _when(kinds: list[str], hints: dict[str, Any]) -> dict[str, Any]:
    """The same hints, for the form that has every kind."""
    return {"ui": {**hints["ui"], "show_if": {"kind": kinds}}}


def _hints(model: type[Params], name: str) -> dict[str, Any]:
    return {"ui": ui_of(model, name)}


class WaitParams(WaitTimeParams, WaitUntilParams, WaitConditionParams, WaitEventParams):
    """`kind` follows from what is given where it is not said; the rest is as in the kinds' own steps."""

    kind: Kind = Field(  # type: ignore[assignment]
        "time",
        json_schema_extra=ui(
            N_("Wait for"),
            widget="select",
            choices=[
                ("time", N_("A duration")),
                ("until", N_("A date and time")),
                ("condition", N_("A condition")),
                ("event", N_("An event")),
                ("approval", N_("An approval")),
                ("url", N_("A call to a URL")),
            ],
        ),
    )
    duration: Length = Field(
        "",
        validate_default=False,
        json_schema_extra={
            "ui": {**_hints(WaitTimeParams, "duration")["ui"], "label": N_("Duration"), "show_if": {"kind": ["time"]}}
        },
    )
    until: When = Field("", json_schema_extra=_when(["until"], UNTIL))
    offset: Moment = Field("", json_schema_extra=_when(["until"], OFFSET))
    at: Clock = Field("", json_schema_extra=_when(["until"], AT))
    only_business_hours: OnlyOpen = Field(
        False, json_schema_extra=_when(["time", "until"], _hints(WaitTimeParams, "only_business_hours"))
    )
    conditions: dict[str, object] | list[object] | None = Field(  # type: ignore[assignment]
        None, json_schema_extra=_when(["condition"], _hints(WaitConditionParams, "conditions"))
    )
    events: Lines = Field(
        [], max_length=20, json_schema_extra=_when(["condition", "event"], _hints(WaitEventParams, "events"))
    )
    timeout: Duration = Field("", validate_default=False, json_schema_extra=_when(_SIGNALLED, TIMEOUT))

    @model_validator(mode="before")
    @classmethod
    def _read_kind(cls, data: object) -> object:
        """Leaves empty fields of the form out of account."""
        if not isinstance(data, dict):
            return data
        given = {name: value for name, value in data.items() if value != ""}
        if "event" in given:
            given.setdefault("events", given.pop("event"))
        return {**given, "kind": kind_of(given)}

    @model_validator(mode="after")
    def _complete(self) -> WaitParams:
        if self.kind == "time" and self.duration == "":
            raise ValueError(say("Enter how long to wait, for example “2 days”."))
        if self.kind == "until" and not self.until.strip():
            raise ValueError(say("Enter when the wait ends."))
        if self.kind == "condition" and not self.conditions:
            raise ValueError(say("Add the conditions that end the wait."))
        if self.kind == "event" and not self.events:
            raise ValueError(say("Enter the events to wait for, for example contact.updated."))
        return self


def _branches(params: Mapping[str, object]) -> list[str]:
    kind = kind_of(params)
    own = get_action("wait_event").own_branches
    return own({**params, "kind": kind}) if own and kind in ("url", "approval", "event") else ["next"]


@action(
    "wait",
    label=N_("Wait (any kind)"),
    description=N_("Waits for a duration, a date, a condition, an event, an approval or a call to a URL."),
    group=N_("Flow"),
    icon="clock-pause",
    synonyms="pause delay sleep hold attendre délai",
    effect="idempotent",
    params=WaitParams,
    branches=("*", "timeout"),
    own_branches=_branches,
    branch_if={"timeout": ("timeout", None)},
    param_aliases={**LENGTHS, **ASKED},
    kinds=WAITS,
    traits=frozenset({"waits"}),
    question=question,
    explain=explain,
    sample={
        "until": "2026-03-31T09:00:00+00:00",
        "matched": True,
        "payload": None,
        "decision": "approved",
    },
    result={
        "until": N_("When it continues"),
        "matched": N_("Whether the conditions are met"),
        "payload": N_("Data from the call or the event"),
        "decision": N_("Approval: approved or rejected"),
    },
)
def wait(ctx: StepContext, params: WaitParams) -> Outcome:
    """As the kind's own step does."""
    if params.kind == "time":
        return wait_time(ctx, params)
    if params.kind == "until":
        return wait_until(ctx, params)
    return wait_condition(ctx, params) if params.kind == "condition" else wait_event(ctx, params)
