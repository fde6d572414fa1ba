"""Waits for a point in time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from flowapp.actions.time.family import LENGTHS, WAITS
from flowapp.actions.time.wait_time import RESULT, SAMPLE, OnlyOpen
from flowapp.catalog import N_, Done, Outcome, Params, StepContext, Wait, action, ui
from flowapp.catalog.fields import Moment, Text, has_expression, is_moment, wrong
from flowapp.catalog.hours import Hours, at_time, opening, parse_clock, parse_next
from flowapp.catalog.times import resolve_relative
from flowapp.errors import ExpressionError

UNTIL = ui(
    N_("Wait until"),
    N_("A date such as 2026-12-31 09:00, a field that holds one, “next monday 09:00”, or “+7 business days” from now."),
    widget="datetime",
    placeholder="2026-12-31 09:00",
)
OFFSET = ui(N_("Offset"), N_("For example “-3 days” or “+2 business days”."), placeholder="-3 days", advanced=True)
AT = ui(N_("Time of day"), N_("For a date without a time, such as a birthday."), placeholder="09:00", advanced=True)


def _is_when(value: str) -> str:
    try:
        known = parse_next(value, datetime.now(UTC)) is not None
    except ExpressionError as error:
        raise ValueError(error.message) from None
    return value if known else is_moment(value)


def _is_clock(value: str) -> str:
    if not value.strip() or has_expression(value):
        return value
    try:
        return parse_clock(value).strftime("%H:%M")
    except ExpressionError as error:
        raise ValueError(error.message) from None


When = Annotated[Text, AfterValidator(_is_when)]
Clock = Annotated[Text, AfterValidator(_is_clock)]


class WaitUntilParams(Params):
    """`until` is read in the contact's time zone, else the organization's; `offset` moves it, `at` is its time of day."""

    until: When = Field(min_length=1, json_schema_extra=UNTIL)
    offset: Moment = Field("", json_schema_extra=OFFSET)
    at: Clock = Field("", json_schema_extra=AT)
    only_business_hours: OnlyOpen = False


@action(
    "wait_until",
    label=N_("Wait until"),
    description=N_("Waits until a date and time, which can come from a field. Continues at once if it is in the past."),
    group=N_("Flow"),
    icon="calendar-time",
    synonyms="pause delay schedule date later attendre délai jusque échéance",
    effect="pure",
    params=WaitUntilParams,
    param_aliases={**LENGTHS, "wait_until": "until", "wait_until_date": "until", "date": "until"},
    kinds=WAITS,
    traits=frozenset({"waits"}),
    result=RESULT,
    sample=SAMPLE,
)
def wait_until(ctx: StepContext, params: WaitUntilParams) -> Outcome:
    """Sleeps until the moment, if it lies ahead."""
    try:
        until = _moment(ctx, params)
    except ExpressionError as error:
        raise wrong(error) from None
    if until <= ctx.now():
        return Done({"until": until.isoformat(), "waited": False})
    return Wait(until, {"until": until.isoformat(), "waited": True})


def _moment(ctx: StepContext, params: WaitUntilParams) -> datetime:
    """The moment meant, aware, UTC."""
    hours, tz = Hours.of(ctx.business_hours), ctx.timezone

    def notation() -> str:
        return ctx.conventions().locale

    moment = parse_next(params.until, ctx.now(), tz, hours) or resolve_relative(params.until, ctx.now(), tz, notation)
    if params.offset.strip():
        moment = resolve_relative(params.offset, moment, tz)
    if params.at.strip():
        moment = at_time(moment, params.at, tz)
    return opening(moment, hours, tz) if params.only_business_hours else moment
