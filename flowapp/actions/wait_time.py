"""Waits for a length of time."""

from __future__ import annotations

from pydantic import Field

from flowapp.actions.fields import Duration, wrong
from flowapp.catalog import N_, Outcome, Params, StepContext, Wait, action, ui
from flowapp.catalog.times import parse_duration
from flowapp.errors import ExpressionError

RESULT = {"until": N_("When it goes on"), "waited": N_("Whether it had to wait")}


class WaitTimeParams(Params):
    """How long, up to ten years."""

    duration: Duration = Field(
        json_schema_extra=ui(
            N_("Wait for"),
            N_("For example “90 seconds”, “2 days” or “1h30m”."),
            widget="duration",
            placeholder="2 days",
        )
    )


@action(
    "wait_time",
    label=N_("Wait"),
    description=N_("Waits for minutes, hours or days before it goes on."),
    group=N_("Flow"),
    icon="hourglass",
    effect="pure",
    params=WaitTimeParams,
    aliases=("delay",),
    result=RESULT,
)
def wait_time(ctx: StepContext, params: WaitTimeParams) -> Outcome:
    """Sleeps; the time is counted from now."""
    try:
        until = ctx.now() + parse_duration(params.duration)
    except ExpressionError as error:
        raise wrong(error) from None
    return Wait(until, {"until": until.isoformat(), "waited": True})
