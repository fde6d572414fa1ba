"""Dates and times as people and programs write them (tests/corpus/dates.toml), and patterns (date_patterns.toml)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowapp.errors import UnreadableError
from flowapp.values.conventions import Conventions
from flowapp.values.date_text import read_date, write_date
from flowapp.values.dates import iso_instant, read_day, read_instant, read_moment
from flowapp.values.examples import day_example
from tests.corpus import rows

PARIS = ZoneInfo("Europe/Paris")
DATES = rows("dates")
PATTERNS = rows("date_patterns")
MOMENT = datetime(2026, 3, 31, 14, 5, 7, 999600, timezone(timedelta(hours=1)))


@pytest.mark.parametrize(("value", "locale", "right"), [row for row in DATES if row[2] and "|" not in row[2]])
def test_a_date_is_read(value: object, locale: str, right: str) -> None:
    moment = read_moment(value, Conventions(locale, PARIS))
    wanted = datetime.fromisoformat(right) if "T" in right else date.fromisoformat(right)
    assert moment == wanted
    assert isinstance(moment, datetime) is isinstance(wanted, datetime)


@pytest.mark.parametrize(("value", "locale", "right"), [row for row in DATES if "|" in row[2]])
def test_two_days_are_refused_and_named(value: object, locale: str, right: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        read_moment(value, Conventions(locale, PARIS))
    one, other = right.split("|")
    assert f"may mean {one} or {other}" in caught.value.reason
    assert "Settings, Organization" in caught.value.reason


@pytest.mark.parametrize(("value", "locale"), [row[:2] for row in DATES if not row[2]])
def test_what_is_no_date_is_refused(value: object, locale: str) -> None:
    with pytest.raises(UnreadableError, match=rf"is not a date\. Enter for example {day_example(locale)}"):
        read_moment(value, Conventions(locale, PARIS))


@pytest.mark.parametrize(
    ("value", "day", "instant"),
    [
        ("2026-03-30T22:00:00.000Z", "2026-03-31", "2026-03-30T22:00:00+00:00"),
        ("2026-03-30T21:59:59Z", "2026-03-30", "2026-03-30T21:59:59+00:00"),
        ("2026-03-31", "2026-03-31", "2026-03-30T22:00:00+00:00"),
        ("2026-12-31 00:30", "2026-12-31", "2026-12-30T23:30:00+00:00"),
        (1774994400, "2026-04-01", "2026-03-31T22:00:00+00:00"),
    ],
)
def test_a_moment_falls_on_the_organization_s_day(value: object, day: str, instant: str) -> None:
    conventions = Conventions("", PARIS)
    assert read_day(value, conventions).isoformat() == day
    assert read_instant(value, conventions).isoformat() == instant


def test_the_ends_of_time_are_refused_in_words() -> None:
    for value in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"):
        with pytest.raises(UnreadableError, match="is not a date"):
            read_instant(value)


@pytest.mark.parametrize(("pattern", "locale", "text"), [row for row in PATTERNS if row[2]])
def test_a_pattern_writes(pattern: str, locale: str, text: str) -> None:
    assert write_date(MOMENT, pattern, locale) == text


@pytest.mark.parametrize("pattern", [row[0] for row in PATTERNS if not row[2]])
def test_a_pattern_that_means_nothing_is_refused(pattern: str) -> None:
    for use in (lambda: write_date(MOMENT, pattern), lambda: read_date("2026-03-31", pattern)):
        with pytest.raises(UnreadableError):
            use()


def test_a_refused_pattern_says_which_letters_and_how_words_are_written() -> None:
    with pytest.raises(UnreadableError) as caught:
        write_date(MOMENT, "d de MMMM")
    assert caught.value.reason.startswith("“e” means nothing in the date format “d de MMMM”.")
    assert caught.value.reason.endswith("put words in quotes: 'at'.")


def test_a_day_without_a_time_is_written_as_midnight() -> None:
    assert write_date(date(2026, 3, 31), "dd/MM/yyyy HH:mm") == "31/03/2026 00:00"


READ_BACK = [
    "dd/MM/yyyy HH:mm:ss", "M/D/YYYY h:mm:ss A", "jj/mm/aaaa HHhmm ss", "yyyyMMddHHmmss", "EEEE d MMMM yyyy HH:mm:ss", "d MMM yyyy, H:mm:ss",
    "YYYY-MM-DDTHH:mm:ssZ", "dd.MM.yyyy kk:mm:ss", "%Y-%m-%d %H:%M:%S", "yyyy-DDD HH:mm:ss",
]  # fmt: skip


@given(
    st.datetimes(datetime(1970, 1, 1), datetime(2068, 12, 31)),
    st.sampled_from(READ_BACK),
    st.sampled_from(["en", "fr"]),
)
def test_what_a_pattern_writes_it_reads(moment: datetime, pattern: str, locale: str) -> None:
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    assert read_date(write_date(moment, pattern, locale), pattern, locale, UTC) == moment


@pytest.mark.parametrize(
    ("text", "pattern"),
    [("31/13/2026", "dd/MM/yyyy"), ("31/02/2026", "dd/MM/yyyy"), ("13:00 PM", "h:mm a"), ("3 brumaire 2026", "d MMMM yyyy"), ("x" * 10_000, "dd")],
)  # fmt: skip
def test_what_does_not_fit_a_pattern_is_refused(text: str, pattern: str) -> None:
    with pytest.raises(UnreadableError, match="is not a date in the format"):
        read_date(text, pattern)


def test_comparisons_read_iso_8601_alone() -> None:
    assert iso_instant("2026-03-31T10:00:00+02:00", UTC) == iso_instant("2026-03-31T08:00:00Z", UTC)
    assert iso_instant("2026-03-31", PARIS) == datetime(2026, 3, 30, 22, tzinfo=UTC)
    assert iso_instant("31/12/2026", UTC) is iso_instant("2026-13-31", UTC) is iso_instant("1234567890", UTC) is None
