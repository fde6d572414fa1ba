"""The clock starts the workflow: by a simple rule or a cron expression, on the wall clock of a time zone.

When clocks change, each slot still fires exactly once. A fixed hour that the change leaves out fires that much later
(02:30 becomes 03:30), one that comes twice fires the first time. Where every hour counts (`*/15 * * * *`), the schedule
follows elapsed time: nothing is left out and nothing comes in a burst.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from babel.dates import get_day_names, get_month_names
from cron_descriptor import Options, get_description
from croniter import CroniterError, croniter
from pydantic import Field, ValidationInfo, field_validator

from flowapp.catalog import N_, Params, TriggerSpec, trigger, ui
from flowapp.catalog.times import zone
from flowapp.errors import ExpressionError, InvalidError
from flowapp.texts import say

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NAMED = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_UNREADABLE = (CroniterError, ValueError, KeyError, IndexError, TypeError)
_FAULTS = (
    N_("“%(value)s” is not a valid second."),
    N_("“%(value)s” is not a valid minute."),
    N_("“%(value)s” is not a valid hour."),
    N_("“%(value)s” is not a valid day of the month."),
    N_("“%(value)s” is not a valid month."),
    N_("“%(value)s” is not a valid weekday."),
)
_LOCALES = {"fr": "fr_FR", "en": "en_US"}
_HASHED = re.compile(r"(?<![a-z])[hr](?![a-z])", re.IGNORECASE)  # Jenkins' H and R: a time that nobody chose
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):[0-5][0-9]")


class ScheduleParams(Params):
    """`cron` has 5 fields (minute, hour, day, month, weekday), or 6 with the seconds first."""

    every: Literal["hourly", "daily", "weekly", "monthly", "custom"] = Field(
        "custom",
        json_schema_extra=ui(
            N_("Frequency"),
            widget="select",
            choices=[
                ("hourly", N_("Every hour")),
                ("daily", N_("Every day")),
                ("weekly", N_("Every week")),
                ("monthly", N_("Every month")),
                ("custom", N_("Cron expression")),
            ],
        ),
    )
    at: str = Field(
        "09:00",
        json_schema_extra=ui(
            N_("At"), N_("Hour and minute."), placeholder="09:00", show_if={"every": ["daily", "weekly", "monthly"]}
        ),
    )
    minute: int = Field(
        0, ge=0, le=59, json_schema_extra=ui(N_("Minute"), widget="number", show_if={"every": ["hourly"]})
    )
    weekday: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] = Field(
        "monday",
        json_schema_extra=ui(
            N_("On"),
            widget="select",
            choices=[
                ("monday", N_("Monday")),
                ("tuesday", N_("Tuesday")),
                ("wednesday", N_("Wednesday")),
                ("thursday", N_("Thursday")),
                ("friday", N_("Friday")),
                ("saturday", N_("Saturday")),
                ("sunday", N_("Sunday")),
            ],
            show_if={"every": ["weekly"]},
        ),
    )
    day: Annotated[int, Field(ge=1, le=28)] | Literal["last"] = Field(
        1,
        json_schema_extra=ui(
            N_("On day"),
            widget="select",
            choices=[*((str(day), str(day)) for day in range(1, 29)), ("last", N_("Last day of the month"))],
            show_if={"every": ["monthly"]},
        ),
    )
    cron: str = Field(
        "",
        max_length=200,
        json_schema_extra=ui(
            N_("Cron expression"),
            N_("Minute, hour, day, month, weekday. An optional sixth field in front is for seconds."),
            widget="cron",
            placeholder="0 9 * * 1-5",
            show_if={"every": ["custom"]},
        ),
    )
    timezone: str = Field("UTC", json_schema_extra=ui(N_("Time zone"), widget="timezone"))
    missed: Literal["skip", "once", "all"] = Field(
        "once",
        json_schema_extra=ui(
            N_("If Flowapp was not running at that time"),
            widget="select",
            choices=[
                ("skip", N_("Skip it")),
                ("once", N_("Run once when Flowapp is back")),
                ("all", N_("Run once for each missed time")),
            ],
            advanced=True,
        ),
    )

    @field_validator("at")
    @classmethod
    def _is_time(cls, value: str) -> str:
        if not _TIME.fullmatch(value):
            raise ValueError(say("Enter hour and minute, for example 09:00."))
        return value

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        try:
            return zone(value).key
        except ExpressionError as error:
            raise ValueError(error.message) from None

    @field_validator("cron")
    @classmethod
    def _parses(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("every", "custom") == "custom" and value.strip():
            _parsed(value)
        return value.strip()


def expression(config: ScheduleParams) -> str:
    """The cron expression of a config, also of the simple rules."""
    if config.every == "custom":
        return _NAMED.get(config.cron.strip().lower(), config.cron.strip())
    if config.every == "hourly":
        return f"{config.minute} * * * *"
    hour, minute = (int(part) for part in config.at.split(":"))
    if config.every == "weekly":
        return f"{minute} {hour} * * {(WEEKDAYS.index(config.weekday) + 1) % 7}"
    day = "*" if config.every == "daily" else "L" if config.day == "last" else config.day
    return f"{minute} {hour} {day} * *"


def check(config: ScheduleParams) -> None:
    """InvalidError where the expression is missing, or means a day that never comes (31 February)."""
    if config.every == "custom" and not config.cron:
        raise InvalidError.at("cron", say("Enter a cron expression, for example 0 9 * * 1-5."), "missing")
    if next_fire(config, datetime.now(UTC)) is None:
        raise InvalidError.at("cron", say("This never fires, because there is no such day in the calendar."))


def next_fire(config: ScheduleParams, after: datetime) -> datetime | None:
    """The first firing after `after` (aware), in UTC; None where there is none."""
    tz = zone(config.timezone)
    parts = _parsed(expression(config))
    elapsed = parts[1] == ["*"]  # every hour
    best: datetime | None = None
    for slot in _slots(config, _begin(after, config.timezone, elapsed=elapsed)):
        first, second = (slot.replace(tzinfo=tz, fold=fold).astimezone(UTC) for fold in (0, 1))
        if best is not None and min(first, second) > best:
            break
        moments = [first]
        if elapsed:  # a time that the clocks leave out comes back as another one
            moments = [m for m in (first, second) if m.astimezone(tz).replace(tzinfo=None) == slot]
        best = min([m for m in (*moments, best) if m is not None and m > after], default=None)
    return best


def upcoming(config: ScheduleParams, after: datetime, n: int = 5) -> list[datetime]:
    """The next `n` firings, aware, in UTC."""
    moments: list[datetime] = []
    while len(moments) < n and (moment := next_fire(config, moments[-1] if moments else after)) is not None:
        moments.append(moment)
    return moments


def describe(config: ScheduleParams, locale: str = "en") -> str:
    """The schedule in words, with its zone; `locale` is en or fr."""
    language = locale[:2] if locale[:2] in _LOCALES else "en"
    options = Options(locale_code=_LOCALES[language])
    options.use_24hour_time_format = True
    text = get_description(expression(config), options)
    if language != "en":  # cron-descriptor leaves the names of days and months in English
        for names in (get_day_names, get_month_names):
            english, own = names("wide", locale="en"), names("wide", locale=language)
            for at, name in english.items():
                text = re.sub(rf"\b{name}\b", own[at], text)
    return f"{text} ({config.timezone})"


def _parsed(text: str) -> Sequence[Sequence[object]]:
    """Croniter's reading of an expression. ValueError says what is wrong with it."""
    written = _NAMED.get(text.strip().lower(), text.strip())
    if len(written.split()) not in (5, 6) or _HASHED.search(written):
        raise ValueError(say("Enter 5 fields (minute, hour, day, month, weekday), or 6 with seconds first."))
    try:
        return list(croniter.expand(written, second_at_beginning=True)[0])
    except _UNREADABLE:
        raise ValueError(_fault(written.split())) from None


