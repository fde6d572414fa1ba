"""Some time has passed since something happened: a contact was created, a deal was won, another system said so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pydantic import Field, field_validator

from flowapp.catalog import N_, Params, TriggerSpec, trigger, ui
from flowapp.catalog.record_triggers import CONTACT_SAMPLE
from flowapp.catalog.times import parse_duration
from flowapp.errors import ExpressionError, InvalidError
from flowapp.events.types import EVENT_TYPES, is_known
from flowapp.texts import say

GRID = timedelta(minutes=1)  # how often it looks


class TimeDelayParams(Params):
    """How long after what."""

    duration: str = Field(
        max_length=100,
        json_schema_extra=ui(
            N_("How long after"), N_("At least a minute."), placeholder="2 days", widget="duration", plain=True
        ),
    )
    event_type: str = Field(
        "contact.created",
        min_length=1,
        max_length=100,
        json_schema_extra=ui(
            N_("After what"),
            N_(
                "An event, such as contact.created or deal.won. What is about a record that was deleted starts nothing."
            ),
            suggest="events",
            plain=True,
        ),
    )

    @field_validator("duration", mode="before")
    @classmethod
    def _is_length(cls, value: object) -> str:
        try:
            length = parse_duration(value)
        except ExpressionError as error:
            raise ValueError(error.message) from None
        if length < GRID:
            raise ValueError(say("Enter at least a minute."))
        return str(value).strip()

    @property
    def length(self) -> timedelta:
        """The delay."""
        return parse_duration(self.duration)


def check(config: TimeDelayParams) -> None:
    """InvalidError for an event that never comes."""
    if "*" in config.event_type or not is_known(config.event_type):
        family = config.event_type.partition(".")[0]
        known = ", ".join(name for name in EVENT_TYPES if name.startswith(f"{family}."))
        message = say("There is no event “%(name)s”. Available: %(known)s.", name=config.event_type, known=known)
        raise InvalidError.at("event_type", message, "unknown_event")


def next_fire(config: TimeDelayParams, after: datetime) -> datetime:  # noqa: ARG001
    """The next look: what became due since the one before is started then."""
    return after.astimezone(UTC).replace(second=0, microsecond=0) + GRID


trigger(
    TriggerSpec(
        type="time_delay",
        label=N_("Some time after"),
        description=N_("Starts some time after something happened, for example 2 days after a contact was created."),
        group=N_("Time"),
        icon="hourglass",
        source="clock",
        params=TimeDelayParams,
        sample={**CONTACT_SAMPLE, "happened_at": "2026-12-10T09:00:00+00:00"},
        param_aliases={"delay": "duration", "after": "event_type", "event": "event_type"},
        check=check,
        next_fire=next_fire,
        summary=lambda config, _locale: say(
            "%(duration)s after %(event)s", duration=config.duration, event=config.event_type
        ),
        over_records=True,
    )
)
