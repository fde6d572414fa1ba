"""Waits until conditions hold; they are tested again when an event arrives that may have changed something."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from flowapp.actions.time.family import LENGTHS, WAITS
from flowapp.catalog import N_, Branch, Outcome, Params, PastVisit, Reason, StepContext, Suspend, action, ui
from flowapp.catalog.entities import CONTACT
from flowapp.catalog.fields import Duration, Lines, wrong
from flowapp.catalog.times import parse_duration
from flowapp.errors import ExpressionError, StepError
from flowapp.texts import say

TIMEOUT = ui(
    N_("Limit"),
    N_("For example “3 days”. After that, the branch “If it times out” is taken. Leave empty to wait without a limit."),
    widget="duration",
    placeholder="3 days",
)


class WaitConditionParams(Params):
    """What must hold, and the events after which it is tested again."""

    conditions: dict[str, object] | list[object] = Field(
        json_schema_extra=ui(
            N_("Until"),
            N_("The contact is reloaded each time; “event” is the latest event, for example event.amount."),
            widget="conditions",
            raw=True,
        )
    )
    events: Lines = Field(
        [],
        max_length=20,
        json_schema_extra=ui(
            N_("Check again on"),
            N_(
                "Event types, one per line, such as contact.updated or order.*. Leave empty for any event "
                "about the same contact."
            ),
            widget="lines",
            suggest="events",
            advanced=True,
        ),
    )
    timeout: Duration = Field("", validate_default=False, json_schema_extra=TIMEOUT)


def explain(visit: PastVisit) -> list[Reason]:
    """What the conditions saw, last, and which event had them tested."""
    rules = visit.rules or visit.output.get("explanation") or visit.kept.get("explanation")
    event = visit.output.get("event")
    reasons = [Reason(rules=rules)] if rules else []
    if isinstance(event, dict) and event.get("type"):
        reasons.append(Reason(say("Checked when this event arrived: %(event)s.", event=str(event["type"]))))
    return reasons


@action(
    "wait_condition",
    label=N_("Wait for a condition"),
    description=N_("Waits until conditions are met, for example until a contact has changed in a certain way."),
    group=N_("Flow"),
    icon="clock-check",
    synonyms="pause delay until hold attendre délai jusque condition",
    effect="pure",
    params=WaitConditionParams,
    branches=("next", "timeout"),
    branch_if={"timeout": ("timeout", None)},
    param_aliases={
        **LENGTHS,
        "condition": "conditions",
        "condition_config": "conditions",
        "wait_condition": "conditions",
    },
    kinds=WAITS,
    traits=frozenset({"waits"}),
    result={
        "matched": N_("Whether the conditions are met"),
        "explanation": N_("Each condition with the values it compared"),
        "event": N_("The event that met the conditions, if any"),
    },
    sample={"matched": True, "explanation": [], "event": {"type": "contact.updated"}},
    explain=explain,
)
def wait_condition(ctx: StepContext, params: WaitConditionParams) -> Outcome:
    """Tests the conditions: goes on at once, or waits for the next event."""
    matched, explanation = ctx.test(params.conditions)
    event = ctx.signal.payload if ctx.signal else None
    result = {"matched": matched, "explanation": explanation, "event": event}
    if matched:
        return Branch("next", result)
    about = about_what(ctx)
    events = tuple(params.events) or ((f"{about}.*",) if about else ())
    until = deadline(ctx, params.timeout)
    if not events and until is None:
        raise StepError(
            say(
                "This execution is not about a contact, so nothing would ever end the wait. Enter events or a maximum time."
            ),
            permanent=True,
        )
    return Suspend(
        say("the conditions to hold"), ("event",), until, events=events, same_entity=bool(about), result=result
    )


def about_what(ctx: StepContext) -> str:
    """The type of what the execution is about: contact, or another entity; empty where it is about nothing."""
    return CONTACT if ctx.contact_id else ctx.entity[0] if ctx.entity[1] else ""


def deadline(ctx: StepContext, timeout: str | float) -> datetime | None:
    """When a wait that may take `timeout` is over; None: never. StepError (permanent) where it cannot be read."""
    if timeout == "":
        return None
    try:
        return ctx.now() + parse_duration(timeout)
    except ExpressionError as error:
        raise wrong(error) from None
