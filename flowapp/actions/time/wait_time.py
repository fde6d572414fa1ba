"""Waits for a length of time."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from flowapp.actions.time.family import LENGTHS, WAITS
from flowapp.catalog import N_, Outcome, Params, StepContext, Wait, action, ui
from flowapp.catalog.fields import has_expression, wrong
from flowapp.catalog.hours import Hours, add, opening, parse_span
from flowapp.catalog.times import parse_duration
from flowapp.errors import ExpressionError

RESULT = {"until": N_("When it continues"), "waited": N_("Whether it had to wait")}
SAMPLE = {"until": "2026-03-31T09:00:00+00:00", "waited": True}


def _is_length(value: object) -> object:
    try:
        if not has_expression(value) and parse_span(value) is None:
            parse_duration(value)
    except ExpressionError as error:
        raise ValueError(error.message) from None
    return value


Length = Annotated[str | int | float, AfterValidator(_is_length)]
OnlyOpen = Annotated[
    bool,
    Field(
        json_schema_extra=ui(
            N_("Continue only in business hours"),
            N_("If the wait would end at night or on a holiday, it lasts until the next business day begins."),
            widget="checkbox",
            advanced=True,
        )
    ),
]


class WaitTimeParams(Params):
    """How long, up to ten years; business hours and days are those of the workflow's settings."""

    duration: Length = Field(
        json_schema_extra=ui(
            N_("Wait for"),
            N_("For example “90 seconds”, “2 days”, “1h30m”, “4 business hours” or “3 business days”."),
            widget="duration",
            placeholder="2 days",
        )
    )
    only_business_hours: OnlyOpen = False


@action(
    "wait_time",
    label=N_("Wait"),
    description=N_("Waits for minutes, hours or days."),
    group=N_("Flow"),
    icon="hourglass",
    synonyms="pause delay sleep timer later minutes hours days attendre délai temporiser plus tard",
    effect="pure",
    params=WaitTimeParams,
    aliases=("delay",),
    param_aliases=LENGTHS,
    kinds=WAITS,
    traits=frozenset({"waits"}),
    result=RESULT,
    sample=SAMPLE,
)
def wait_time(ctx: StepContext, params: WaitTimeParams) -> Outcome:
    """Sleeps; the time is counted from now, business time in the contact's zone."""
    hours = Hours.of(ctx.business_hours)
    try:
        span = parse_span(params.duration)
        until = add(ctx.now(), span, hours, ctx.timezone) if span else ctx.now() + parse_duration(params.duration)
        if params.only_business_hours:
            until = opening(until, hours, ctx.timezone)
    except ExpressionError as error:
        raise wrong(error) from None
    return Wait(until, {"until": until.isoformat(), "waited": True})
