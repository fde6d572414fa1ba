"""Numbers and dates for messages that say how to write one: as an organization writes them, else in plain notation."""

from __future__ import annotations

from datetime import datetime
from functools import cache

from flowapp.values.conventions import babel_locale

_MOMENT = datetime(2026, 12, 31, 14, 30)  # noqa: DTZ001 - shown as it is, in no zone


@cache
def number_example(locale: str = "") -> str:
    """1234.50, or 1234,50."""
    known = babel_locale(locale) if locale else None
    if known is None:
        return "1234.50"
    from babel.numbers import get_decimal_symbol  # see babel_locale

    return f"1234{get_decimal_symbol(known)}50"


@cache
def day_example(locale: str = "") -> str:
    """2026-12-31, or 31/12/2026."""
    return _MOMENT.strftime(_pattern(locale))


@cache
def moment_example(locale: str = "") -> str:
    """The same with a time of day."""
    return _MOMENT.strftime(f"{_pattern(locale)} %H:%M")


def _pattern(locale: str) -> str:
    """Day, month and year as the locale's short dates order and part them; the year first where they begin with it."""
    known = babel_locale(locale) if locale else None
    pattern = str(known.date_formats["short"].pattern) if known else ""
    order = sorted("dMy", key=pattern.find)
    if not pattern or order[0] == "y":
        return "%Y-%m-%d"
    mark = next(char for char in pattern if char in "./-")
    return mark.join({"d": "%d", "M": "%m", "y": "%Y"}[letter] for letter in order)
