"""Durations and relative times as people write them, in English and French; ISO 8601 too. Pure: `now` is passed in."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from dateutil.relativedelta import relativedelta

from flowapp.errors import ExpressionError, UnreadableError
from flowapp.texts import join, say
from flowapp.values.conventions import UNSTATED, Conventions
from flowapp.values.date_text import write_date
from flowapp.values.dates import read_instant, read_moment

Notation = Callable[[], str]  # the organization's locale; empty where nobody has said
MAX_DURATION = timedelta(days=3660)  # ten years
_NO_ZONES = {"Factory", "localtime"}  # in the machine's list, but a placeholder, and whatever that machine is set to
MAX_YEARS = 200  # of a relative time: "-18 years" asks for an age

_WORDS = {
    "milliseconds": "ms millisecond milliseconds milliseconde millisecondes",
    "seconds": "s sec secs second seconds seconde secondes",
    "minutes": "m min mins minute minutes",
    "hours": "h hr hrs hour hours heure heures",
    "days": "d day days j jour jours",
    "weeks": "w wk week weeks sem semaine semaines",
    "months": "mo month months mois",
    "years": "y yr year years a an ans année années annee annees",
    "business": "bd businessday businessdays workingday workingdays workday workdays jourouvré joursouvrés"
    " jourouvre joursouvres jourouvrable joursouvrables",
}
_UNITS = {word: unit for unit, words in _WORDS.items() for word in words.split()}
_BUSINESS = re.compile(r"\b(business|working)\s+(days?)|\b(jours?)\s+(ouvr[ée]s?|ouvrables?)")
_PART = re.compile(r"([0-9]+(?:[.,][0-9]+)?)\s*([a-zà-ÿ]+)\s*(?:,|\band\b|\bet\b)?\s*")
_ISO = re.compile(
    r"P(?=[0-9T])(?:([0-9.,]+)Y)?(?:([0-9.,]+)M)?(?:([0-9.,]+)W)?(?:([0-9.,]+)D)?"
    r"(?:T(?=[0-9])(?:([0-9.,]+)H)?(?:([0-9.,]+)M)?(?:([0-9.,]+)S)?)?"
)
_ISO_UNITS = ("years", "months", "weeks", "days", "hours", "minutes", "seconds")
_HALF_HOUR = re.compile(r"([0-9]{1,4})\s*h\s*([0-9]{1,2})")  # 1h30, as the French write it
_SECONDS = re.compile(r"[0-9]+([.,][0-9]+)?")

_ACCEPTED_DURATION = say("Enter a duration, for example “90 seconds”, “2 days”, “1h30m” or “PT90S”.")
_ACCEPTED_TIME = say(
    "Enter for example “+3 days”, “-2 hours”, “+7 business days”, “P2D” or a date such as “2025-10-18” or "
    "“2025-10-18T09:30:00+02:00”."
)


def unstated() -> str:
    """The notation of whoever knows of no organization."""
    return ""


def any_notation() -> str:
    """Reads every date that some notation reads, for checks where no organization is known."""
    return "en-GB"


class _Span(NamedTuple):
    """Calendar part (kept on the wall clock), business days, exact part."""

    calendar: relativedelta
    business: int
    exact: timedelta


def parse_duration(value: object) -> timedelta:
    """A length of time: text such as "2 days", "1h30m", "1,5 heure", "PT90S", or a number of seconds.

    From zero to ten years; a month is 30 days and a year 365. Raises ExpressionError.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = f"{value:f}" if abs(value) < 1e12 else "∞"
    if not isinstance(value, str):
        raise ExpressionError(join(" ", (say("A duration is missing."), _ACCEPTED_DURATION)))
    text = value.strip().removeprefix("+").strip()
    parts = {"seconds": _decimal(text)} if len(text) < 30 and _SECONDS.fullmatch(text) else _parts(text)
    if not parts or "business" in parts:
        wrong = say("“%(text)s” is not a duration.", text=value[:100])
        raise ExpressionError(join(" ", (wrong, _ACCEPTED_DURATION)))
    parts["days"] = parts.get("days", 0) + 30 * parts.pop("months", 0) + 365 * parts.pop("years", 0)
    try:
        duration = timedelta(**parts)
    except OverflowError:
        duration = timedelta.max
    if duration > MAX_DURATION:
        raise ExpressionError(say("“%(text)s” is too long: the maximum is ten years.", text=value[:100]))
    return duration


