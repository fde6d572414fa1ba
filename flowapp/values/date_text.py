"""Dates and times written and read by a pattern (values.patterns), with the names of a language."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache

from flowapp.errors import UnreadableError
from flowapp.texts import say
from flowapp.values.conventions import babel_locale
from flowapp.values.patterns import HOURS, read_pattern

Fields = dict[str, str]

_DIGITS = {"y": "[0-9]{1,4}", "D": "[0-9]{1,3}", **dict.fromkeys("MLdHhKkms", "[0-9]{1,2}")}
_OFFSET = r"Z|UTC|GMT|[+-][0-9]{2}:?(?:[0-9]{2})?"
_WORDS = {"E": r"[^\W\d_]{1,20}\.?", "a": r"[ap]\.?\ ?m\.?", **dict.fromkeys("zZXx%", _OFFSET)}
_LANGUAGES = ("en", "fr")  # read whatever the locale is


def write_date(moment: date, pattern: str, locale: str = "en") -> str:
    """A date or time by a pattern; of a date without a time it is midnight, of a time without an offset UTC."""
    from babel.dates import DateTimeFormat

    full = moment if isinstance(moment, datetime) else datetime.combine(moment, time())
    fields = DateTimeFormat(full, babel_locale(locale) or "en")
    return "".join(
        part.text if not part.is_field else _written(full, part.text) or fields[part.text]
        for part in read_pattern(pattern)
    )


def _written(moment: datetime, field: str) -> str:
    """What Babel does not write, or rounds up to a whole second."""
    if field.startswith("%"):
        return moment.strftime(field)
    if field[0] == "S":
        return f"{moment.microsecond:06d}".ljust(9, "0")[: len(field)]
    return ""


def read_date(text: str, pattern: str, locale: str = "", zone: tzinfo = UTC) -> date | datetime:
    """A date, or an aware time where the pattern has hours, read by a pattern. UnreadableError where it does not fit."""
    fields = _matched(" ".join(text.split()), pattern, locale)
    try:
        day = _day(fields, locale)
        if not HOURS & fields.keys():
            return day
        moment = datetime.combine(day, _clock(fields), _offset(fields, zone))
    except (ValueError, OverflowError):
        raise _unfit(text, pattern) from None
    return moment


def _matched(text: str, pattern: str, locale: str) -> Fields:
    """The text of each field, by its letter."""
    matched = _expression(pattern, locale).fullmatch(text) if len(text) <= 200 else None
    if matched is None:
        raise _unfit(text, pattern)
    return {name: found for name, found in matched.groupdict().items() if found is not None}


def _unfit(text: str, pattern: str) -> UnreadableError:
    return UnreadableError.of(
        say("“%(text)s” is not a date in the format “%(pattern)s”.", text=text[:50], pattern=pattern)
    )


@lru_cache(maxsize=256)
def _expression(pattern: str, locale: str) -> re.Pattern[str]:
    parts = read_pattern(" ".join(pattern.split()))
    pieces: list[str] = []
    seen: set[str] = set()
    for at, part in enumerate(parts):
        if not part.is_field:
            pieces.append(re.escape(part.text))  # the text has single spaces, too
            continue
        name = "Z" if part.text[0] in "zZXx%" else part.text[0]
        if name in seen:
            raise UnreadableError.of(say("The date format “%(pattern)s” names the same part twice.", pattern=pattern))
        seen.add(name)
        beside = [other for other in parts[max(0, at - 1) : at + 2] if other is not part and other.is_field]
        pieces.append(f"(?P<{name}>{_field(part.text, locale, pattern, joined=bool(beside))})")
    return re.compile("".join(pieces), re.IGNORECASE)


def _field(field: str, locale: str, pattern: str, *, joined: bool) -> str:
    letter, count = field[0], len(field)
    if letter in "ML" and count > 2:
        return "|".join(re.escape(name) for name in month_names(locale))
    if letter == "y" and count > 1:
        return f"[0-9]{{{count}}}"
    if letter == "S" or (letter in _DIGITS and joined and count > 1):
        return f"[0-9]{{{count}}}"
    known = _DIGITS.get(letter) or _WORDS.get(letter)
    if known is None:
        raise UnreadableError.of(
            say(
                "In the date format “%(pattern)s”, “%(letters)s” can only be used to write dates, not to read them.",
                letters=field,
                pattern=pattern,
            )
        )
    return known


def _day(fields: Fields, locale: str) -> date:
    year = int(fields.get("y", "1900"))
    if len(fields.get("y", "")) == 2:
        year += 2000 if year < 69 else 1900  # as POSIX and spreadsheets do
    if "D" in fields:
        return date(year, 1, 1) + timedelta(days=int(fields["D"]) - 1)
    month = fields.get("M") or fields.get("L") or "1"
    return date(
        year, int(month) if month.isdecimal() else month_names(locale)[plain_name(month)], int(fields.get("d", "1"))
    )


def _clock(fields: Fields) -> time:
    half = fields.get("a", "").lower()[:1]
    hour = int(next(fields[letter] for letter in HOURS if letter in fields))
    if half:
        hour = half_day(hour, half)
    elif "k" in fields:
        hour %= 24
    fraction = fields.get("S", "0").ljust(6, "0")[:6]
    return time(hour, int(fields.get("m", "0")), int(fields.get("s", "0")), int(fraction))


def half_day(hour: int, half: str) -> int:
    """12 a is midnight, 12 p noon. ValueError where the hour is none of a half day."""
    if not 0 <= hour <= 12:
        raise ValueError(hour)
    return hour % 12 + (12 if half == "p" else 0)


def _offset(fields: Fields, zone: tzinfo) -> tzinfo:
    return offset_of(fields["Z"]) if "Z" in fields else zone


def offset_of(text: str) -> tzinfo:
    """Z, UTC, GMT, +02:00, +0200 or +02. ValueError where it is more than a day."""
    if text[0] not in "+-":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    length = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-length if text[0] == "-" else length)


@lru_cache(maxsize=64)
def month_names(locale: str = "") -> Mapping[str, int]:
    """Names of months, wide and short, in English, French and the language of the locale; the longest first."""
    names = dict(_month_names(locale))
    return dict(sorted(names.items(), key=lambda named: -len(named[0])))


def _month_names(locale: str) -> Iterator[tuple[str, int]]:
    from babel.dates import get_month_names

    for known in filter(None, map(babel_locale, (*_LANGUAGES, locale))):
        for width in ("wide", "abbreviated"):
            for number, name in get_month_names(width, locale=known).items():
                yield from ((spelling, number) for spelling in {name.lower(), plain_name(name)})
    yield from {"sept": 9, "sept.": 9, "mars.": 3}.items()


def plain_name(name: str) -> str:
    """As month_names has it."""
    return name.lower().removesuffix(".")
