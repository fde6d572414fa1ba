"""What triggers of days share: they look once a day, at a time on the wall clock of a zone."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from flowapp.catalog import N_, Params, ui
from flowapp.texts import say
from flowapp.triggers import schedule

Noun = Literal["contact", "company", "deal", "task"]
_FIELD = re.compile(r"(fields\.)?[A-Za-z][A-Za-z0-9_ -]{0,63}")


class DailyParams(Params):
    """At what time of the day. Where it names none, the organization's clock does (catalog.clock)."""

    at: str = Field(
        "",
        json_schema_extra=ui(
            N_("At"),
            N_("Hour and minute. Leave empty for the time that is set for the organization."),
            placeholder="09:00",
        ),
    )
    timezone: str = Field(
        "", json_schema_extra=ui(N_("Time zone"), N_("Leave empty for the organization's."), widget="timezone")
    )  # fmt: skip

    @field_validator("at")
    @classmethod
    def _is_time(cls, value: str) -> str:
        return value and schedule.clock_time(value)

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        return value and schedule.zone_name(value)

    @property
    def hour(self) -> str:
        """The time of the day."""
        return (self.at or schedule.USUAL).zfill(5)

    @property
    def zone(self) -> ZoneInfo:
        """Whose wall clock it is."""
        return ZoneInfo(self.timezone or "UTC")


class RecordDate(Params):
    """Which date of which records, and how far from it."""

    entity: Noun = Field(
        "deal",
        json_schema_extra=ui(
            N_("What"),
            widget="select",
            choices=[
                ("contact", N_("Contact")), ("company", N_("Company")), ("deal", N_("Deal")), ("task", N_("Task")),
            ],
        ),
    )  # fmt: skip
    field: str = Field(
        min_length=1,
        max_length=80,
        json_schema_extra=ui(
            N_("Date field"),
            N_("For example expected_close of a deal, due_date of a task, created_at, or a field of your own."),
            plain=True,
            resource="{entity}_date",
        ),
    )
    days: int = Field(
        0, ge=0, le=3650, json_schema_extra=ui(N_("Days"), N_("0 is the day itself."), widget="number")
    )  # fmt: skip
    when: Literal["before", "after"] = Field(
        "before",
        json_schema_extra=ui(
            N_("Before or after the date"),
            widget="select",
            choices=[("before", N_("Before the date")), ("after", N_("After the date"))],
        ),
    )

    @field_validator("entity", mode="before")
    @classmethod
    def _named_so(cls, value: object) -> object:
        word = value.strip().lower() if isinstance(value, str) else value
        return "company" if word in ("organisation", "organization") else word

    @field_validator("field")
    @classmethod
    def _is_name(cls, value: str) -> str:
        if not _FIELD.fullmatch(value.strip()):
            raise ValueError(say("Enter the name of a field, for example expected_close."))
        return value.strip().removeprefix("fields.")

    @property
    def offset(self) -> timedelta:
        """From the date of a record to the day on which the workflow starts."""
        return timedelta(days=-self.days if self.when == "before" else self.days)


class RecordDateParams(DailyParams, RecordDate):
    """The date, then the time of the day."""


ALIASES = {
    "entity_type": "entity", "object": "entity", "object_type": "entity", "date_field": "field", "field_name": "field",
    "offset_days": "days", "direction": "when", "time": "at",
}  # fmt: skip


def next_day(config: DailyParams, after: datetime) -> datetime | None:
    """The first time after `after` at which it is that hour."""
    daily = schedule.ScheduleParams(every="daily", at=config.hour, timezone=config.zone.key)
    return schedule.next_fire(daily, after)


def time_of(_config: object) -> str:
    """Which of the organization's times holds where the settings name none."""
    return "daily"


def days_due(config: DailyParams, first: datetime, now: datetime) -> tuple[date, date]:
    """The first and the last day that have come, of a trigger that was due at `first`: more than one after a standstill."""
    upcoming = next_day(config, now) or now
    return first.astimezone(config.zone).date(), upcoming.astimezone(config.zone).date() - timedelta(days=1)


def in_words(config: RecordDateParams) -> str:
    """Which date, and how far from it."""
    names = {"field": config.field, "days": config.days, "at": config.hour, "zone": config.zone.key}
    if not config.days:
        return say("%(field)s, at %(at)s (%(zone)s)", **names)
    if config.when == "before":
        return say("%(days)s days before %(field)s, at %(at)s (%(zone)s)", **names)
    return say("%(days)s days after %(field)s, at %(at)s (%(zone)s)", **names)
