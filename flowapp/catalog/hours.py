"""Business hours: waits that count only while the organization works. Pure: the moment and the zone are passed in.

The hours come from the workflow's config (engine.language.workflow_config.BusinessHours) as {"days": ["mon", …], "start": "09:00",
"end": "17:00", "holidays": ["2026-12-25"]}; without any, Monday to Friday, 9 to 17. They are wall-clock times of the zone:
where the clocks change during a business day, an hour is still an hour that passes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal, NamedTuple

from flowapp.catalog.times import zone
from flowapp.errors import ExpressionError
from flowapp.texts import say

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MAX_DAYS = 2600  # ten years of weeks with five days
MAX_HOURS = MAX_DAYS * 8
_DAY = timedelta(days=1)
_HORIZON = 366 * 50  # days looked through: fewer than a week of them can be open where all others are holidays

_UNITS = {
    "hours": "hour hours heure heures h",
    "minutes": "minute minutes min",
    "days": "day days jour jours",
}
_UNIT = {word: unit for unit, words in _UNITS.items() for word in words.split()}
_ENGLISH = re.compile(r"\+?\s*([0-9]+(?:[.,][0-9]+)?)\s*(?:business|working)\s+([a-z]+)")
_FRENCH = re.compile(r"\+?\s*([0-9]+(?:[.,][0-9]+)?)\s*([a-z]+)\s+(?:ouvr[ée]e?s?|ouvrables?)")

_NAMES = {
    "monday": 0, "tuesday": 1, "wednesday": 2, "thursday": 3, "friday": 4, "saturday": 5, "sunday": 6,
    "lundi": 0, "mardi": 1, "mercredi": 2, "jeudi": 3, "vendredi": 4, "samedi": 5, "dimanche": 6,
}  # fmt: skip
_BUSINESS_DAY = ("business day", "working day", "weekday", "jour ouvré", "jour ouvrable")
_TIME = r"([0-9]{1,2})(?:(?::|\s?h\s?)([0-9]{2})?)?(?:\s?(am|pm))?"
_CLOCK = re.compile(_TIME)
_NEXT = re.compile(
    rf"(?:next\s+|prochain\s+)?({'|'.join((*_NAMES, *_BUSINESS_DAY))})(?:\s+prochain)?"
    rf"(?:(?:\s*,|\s+at|\s+à)?\s+{_TIME})?"
)


@dataclass(frozen=True, slots=True)
class Hours:
    """`days` are weekdays, Monday being 0; open from `start` to `end`, but not on `holidays`."""

    days: frozenset[int] = frozenset(range(5))
    start: time = time(9)
    end: time = time(17)
    holidays: frozenset[date] = frozenset()

    @classmethod
    def of(cls, config: Mapping[str, Any] | None) -> Hours:
        """The hours of a workflow's config; the usual ones where it has none."""
        if not config:
            return cls()
        return cls(
            frozenset(WEEKDAYS.index(day) for day in config["days"]),
            time.fromisoformat(config["start"]),
            time.fromisoformat(config["end"]),
            frozenset(date.fromisoformat(day) for day in config.get("holidays") or ()),
        )

    def is_open(self, day: date) -> bool:
        """Whether it is a business day."""
        return day.weekday() in self.days and day not in self.holidays


class Span(NamedTuple):
    """A length of time in business days or business hours."""

    unit: Literal["days", "hours"]
    amount: float


def parse_span(value: object) -> Span | None:
    """“2 business hours”, “30 business minutes”, “3 business days”, “3 jours ouvrés”; None for anything else.

    ExpressionError where it is one, but too long or no whole number of days.
    """
    text = value.strip().lower() if isinstance(value, str) and len(value) <= 60 else ""
    match = _ENGLISH.fullmatch(text) or _FRENCH.fullmatch(text)
    unit = _UNIT.get(match[2]) if match else None
    if match is None or unit is None:
        return None
    amount = float(match[1].replace(",", "."))
    if unit == "minutes":
        unit, amount = "hours", amount / 60
    if unit == "days" and amount % 1:
        raise ExpressionError(say("“%(text)s”: use whole business days, or business hours.", text=text))
    if amount > (MAX_DAYS if unit == "days" else MAX_HOURS):
        raise ExpressionError(say("“%(text)s” is too long: the maximum is ten years.", text=text))
    return Span("days" if unit == "days" else "hours", amount)


