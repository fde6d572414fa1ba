"""Cron expressions: read, in words, and the wall times they mean.

Croniter reads them, with two things that it does not know written as it knows them: `5L` (the last Friday of the month)
is its `L5`, and `LW` (the last weekday of the month) is looked for among the days that it can be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from babel.dates import get_day_names, get_month_names
from cron_descriptor import Options, get_description
from croniter import CroniterError, croniter

from flowapp.catalog import N_
from flowapp.texts import say

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
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_LAST = re.compile(r"([0-7]|sun|mon|tue|wed|thu|fri|sat)l", re.IGNORECASE)  # the last such day of the month
_LAST_WEEKDAY = "LW"
_STEP = re.compile(r"(\*|[0-9]+)/([1-9][0-9]*)")
_DAY_31 = 31  # months differ in length, so no step divides them
_RANGES = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6))  # of the six fields, seconds first


def parsed(text: str) -> Sequence[Sequence[object]]:
    """Croniter's reading of an expression. ValueError says what is wrong with it."""
    fields = _fields(text)
    if len(fields) not in (5, 6) or _HASHED.search(" ".join(fields)):
        raise ValueError(say("Enter 5 fields (minute, hour, day, month, weekday), or 6 with seconds first."))
    if _ends_on_weekday(fields) and fields[-1] not in ("*", "?"):
        raise ValueError(say("LW already says which weekday: write * in the last field."))
    try:
        return list(croniter.expand(" ".join(_known(fields)), second_at_beginning=True)[0])
    except _UNREADABLE:
        raise ValueError(_fault(fields)) from None


def counts_every_hour(text: str) -> bool:
    """Whether it has a time in every hour: such a schedule follows elapsed time."""
    return parsed(text)[1] == ["*"]


def slots(text: str, begin: datetime) -> Iterator[datetime]:
    """Wall times after `begin`, in order, without a zone."""
    fields = _fields(text)
    ends_on_weekday = _ends_on_weekday(fields)
    try:
        times = croniter(
            " ".join(_known(fields)), begin.replace(tzinfo=UTC), ret_type=datetime, second_at_beginning=True
        )
        while True:
            slot = times.get_next().replace(tzinfo=None)
            if not ends_on_weekday or _is_last_weekday(slot):
                yield slot
    except (CroniterError, OverflowError):
        return


def in_words(text: str, locale: str) -> str:
    """What it means; `locale` is en or fr."""
    language = locale[:2] if locale[:2] in _LOCALES else "en"
    options = Options(locale_code=_LOCALES[language])
    options.use_24hour_time_format = True
    words: str = get_description(" ".join(_listed(_fields(text))), options)
    if language != "en":  # cron-descriptor leaves the names of days and months in English
        for names in (get_day_names, get_month_names):
            english, own = names("wide", locale="en"), names("wide", locale=language)
            for at, name in english.items():
                words = re.sub(rf"\b{name}\b", own[at], words)
    return words


def _fields(text: str) -> list[str]:
    return _NAMED.get(text.strip().lower(), text.strip()).split()


def _ends_on_weekday(fields: Sequence[str]) -> bool:
    return len(fields) in (5, 6) and fields[-3].upper() == _LAST_WEEKDAY


def _known(fields: list[str]) -> list[str]:
    """The fields as croniter reads them. Of `LW` all days that the last weekday of a month can be."""
    *others, day, month, weekday = fields
    return [*others, "26-31" if _ends_on_weekday(fields) else day, month, _weekdays(weekday)]


def _weekdays(field: str) -> str:
    return ",".join(f"L{_number(found[1])}" if (found := _LAST.fullmatch(p)) else p for p in field.split(","))


def _number(day: str) -> int:
    return _DAYS.index(day.lower()) if day.isalpha() else int(day) % 7


def _is_last_weekday(slot: datetime) -> bool:
    """Whether it is the last day from Monday to Friday of its month."""
    following = slot + timedelta(days=7 - slot.weekday() if slot.weekday() >= 4 else 1)
    return slot.weekday() < 5 and following.month != slot.month


def _listed(fields: list[str]) -> list[str]:
    """The fields with each step that does not divide its range (`*/45`: 0 and 45) written out: in words it would be wrong."""
    ranges = _RANGES[-len(fields) :]
    return [
        ",".join(_written_out(part, first, last) for part in field.split(","))
        for field, (first, last) in zip(fields, ranges, strict=True)
    ]


def _written_out(part: str, first: int, last: int) -> str:
    found = _STEP.fullmatch(part)
    if found is None:
        return part
    step, begin = int(found[2]), first if found[1] == "*" else int(found[1])
    values = range(begin, last + 1, step)
    even = (
        last != _DAY_31 and values and begin + last + 1 - first - values[-1] == step
    )  # from the last to the next first
    if step == 1 or even:
        return part
    return ",".join(str(value) for value in values)


def _fault(fields: list[str]) -> str:
    """Which field of an expression croniter cannot read; each one is tried with all others at *."""
    for at, (field, fault) in enumerate(zip(fields, _FAULTS[-len(fields) :], strict=True)):
        for value in field.split(","):
            alone = [value if other == at else "*" for other in range(len(fields))]
            try:
                croniter.expand(" ".join(_known(alone)), second_at_beginning=True)
            except _UNREADABLE:
                return say(fault, value=value[:50])
    return say("This is not a valid cron expression.")