def resolve_relative(value: object, now: datetime, tz: str = "UTC", notation: Notation = unstated) -> datetime:
    """The moment (aware, UTC) that `value` means: "+3 days", "-2 hours", "+7 business days", "P2D", "now", ISO date or time.

    Days, weeks, months and years keep the wall clock of `tz` across a change of clocks, hours and less are exact.
    A date is its first moment in `tz`, and so is a time without an offset read. Business days are Monday to Friday;
    holidays are not known. Without a sign the time lies ahead. `notation` reads 03/04/2026. Raises ExpressionError.
    """
    text = value.strip() if isinstance(value, str) else ""
    if text.lower() == "now":
        return now.astimezone(UTC)
    moment = parse_moment(text, tz, notation)
    if moment is not None:
        return moment
    return shift(text, now.astimezone(zone(tz))).astimezone(UTC)


def parse_moment(text: str, tz: str = "UTC", notation: Notation = unstated) -> datetime | None:
    """A date or time (values.dates) as an aware UTC datetime; None where `text` is neither, or may mean two days."""
    try:
        conventions = Conventions(zone=zone(tz))
        return read_instant(_read(text, notation, conventions), conventions)
    except UnreadableError:
        return None


def _read(text: str, notation: Notation, conventions: Conventions = UNSTATED) -> date | datetime:
    """The notation is asked for only where the text does not say by itself what it is."""
    try:
        return read_moment(text, conventions)
    except UnreadableError:
        locale = notation()
        if not locale:
            raise
        return read_moment(text, replace(conventions, locale=locale))


def shift(text: str, moment: datetime) -> datetime:
    """`moment` moved by a relative time, calendar parts on its own wall clock. Raises ExpressionError."""
    span = _span(text)
    try:
        moved = moment + span.calendar if span.calendar else moment
        moved = _add_business_days(moved, span.business) if span.business else moved
        result = moved if not span.exact else (moved.astimezone(UTC) + span.exact).astimezone(moment.tzinfo)
        # A wall time that a change of clocks leaves out becomes the one that comes after it.
        return result.astimezone(UTC).astimezone(moment.tzinfo)
    except (OverflowError, ValueError):
        raise ExpressionError(say("“%(text)s” is outside the range of possible dates.", text=text[:100])) from None


@cache
def timezones() -> tuple[str, ...]:
    """The names of all time zones, in order."""
    return tuple(sorted(available_timezones() - _NO_ZONES))


def zone(tz: str) -> ZoneInfo:
    """The time zone called `tz`. Raises ExpressionError."""
    with suppress(KeyError, ValueError, OSError):
        if tz not in _NO_ZONES:
            return ZoneInfo(tz)
    raise ExpressionError(say("“%(zone)s” is not a time zone. Use for example “Europe/Paris” or “UTC”.", zone=tz[:100]))


def shift_text(text: str, by: str, notation: Notation = unstated) -> str:
    """An ISO date or time moved by `by`, in the same form: a date stays a date where whole days are added."""
    moment = _naive(text, notation)
    moved = shift(by, moment.replace(tzinfo=moment.tzinfo or UTC))
    if (len(text) == 10 or (moment.tzinfo is None and ":" not in text)) and moved.time() == time():
        return moved.date().isoformat()
    return (moved if moment.tzinfo else moved.replace(tzinfo=None)).isoformat()


