"""The clock starts the workflow: by a simple rule or a cron expression, on the wall clock of a time zone.

When clocks change, each slot still fires exactly once. A fixed hour that the change leaves out fires that much later
(02:30 becomes 03:30), one that comes twice fires the first time. Where every hour counts (`*/15 * * * *`), the schedule
follows elapsed time: nothing is left out and nothing comes in a burst.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from flowapp.catalog import N_, Params, TriggerSpec, trigger, ui
from flowapp.catalog.times import zone
from flowapp.errors import ExpressionError, InvalidError
from flowapp.texts import say
from flowapp.triggers.schedule import cron, span

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
USUAL = "09:00"
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):[0-5][0-9]")


class ScheduleParams(Params):
    """`cron` has 5 fields (minute, hour, day, month, weekday), or 6 with the seconds first. `weekday` is one day or several."""

    every: Literal["minutes", "hourly", "hours", "daily", "weekdays", "weekly", "monthly", "custom"] = Field(
        "custom",
        json_schema_extra=ui(
            N_("Frequency"),
            widget="select",
            choices=[
                ("minutes", N_("Every few minutes")),
                ("hourly", N_("Every hour")),
                ("hours", N_("Every few hours")),
                ("daily", N_("Every day")),
                ("weekdays", N_("Every weekday (Monday to Friday)")),
                ("weekly", N_("On certain days of the week")),
                ("monthly", N_("Every month")),
                ("custom", N_("Cron expression")),
            ],
        ),
    )
    at: str = Field(
        "",
        json_schema_extra=ui(
            N_("At"),
            N_("Hour and minute. Leave empty for the time that is set for the organization."),
            placeholder="09:00",
            show_if={"every": ["daily", "weekdays", "weekly", "monthly"]},
        ),
    )
    minutes: int = Field(
        15,
        ge=1,
        le=44_640,
        json_schema_extra=ui(
            N_("Minutes between two runs"),
            N_("Counted from the full hour where they divide an hour, otherwise from the start below."),
            widget="number",
            show_if={"every": ["minutes"]},
        ),
    )
    hours: int = Field(
        2,
        ge=1,
        le=744,
        json_schema_extra=ui(
            N_("Hours between two runs"),
            N_("Counted from midnight where they divide a day, otherwise from the start below."),
            widget="number",
            show_if={"every": ["hours"]},
        ),
    )
    start: str = Field(
        "",
        max_length=40,
        json_schema_extra=ui(
            N_("Start"),
            N_(
                "For intervals such as 90 minutes or 5 hours: date and time to count from. Leave empty to count from now."
            ),
            placeholder="2026-03-31 08:00",
            show_if={"every": ["minutes", "hours"]},
            advanced=True,
        ),
    )
    minute: int = Field(
        0, ge=0, le=59, json_schema_extra=ui(N_("Minute"), widget="number", show_if={"every": ["hourly", "hours"]})
    )
    weekday: Weekday | list[Weekday] = Field(
        "monday",
        json_schema_extra=ui(
            N_("On"),
            widget="choices",
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
            N_(
                "Minute, hour, day, month, weekday. An optional sixth field in front is for seconds. LW is the last "
                "weekday (Monday to Friday) of the month, 5L its last Friday."
            ),
            widget="cron",
            placeholder="0 9 * * 1-5",
            show_if={"every": ["custom"]},
        ),
    )
    timezone: str = Field(
        "",
        json_schema_extra=ui(
            N_("Time zone"),
            N_(
                "Leave empty for the organization's. When the clocks go forward, a run in the skipped hour starts one hour later; when they go back, a time "
                "that occurs twice runs once. Schedules that run every few minutes, or every hour, are not affected."
            ),
            widget="timezone",
        ),
    )
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
        return value and clock_time(value)

    @field_validator("start")
    @classmethod
    def _is_moment(cls, value: str) -> str:
        try:
            span.read_start(value.strip(), "UTC")
        except ValueError:
            raise ValueError(say("Enter a date and time, for example 2026-03-31 08:00.")) from None
        return value.strip()

    @field_validator("weekday")
    @classmethod
    def _is_chosen(cls, value: Weekday | list[Weekday]) -> Weekday | list[Weekday]:
        if not value:
            raise ValueError(say("Choose at least one day."))
        return value

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        return value and zone_name(value)

    @field_validator("cron")
    @classmethod
    def _parses(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("every", "custom") == "custom" and value.strip():
            cron.parsed(value)
        return value.strip()

    @property
    def zone(self) -> str:
        """The zone's name; UTC where neither the settings nor the organization (catalog.clock) named one."""
        return self.timezone or "UTC"


def clock_time(text: str) -> str:
    """A time of the day, as it was entered. ValueError for what is none."""
    if not _TIME.fullmatch(text):
        raise ValueError(say("Enter hour and minute, for example 09:00."))
    return text


