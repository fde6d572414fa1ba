"""A day has come: the workflow starts once, at a time on the wall clock of a zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import ClassVar

from pydantic import Field, field_validator

from flowapp.catalog import N_, Params, TriggerSpec, trigger, ui
from flowapp.texts import say
from flowapp.triggers.dates.daily import DailyParams, time_of


class Day(Params):
    """Which day."""

    date: str = Field(
        max_length=40,
        json_schema_extra=ui(
            N_("Date"), N_("Year, month and day."), widget="date", placeholder="2026-12-31", plain=True
        ),
    )

    @field_validator("date")
    @classmethod
    def _is_day(cls, value: str) -> str:
        try:
            return date.fromisoformat(value.strip()[:10]).isoformat()
        except ValueError:
            raise ValueError(say("Enter a date, for example 2026-12-31.")) from None


class DateReachedParams(DailyParams, Day):
    """The day, then its time."""

    missed: ClassVar[str] = "once"  # a day that came while nothing ran is made up for


def next_fire(config: DateReachedParams, after: datetime) -> datetime | None:
    """The moment, as long as it lies ahead."""
    day, at = date.fromisoformat(config.date), time.fromisoformat(config.hour)
    moment = datetime.combine(day, at, config.zone).astimezone(UTC)
    return moment if moment > after else None


def in_words(config: DateReachedParams, _locale: str) -> str:
    """The day, the time and the zone."""
    return say("%(date)s, %(at)s (%(zone)s)", date=config.date, at=config.hour, zone=config.zone.key)


trigger(
    TriggerSpec(
        type="date_reached",
        label=N_("Date reached"),
        description=N_("Starts once, on a certain day at a certain time."),
        group=N_("Time"),
        icon="calendar-event",
        source="clock",
        params=DateReachedParams,
        sample={"scheduled_at": "2026-12-31T09:00:00+00:00", "fired_at": "2026-12-31T09:00:00.412000+00:00"},
        param_aliases={"target_date": "date", "time": "at"},
        time_of=time_of,
        next_fire=next_fire,
        summary=in_words,
    )
)
