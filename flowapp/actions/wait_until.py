"""Waits for a point in time."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from flowapp.actions.fields import Moment, wrong
from flowapp.actions.wait_time import RESULT
from flowapp.catalog import N_, Done, Outcome, Params, StepContext, Wait, action, ui
from flowapp.catalog.times import resolve_relative
from flowapp.errors import ExpressionError

UNTIL = ui(
    N_("Wait until"),
    N_("A date, a time, a field that holds one, or “+7 business days” from now."),
    widget="datetime",
    placeholder="2025-12-24T09:00",
)
OFFSET = ui(N_("Moved by"), N_("For example “-3 days” or “+2 business days”."), placeholder="-3 days", advanced=True)


class WaitUntilParams(Params):
    """`until` is read in the workflow's time zone; `offset` moves it."""

    until: Moment = Field(min_length=1, json_schema_extra=UNTIL)
    offset: Moment = Field("", json_schema_extra=OFFSET)


@action(
    "wait_until",
    label=N_("Wait until"),
    description=N_("Waits until a date and time, also one that a field holds; goes on at once where it has passed."),
    group=N_("Flow"),
    icon="calendar-time",
    effect="pure",
    params=WaitUntilParams,
    result=RESULT,
)
def wait_until(ctx: StepContext, params: WaitUntilParams) -> Outcome:
    """Sleeps until the moment, if it lies ahead."""
    return sleep(ctx, moment(ctx, params.until, params.offset))


def moment(ctx: StepContext, until: str, offset: str) -> datetime:
    """The moment meant, aware, UTC. StepError (permanent) where it cannot be read."""
    try:
        found = resolve_relative(until, ctx.now(), ctx.timezone)
        return resolve_relative(offset, found, ctx.timezone) if offset.strip() else found
    except ExpressionError as error:
        raise wrong(error) from None


def sleep(ctx: StepContext, until: datetime) -> Outcome:
    """Wait where `until` lies ahead, else Done."""
    if until <= ctx.now():
        return Done({"until": until.isoformat(), "waited": False})
    return Wait(until, {"until": until.isoformat(), "waited": True})