def zone_name(text: str) -> str:
    """The name of a time zone. ValueError for what is none."""
    try:
        return zone(text).key
    except ExpressionError as error:
        raise ValueError(error.message) from None


def expression(config: ScheduleParams) -> str:
    """The cron expression of a config, also of the simple rules; not of an interval (see `elapsed`)."""
    if config.every == "custom":
        return config.cron
    if config.every == "minutes":
        return "* * * * *" if config.minutes == 1 else f"*/{config.minutes} * * * *"
    if config.every in ("hourly", "hours"):
        hours = 1 if config.every == "hourly" else config.hours
        return f"{config.minute} {'*' if hours == 1 else '0' if hours == 24 else f'*/{hours}'} * * *"
    hour, minute = (int(part) for part in (config.at or USUAL).split(":"))
    day = "*" if config.every != "monthly" else "L" if config.day == "last" else config.day
    weekday = {"weekdays": "1-5", "weekly": _numbers(config.weekday)}.get(config.every, "*")
    return f"{minute} {hour} {day} * {weekday}"


def elapsed(config: ScheduleParams) -> timedelta | None:
    """The interval of a config that no cron expression can say: what divides neither an hour nor a day."""
    if config.every == "minutes" and (config.minutes > 59 or 60 % config.minutes):
        return timedelta(minutes=config.minutes)
    if config.every == "hours" and 24 % config.hours:
        return timedelta(hours=config.hours)
    return None


def prepare(config: dict[str, object]) -> dict[str, object]:
    """Gives an interval the moment that it is counted from: it stays the same whatever is saved or restarted later."""
    try:
        read = ScheduleParams.model_validate(config)
    except ValidationError:
        return config
    if read.start or elapsed(read) is None:
        return config
    return {**config, "start": span.read_start("", "UTC").isoformat(timespec="minutes")}


def _numbers(weekday: Weekday | Sequence[Weekday]) -> str:
    """Days of the week as cron counts them, Sunday is 0."""
    chosen = [weekday] if isinstance(weekday, str) else weekday
    return ",".join(str((WEEKDAYS.index(day) + 1) % 7) for day in sorted(set(chosen), key=WEEKDAYS.index))


def check(config: ScheduleParams) -> None:
    """InvalidError where the expression is missing, or means a day that never comes (31 February)."""
    if config.every == "custom" and not config.cron:
        raise InvalidError.at("cron", say("Enter a cron expression, for example 0 9 * * 1-5."), "missing")
    if next_fire(config, datetime.now(UTC)) is None:
        raise InvalidError.at("cron", say("This never fires, because there is no such day in the calendar."))


def next_fire(config: ScheduleParams, after: datetime) -> datetime | None:
    """The first firing after `after` (aware), in UTC; None where there is none."""
    if step := elapsed(config):
        return span.next_after(span.read_start(config.start, config.zone), step, after)
    tz = zone(config.zone)
    text = expression(config)
    every_hour = cron.counts_every_hour(text)
    best: datetime | None = None
    for slot in cron.slots(text, _begin(after, config.zone, elapsed=every_hour)):
        first, second = (slot.replace(tzinfo=tz, fold=fold).astimezone(UTC) for fold in (0, 1))
        if best is not None and min(first, second) > best:
            break
        moments = [first]
        if every_hour:  # a time that the clocks leave out comes back as another one
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
    if elapsed(config):
        hours, start = config.every == "hours", span.read_start(config.start, config.zone)
        count = config.hours if hours else config.minutes
        words = span.in_words(count, hours=hours, start=start, timezone=config.zone, locale=locale)
    else:
        words = cron.in_words(expression(config), locale)
    return f"{words} ({config.zone})"


def _begin(after: datetime, timezone: str, *, elapsed: bool) -> datetime:
    """The wall time to look on from: earlier than that of `after` where a change of clocks is near."""
    tz = zone(timezone)
    near = after + timedelta(hours=2) if elapsed else after - timedelta(hours=25)
    offsets = [moment.astimezone(tz).utcoffset() or timedelta() for moment in (after, near)]
    return after.astimezone(UTC).replace(tzinfo=None, microsecond=0) + min(offsets)


trigger(
    TriggerSpec(
        type="schedule",
        label=N_("Schedule"),
        description=N_("Starts every few minutes or hours, on certain days, or by a cron expression."),
        group=N_("Time"),
        icon="calendar-clock",
        source="clock",
        params=ScheduleParams,
        sample={"scheduled_at": "2025-10-18T09:00:00+00:00", "fired_at": "2025-10-18T09:00:00.412000+00:00"},
        param_aliases={"cron_expression": "cron", "frequency": "every"},
        aliases=("scheduled",),
        next_fire=next_fire,
        prepare=prepare,
        made=("start",),
        check=check,
        summary=describe,
        time_of=lambda config: str(config.get("every", "")),
    )
)
