"""Durations and relative times."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowapp.catalog.times import parse_duration, parse_moment, resolve_relative, timezones, zone
from flowapp.errors import ExpressionError

NOW = datetime(2025, 10, 17, 10, 30, tzinfo=UTC)  # a Friday


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("90 seconds", 90),
        ("2 days", 172_800),
        ("1h30m", 5400),
        ("1h 30min", 5400),
        ("1h30", 5400),
        ("2 days and 3 hours", 183_600),
        ("1 jour et 2 heures", 93_600),
        ("3 semaines", 1_814_400),
        ("1,5 heure", 5400),
        ("1.5 hours", 5400),
        ("500 ms", 0.5),
        ("1 month", 2_592_000),
        ("1 an", 31_536_000),
        ("PT90S", 90),
        ("P2D", 172_800),
        ("p1dt2h", 93_600),
        ("P1W", 604_800),
        ("PT0.5S", 0.5),
        (" +5 Minutes ", 300),
        ("90", 90),
        (90, 90),
        (0.25, 0.25),
        (0, 0),
    ],
)
def test_durations(value, seconds):
    assert parse_duration(value) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "value",
    ["", " ", "soon", "days", "-5 minutes", -1, "2 parsecs", "P", "PT", "P2", "1 2 3", "3 business days", None, True,
     [], {}, "11 years", 10**400, float("inf"), float("nan"), "9" * 29, "9" * 90 + " days", "x" * 10**6, "1.2.3 days",
     "PT1.2.3S", "²s"],
)  # fmt: skip
def test_what_is_no_duration_is_refused_with_examples(value):
    with pytest.raises(ExpressionError) as caught:
        parse_duration(value)
    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("+3 days", "2025-10-20T10:30"),
        ("3 days", "2025-10-20T10:30"),
        ("-2 hours", "2025-10-17T08:30"),
        ("+1 week", "2025-10-24T10:30"),
        ("+1 month", "2025-11-17T10:30"),
        ("-18 years", "2007-10-17T10:30"),
        ("+1 business day", "2025-10-20T10:30"),
        ("+7 business days", "2025-10-28T10:30"),
        ("-1 business day", "2025-10-16T10:30"),
        ("-5 jours ouvrés", "2025-10-10T10:30"),
        ("+2 jours ouvrables", "2025-10-21T10:30"),
        ("+1.5 days", "2025-10-18T22:30"),
        ("P1DT1H", "2025-10-18T11:30"),
        ("-PT30M", "2025-10-17T10:00"),
        ("now", "2025-10-17T10:30"),
        ("2025-12-01", "2025-12-01T00:00"),
        ("2025-12-01T08:00:00+02:00", "2025-12-01T06:00"),
        ("2025-12-01T08:00:00Z", "2025-12-01T08:00"),
    ],
)
def test_relative_times(text, moment):
    found = resolve_relative(text, NOW)
    assert found == datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert found.tzinfo is UTC


def test_days_keep_the_wall_clock_when_clocks_change_and_hours_do_not():
    before = datetime(2025, 10, 25, 12, 0, tzinfo=ZoneInfo("Europe/Paris"))
    assert resolve_relative("+1 day", before, "Europe/Paris") - before.astimezone(UTC) == timedelta(hours=25)
    assert resolve_relative("+24 hours", before, "Europe/Paris") - before.astimezone(UTC) == timedelta(hours=24)
    assert resolve_relative("+1 day", before, "UTC") - before.astimezone(UTC) == timedelta(hours=24)


def test_a_wall_time_that_does_not_exist_becomes_the_next_one():
    before = datetime(2025, 3, 29, 2, 30, tzinfo=ZoneInfo("Europe/Paris"))
    found = resolve_relative("+1 day", before, "Europe/Paris").astimezone(ZoneInfo("Europe/Paris"))
    assert (found.day, found.hour, found.minute) == (30, 3, 30)


def test_dates_and_bare_times_are_read_in_the_zone():
    assert resolve_relative("2025-07-01", NOW, "Europe/Paris") == datetime(2025, 6, 30, 22, tzinfo=UTC)
    assert parse_moment("2025-07-01T09:00", "Europe/Paris") == datetime(2025, 7, 1, 7, tzinfo=UTC)
    assert parse_moment("tomorrow at nine") is None


@pytest.mark.parametrize("day", [18, 19])
def test_business_days_from_a_weekend(day):
    assert resolve_relative("+1 business day", datetime(2025, 10, day, tzinfo=UTC)).day == 20
    assert resolve_relative("+5 business days", datetime(2025, 10, day, tzinfo=UTC)).day == 24
    assert resolve_relative("-1 business day", datetime(2025, 10, day, tzinfo=UTC)).day == 17


@pytest.mark.parametrize(
    "value",
    ["", "+", "--3 days", "+-3 days", "soon", "+300 years", "+1.5 months", "2025-13-01", None, 5, "+9999999999 days"],
)
def test_what_is_no_time_is_refused_with_examples(value):
    with pytest.raises(ExpressionError):
        resolve_relative(value, NOW)


@pytest.mark.parametrize("tz", ["Mars/Base", "../etc/passwd", "", "Europe", "\x00"])
def test_an_unknown_zone_is_named(tz):
    with pytest.raises(ExpressionError, match="is not a time zone"):
        resolve_relative("+1 day", NOW, tz)


def test_the_end_of_the_calendar():
    with pytest.raises(ExpressionError, match="outside the range of possible dates"):
        resolve_relative("+100 years", datetime(9950, 1, 1, tzinfo=UTC))
    assert parse_moment("0001-01-01", "Asia/Tokyo") is None


@settings(max_examples=300)
@given(
    st.text(max_size=30)
    | st.lists(
        st.sampled_from(
            ["+", "-", "P", "T", "1", "3.5", ",", " ", "day", "h", "M", "S", "business", "jours ouvrés", "and"]
        ),
        max_size=8,
    ).map("".join)
)
def test_any_text_is_a_time_or_an_expression_error(text):
    for act in (parse_duration, lambda value: resolve_relative(value, NOW, "Europe/Paris")):
        try:
            act(text)
        except ExpressionError as error:
            assert error.message


@given(st.integers(-60, 60), st.integers(0, 13))
def test_business_days_are_the_weekdays_counted_one_by_one(count, start):
    moment = datetime(2025, 10, 13, 12, tzinfo=UTC) + timedelta(days=start)
    expected, step = moment, 1 if count > 0 else -1
    for _ in range(abs(count)):
        expected += timedelta(days=step)
        while expected.weekday() >= 5:
            expected += timedelta(days=step)
    assert resolve_relative(f"{count:+d} business days", moment) == expected


def test_zones_are_real_ones() -> None:
    names = timezones()
    assert {"UTC", "Europe/Paris"} <= set(names)
    assert not {"Factory", "localtime"} & set(names)
    for name in ("Factory", "localtime", "Mars/Phobos", ""):
        with pytest.raises(ExpressionError, match="is not a time zone"):
            zone(name)
