"""The settings of a whole workflow (`config` of the definition)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, time
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from flowapp.texts import say

REENTRY = r"^(always|once|not_while_active|after_[1-9][0-9]{0,3}_days)$"
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
MAX_VISITS = 10_000


class Model(BaseModel):
    """Base of every part of a definition: unknown names and loose types are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


_WHOLE = BeforeValidator(_whole)
Whole = Annotated[int, _WHOLE]  # JSON knows one kind of number: 60.0 is 60


def matching(pattern: str, words: str) -> AfterValidator:
    """A pattern whose complaint is in words."""

    def match(text: str) -> str:
        if re.fullmatch(pattern, text) is None:
            raise ValueError(words)
        return text

    return AfterValidator(match)


def _clock(text: str) -> str:
    try:
        return time.fromisoformat(text).strftime("%H:%M")
    except ValueError:
        raise ValueError(say("Enter a time of day, for example 09:00.")) from None


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError(say("Enter dates as 2026-12-25.")) from None


_REENTRY_WORDS = say("Use always, once, not_while_active or, for example, after_30_days.")
Reentry = Annotated[str, matching(REENTRY, _REENTRY_WORDS), Field(json_schema_extra={"pattern": REENTRY})]
Clock = Annotated[str, AfterValidator(_clock)]
Day = Annotated[str, AfterValidator(_day)]


class BusinessHours(Model):
    """When waits in business hours count: `days`, from `start` to `end` (later the same day), not on `holidays`."""

    days: list[Weekday] = Field(default=["mon", "tue", "wed", "thu", "fri"], min_length=1)
    start: Clock = "09:00"
    end: Clock = "17:00"
    holidays: list[Day] = Field(default_factory=list, max_length=366)

    @model_validator(mode="after")
    def _in_order(self) -> BusinessHours:
        if self.end <= self.start:
            raise ValueError(say("The business day must end after it begins."))
        return self


class WorkflowConfig(Model):
    """Settings of the whole workflow.

    `concurrency`: executions at once, null: any number; with `concurrency_key` (an expression over the input), for each
    value of it; `concurrency_policy`: one too many waits its turn (queue), is skipped (drop), or ends the oldest
    (replace). `debounce_seconds`: a start waits that long, and the next one with the same `debounce_key` takes its place.
    `timeout`: seconds. `reentry`: whether the same contact may enter again: always, once, not_while_active, after_30_days.
    `error_workflow`: id or name of the workflow that is started with a failure. `alert_after`: failures in a row until
    people are told, 0: never. `max_visits`: steps that one execution may run. `retention_days`: how long ended
    executions are kept, null: as the installation says.
    """

    concurrency: Annotated[int, Field(ge=1, le=10_000), _WHOLE] | None = None
    concurrency_key: str = Field(default="", max_length=500)
    concurrency_policy: Literal["queue", "drop", "replace"] = "queue"
    debounce_key: str = Field(default="", max_length=500)
    debounce_seconds: Whole = Field(default=0, ge=0, le=86_400)
    timeout: Annotated[int, Field(ge=1, le=31_536_000), _WHOLE] | None = None
    reentry: Reentry = "always"
    error_workflow: str = Field(default="", max_length=200)
    alert_after: Whole = Field(default=3, ge=0, le=1000)
    max_visits: Whole = Field(default=MAX_VISITS, ge=1, le=1_000_000)
    business_hours: BusinessHours | None = None
    retention_days: Annotated[int, Field(ge=1, le=3650), _WHOLE] | None = None


def stored_config(definition: Mapping[str, object]) -> WorkflowConfig:
    """The settings of a stored definition: what it leaves out has its default, what a later release added is left out."""
    config = definition.get("config")
    stored = config if isinstance(config, dict) else {}
    return WorkflowConfig.model_validate({n: v for n, v in stored.items() if n in WorkflowConfig.model_fields})
