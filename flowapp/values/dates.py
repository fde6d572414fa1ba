"""Dates and times as people and programs write them.

ISO 8601, RFC 2822 (e-mail), seconds or milliseconds since 1970, `31 décembre 2026`, `Dec 31, 2026`, and days by number:
`31.12.2026` is day, month, year everywhere; `03/04/2026` by the locale, and is refused where that is not known.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import cache

from flowapp.errors import UnreadableError
from flowapp.texts import join, say
from flowapp.values.conventions import UNSTATED, Conventions, babel_locale
from flowapp.values.date_text import half_day, month_names, offset_of, plain_name
from flowapp.values.examples import day_example, moment_example

MAX_TEXT = 80  # characters
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS, _MILLISECONDS = (10**8, 10**11), (10**11, 10**14)  # 1973 to 5138
_EPOCH_TEXT = re.compile(r"[0-9]{9,10}|[0-9]{12,13}|[0-9]{9,10}\.[0-9]{1,9}")
_ISO = re.compile(r"[0-9]{4}(?:-[0-9W]|[0-9]{4}(?:T|$))")
_MAIL = re.compile(r"(?:[A-Za-z]{3}, ?)?[0-9]{1,2} [A-Za-z]{3} [0-9]{4} [0-9]{2}:[0-9]{2}(?::[0-9]{2})? \S{1,5}")
_CLOCK = (
    r"(?:[, T]+(?:at |à )?(?P<hour>[0-9]{1,2})(?:[:h.](?P<minute>[0-9]{2})?)?(?::(?P<second>[0-9]{2})(?:[.,][0-9]{1,9})?)?"
    r" ?(?P<half>[ap])?(?:(?<=[ap])\.?m\.?)? ?(?P<offset>Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_NUMBERED = re.compile(
    rf"(?P<one>[0-9]{{1,4}})(?P<mark>[/.\-])(?P<two>[0-9]{{1,2}})(?P=mark)(?P<three>[0-9]{{4}}|[0-9]{{2}}){_CLOCK}",
    re.IGNORECASE,
)
_WORD = r"[^\W\d_]+\.?"
_NAMED = re.compile(
    rf"(?:{_WORD},? )?(?:(?P<day>[0-9]{{1,2}})(?:er|st|nd|rd|th|\.)?[ \-](?:de |of )?(?P<month>{_WORD})"
    rf"|(?P<month_first>{_WORD}) (?P<day_after>[0-9]{{1,2}})(?:st|nd|rd|th)?)[ ,\-]+(?:de )?(?P<year>[0-9]{{4}}){_CLOCK}",
    re.IGNORECASE,
)


def read_moment(value: object, conventions: Conventions = UNSTATED) -> date | datetime:
    """A date, or a time: aware, in its own offset, else in the conventions' zone. UnreadableError."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=conventions.zone)
    if isinstance(value, date):
        return value
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _since_1970(Decimal(str(value)), value, conventions.locale)
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_TEXT:
        raise _refused(value, conventions.locale)
    text = " ".join(value.split())
    if _EPOCH_TEXT.fullmatch(text):
        return _since_1970(Decimal(text), text, conventions.locale)
    try:
        found = (
            _iso(text) or _from_mail(text) or _numbered(text, conventions.locale) or _named(text, conventions.locale)
        )
    except (ValueError, OverflowError, KeyError):
        found = None
    if found is None:
        raise _refused(value, conventions.locale)
    return found.replace(tzinfo=conventions.zone) if isinstance(found, datetime) and not found.tzinfo else found


def read_day(value: object, conventions: Conventions = UNSTATED) -> date:
    """The day that it is in the conventions' zone: 22:00Z is the next day in Paris, in summer."""
    moment = read_moment(value, conventions)
    try:
        return moment.astimezone(conventions.zone).date() if isinstance(moment, datetime) else moment
    except OverflowError:
        raise _refused(value, conventions.locale) from None