def write(text: str, pattern: str, tz: str | None = None, locale: str = "en", notation: Notation = unstated) -> str:
    """A date or time by a pattern (values.patterns), in `tz` where one is given. ExpressionError.

    A time without an offset is in UTC, like every time in the database.
    """
    try:
        moment = _read(text, notation)
        if tz is not None:
            moment = read_instant(moment).astimezone(zone(tz))
        return write_date(moment, pattern, locale)
    except UnreadableError as error:
        raise ExpressionError(error.reason) from None


def _naive(text: str, notation: Notation) -> datetime:
    """A time that names no zone keeps none."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    try:
        moment = _read(text, notation)
    except UnreadableError as error:
        raise ExpressionError(error.reason) from None
    return moment if isinstance(moment, datetime) else datetime.combine(moment, time())


def _span(text: str) -> _Span:
    sign = -1 if text.startswith("-") else 1
    parts = _parts(text.lstrip("+-").strip()) if text[1:2] not in {"+", "-"} else {}
    whole = all(parts.get(unit, 0) % 1 == 0 for unit in ("months", "years", "business"))
    if not parts or not whole:
        wrong = say("“%(text)s” is not a date or a relative time.", text=text[:100])
        raise ExpressionError(join(" ", (wrong, _ACCEPTED_TIME)))
    days = parts.get("days", 0) + 7 * parts.get("weeks", 0)
    months = int(parts.get("months", 0) + 12 * parts.get("years", 0))
    business = int(parts.get("business", 0))
    exact = {unit: parts.get(unit, 0) for unit in ("hours", "minutes", "seconds", "milliseconds")}
    exact["days"] = days % 1  # half a day is twelve hours
    try:
        rest = timedelta(**exact)
    except OverflowError:
        rest = timedelta.max
    if months > MAX_YEARS * 12 or max(days, business, rest / timedelta(days=1)) > MAX_YEARS * 366:
        raise ExpressionError(
            say("“%(text)s” is too far away: the maximum is %(max)s years.", text=text[:100], max=MAX_YEARS)
        )
    return _Span(relativedelta(months=sign * months, days=sign * int(days)), sign * business, sign * rest)


def _parts(text: str) -> dict[str, float]:
    """Units and their amounts, empty where `text` is not written in any of the forms."""
    if len(text) > 100:
        return {}
    iso = _ISO.fullmatch(text.upper())
    if iso:
        return {unit: _decimal(part) for unit, part in zip(_ISO_UNITS, iso.groups(), strict=True) if part}
    text = _BUSINESS.sub(lambda m: "".join(part for part in m.groups() if part), text.lower())
    half = _HALF_HOUR.fullmatch(text)
    if half:
        return {"hours": float(half[1]), "minutes": float(half[2])}
    parts: dict[str, float] = {}
    at = 0
    while at < len(text):
        match = _PART.match(text, at)
        unit = _UNITS.get(match[2].replace(" ", "")) if match else None
        if match is None or unit is None:
            return {}
        parts[unit] = parts.get(unit, 0) + _decimal(match[1])
        at = match.end()
    return parts


def _decimal(text: str) -> float:
    try:
        return float(text.replace(",", "."))
    except ValueError:  # 1.2.3 in an ISO duration
        wrong = say("“%(text)s” is not a number.", text=text[:100])
        raise ExpressionError(join(" ", (wrong, _ACCEPTED_DURATION))) from None


def _add_business_days(moment: datetime, days: int) -> datetime:
    """Whole weeks at once, the rest day by day; from a weekend the first business day counts as one."""
    step = 1 if days > 0 else -1
    while moment.weekday() >= 5:  # so that "+5" from a Saturday is Friday, as "+5" from the Friday before
        moment -= timedelta(days=step)
    weeks, rest = divmod(abs(days), 5)
    moment += timedelta(weeks=step * weeks)
    while rest:
        moment += timedelta(days=step)
        rest -= moment.weekday() < 5
    return moment
