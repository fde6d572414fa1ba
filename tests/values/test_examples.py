"""What a message gives as an example can be typed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from flowapp.errors import UnreadableError
from flowapp.values.conventions import LOCALES, Conventions
from flowapp.values.dates import read_day, read_instant
from flowapp.values.examples import day_example, moment_example, number_example
from flowapp.values.numbers import read_number


@pytest.mark.parametrize("locale", ["", *LOCALES])
def test_an_example_is_read_back_in_its_notation(locale: str) -> None:
    conventions = Conventions(locale)
    assert read_number(number_example(locale), locale) == Decimal("1234.50")
    assert read_day(day_example(locale), conventions) == date(2026, 12, 31)
    assert read_instant(moment_example(locale), conventions) == datetime(2026, 12, 31, 14, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("locale", "number", "day"),
    [
        ("", "1234.50", "2026-12-31"), ("en-US", "1234.50", "12/31/2026"), ("en-GB", "1234.50", "31/12/2026"),
        ("fr-FR", "1234,50", "31/12/2026"), ("de-DE", "1234,50", "31.12.2026"), ("nl-NL", "1234,50", "31-12-2026"),
        ("sv-SE", "1234,50", "2026-12-31"),
    ],
)  # fmt: skip
def test_what_is_refused_is_answered_with_an_example_of_the_organizations_notation(
    locale: str, number: str, day: str
) -> None:
    with pytest.raises(UnreadableError, match=f"is not a number. Enter for example {number}."):
        read_number("a lot", locale)
    with pytest.raises(UnreadableError, match=f"is not a date. Enter for example {day} or {day} 14:30."):
        read_day("soon", Conventions(locale))
