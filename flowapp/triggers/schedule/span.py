"""Intervals that a cron expression cannot say (every 45 or 90 minutes, every 5 hours): elapsed time, counted from a start."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flowapp.catalog.times import zone
from flowapp.texts import localized, say

_YEARS = range(1970, 2300)


def read_start(text: str, timezone: str) -> datetime:
    """The moment that a text says, on the wall clock of the zone where it names none; this minute where it is empty.

    ValueError for what is no date and time.
    """
    if not text:
        return datetime.now(UTC).replace(second=0, microsecond=0)
    moment = datetime.fromisoformat(text)
    if moment.year not in _YEARS:
        raise ValueError(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone(timezone))).astimezone(UTC)


def next_after(start: datetime, step: timedelta, after: datetime) -> datetime:
    """The first of start, start + step, start + 2 steps … after `after`."""
    return start if after < start else start + ((after - start) // step + 1) * step


def in_words(count: int, *, hours: bool, start: datetime, timezone: str, locale: str) -> str:
    """What it means; `locale` is en or fr."""
    at = start.astimezone(zone(timezone)).strftime("%Y-%m-%d %H:%M")
    told = (
        say("Every %(count)s hours, counted from %(start)s", count=count, start=at)
        if hours
        else say("Every %(count)s minutes, counted from %(start)s", count=count, start=at)
    )
    return localized(told, "fr" if locale[:2] == "fr" else "en")