def read_instant(value: object, conventions: Conventions = UNSTATED) -> datetime:
    """In UTC; of a date its first moment in the conventions' zone."""
    moment = read_moment(value, conventions)
    full = moment if isinstance(moment, datetime) else datetime.combine(moment, time(), conventions.zone)
    try:
        return full.astimezone(UTC)
    except OverflowError:
        raise _refused(value, conventions.locale) from None


def iso_instant(text: str, zone: tzinfo) -> datetime | None:
    """In UTC, of ISO 8601 alone: what comparisons and sorting read. None of any other text."""
    if not (10 <= len(text) <= 40 and text[4] == "-" and text[7] == "-" and text[:4].isdecimal()):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _refused(value: object, locale: str) -> UnreadableError:
    wrong = say("“%(text)s” is not a date.", text=str(value).strip()[:50])
    day, moment = day_example(locale), moment_example(locale)
    return UnreadableError.of(
        join(" ", (wrong, say("Enter for example %(day)s or %(moment)s.", day=day, moment=moment)))
    )


def _since_1970(number: Decimal, given: object, locale: str) -> datetime:
    size = abs(number) if number.is_finite() else Decimal(0)
    if _SECONDS[0] <= size < _SECONDS[1]:
        return _EPOCH + timedelta(microseconds=int(number * 10**6))
    if _MILLISECONDS[0] <= size < _MILLISECONDS[1]:
        return _EPOCH + timedelta(microseconds=int(number * 1000))
    raise _refused(given, locale)


def _iso(text: str) -> date | datetime | None:
    if not _ISO.match(text):
        return None
    moment = datetime.fromisoformat(text.upper() if text.endswith("z") else text)
    has_time = any(mark in text[8:] for mark in ":T ") or "T" in text
    return moment if has_time else moment.date()


def _from_mail(text: str) -> datetime | None:
    return parsedate_to_datetime(text) if _MAIL.fullmatch(text) else None


def _numbered(text: str, locale: str) -> date | datetime | None:
    match = _NUMBERED.fullmatch(text)
    if match is None:
        return None
    one, two, three = int(match["one"]), int(match["two"]), int(match["three"])
    if len(match["one"]) > 2:
        return _with_clock(date(one, two, three), match) if len(match["one"]) == 4 else None
    year = three if len(match["three"]) == 4 else three + (2000 if three < 69 else 1900)
    if match["mark"] == "." or _order(locale) == "day":
        return _with_clock(date(year, two, one), match)
    if _order(locale) == "month":
        return _with_clock(date(year, one, two), match)
    if one <= 12 and two <= 12 and one != two:
        raise UnreadableError.of(
            say(
                "“%(text)s” may mean %(one)s or %(other)s. Write one of these, or choose under Settings, Organization, how "
                "dates are written.",
                text=text, one=date(year, two, one).isoformat(), other=date(year, one, two).isoformat(),
            )
        )  # fmt: skip
    return _with_clock(date(year, two, one) if one > 12 or one == two else date(year, one, two), match)


def _named(text: str, locale: str) -> date | datetime | None:
    match = _NAMED.fullmatch(text)
    if match is None:
        return None
    month = month_names(locale)[plain_name(match["month"] or match["month_first"])]
    return _with_clock(date(int(match["year"]), month, int(match["day"] or match["day_after"])), match)


def _with_clock(day: date, match: re.Match[str]) -> date | datetime:
    if match["hour"] is None:
        return day
    hour = half_day(int(match["hour"]), match["half"].lower()) if match["half"] else int(match["hour"])
    clock = time(hour, int(match["minute"] or 0), int(match["second"] or 0))
    return datetime.combine(day, clock, offset_of(match["offset"]) if match["offset"] else None)


@cache
def _order(locale: str) -> str:
    """What comes first in a locale's short dates, the day or the month; empty where that is not known, or the year does."""
    known = babel_locale(locale)
    pattern = str(known.date_formats["short"].pattern) if known else "y"
    first = min("yMd", key=lambda letter: pattern.find(letter) if letter in pattern else len(pattern))
    return {"d": "day", "M": "month", "y": ""}[first]