def _fault(fields: list[str]) -> str:
    """Which field of an expression croniter cannot read; each one is tried with all others at *."""
    for at, (field, fault) in enumerate(zip(fields, _FAULTS[-len(fields) :], strict=True)):
        for value in field.split(","):
            alone = " ".join(value if other == at else "*" for other in range(len(fields)))
            try:
                croniter.expand(alone, second_at_beginning=True)
            except _UNREADABLE:
                return say(fault, value=value[:50])
    return say("This is not a valid cron expression.")


def _begin(after: datetime, timezone: str, *, elapsed: bool) -> datetime:
    """The wall time to look on from: earlier than that of `after` where a change of clocks is near."""
    tz = zone(timezone)
    near = after + timedelta(hours=2) if elapsed else after - timedelta(hours=25)
    offsets = [moment.astimezone(tz).utcoffset() or timedelta() for moment in (after, near)]
    return after.astimezone(UTC).replace(tzinfo=None, microsecond=0) + min(offsets)


def _slots(config: ScheduleParams, begin: datetime) -> Iterator[datetime]:
    """Wall times after `begin`, in order, without a zone."""
    try:
        cron = croniter(expression(config), begin.replace(tzinfo=UTC), ret_type=datetime, second_at_beginning=True)
        while True:
            yield cron.get_next().replace(tzinfo=None)
    except (CroniterError, OverflowError):
        return


trigger(
    TriggerSpec(
        type="schedule",
        label=N_("Schedule"),
        description=N_("Starts every hour, day, week or month, or by a cron expression."),
        group=N_("Time"),
        icon="calendar-clock",
        source="clock",
        params=ScheduleParams,
        sample={"scheduled_at": "2025-10-18T09:00:00+00:00", "fired_at": "2025-10-18T09:00:00.412000+00:00"},
        param_aliases={"cron_expression": "cron"},
        aliases=("scheduled",),
        next_fire=next_fire,
        check=check,
        summary=describe,
    )
)