def add(moment: datetime, span: Span, hours: Hours, tz: str = "UTC") -> datetime:
    """`moment` (aware) and so much business time more, in UTC.

    Days keep the wall clock: three business days after Friday 18:00 is Wednesday 18:00. Hours count from the next moment
    that is open. ExpressionError where the hours never come.
    """
    if span.unit == "days":
        return _add_days(moment, int(span.amount), hours, tz)
    left = timedelta(hours=span.amount)
    for opens, closes in _openings(moment, hours, tz):
        if closes - opens >= left:
            return opens + left
        left -= closes - opens
    raise _never()


def opening(moment: datetime, hours: Hours, tz: str = "UTC") -> datetime:
    """The moment itself where it lies within the hours, else when they begin next; in UTC."""
    return add(moment, Span("hours", 0), hours, tz)


def parse_next(value: object, now: datetime, tz: str = "UTC", hours: Hours | None = None) -> datetime | None:
    """“next monday 09:00”, “friday 5pm”, “lundi prochain à 9h”, “next business day 08:30”: the first such moment that
    lies ahead of `now`, in UTC; None for anything else. Without a time it is midnight, of a business day its start.
    """
    text = " ".join(value.split()).lower() if isinstance(value, str) and len(value) <= 60 else ""
    match = _NEXT.fullmatch(text)
    if match is None:
        return None
    known = hours or Hours()
    business = match[1] in _BUSINESS_DAY
    at = _clock(match[2], match[3], match[4]) or (known.start if business else time())
    local = now.astimezone(zone(tz))
    for ahead in range(_HORIZON):
        day = local.date() + ahead * _DAY
        fits = known.is_open(day) if business else day.weekday() == _NAMES[match[1]]
        if fits and (moment := _at(day, at, tz)) > now:
            return moment
    raise _never()


def at_time(moment: datetime, clock: str, tz: str = "UTC") -> datetime:
    """The same day in the zone, at that time of day (see `parse_clock`); in UTC."""
    return _at(moment.astimezone(zone(tz)).date(), parse_clock(clock), tz)


def parse_clock(text: str) -> time:
    """A time of day: “09:00”, “9h30”, “5 pm”. ExpressionError for anything else."""
    match = _CLOCK.fullmatch(text.strip().lower())
    clock = _clock(*match.groups()) if match else None
    if clock is None:
        raise _no_time()
    return clock


def _add_days(moment: datetime, days: int, hours: Hours, tz: str) -> datetime:
    local = moment.astimezone(zone(tz))
    day, left = local.date(), days
    for _ in range(_HORIZON):
        if not left:
            return _at(day, local.time(), tz)
        day += _DAY
        left -= hours.is_open(day)
    raise _never()


def _openings(moment: datetime, hours: Hours, tz: str) -> Iterator[tuple[datetime, datetime]]:
    """(from, to) of the open times from `moment` on, in UTC."""
    first = moment.astimezone(zone(tz)).date()
    for ahead in range(_HORIZON):
        day = first + ahead * _DAY
        if hours.is_open(day):
            opens, closes = _at(day, hours.start, tz), _at(day, hours.end, tz)
            if closes > moment:
                yield max(opens, moment.astimezone(UTC)), closes


def _at(day: date, clock: time, tz: str) -> datetime:
    """A wall-clock time; one that a change of clocks leaves out becomes the one an hour later."""
    return datetime.combine(day, clock, zone(tz)).astimezone(UTC)


def _clock(hour: str | None, minute: str | None, half: str | None) -> time | None:
    if hour is None:
        return None
    number = int(hour)
    if half and not 1 <= number <= 12:
        raise _no_time()
    if half:
        number = number % 12 + (12 if half == "pm" else 0)
    try:
        return time(number, int(minute or 0))
    except ValueError:
        raise _no_time() from None


def _no_time() -> ExpressionError:
    return ExpressionError(say("Enter a time of day, for example 09:00."))


def _never() -> ExpressionError:
    return ExpressionError(say("These business hours never occur. Check the days and holidays in the settings."))
