"""Business hours across weekends, holidays and changes of clocks; weekdays at a time."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pytest

from flowapp.catalog.hours import Hours, Span, add, at_time, opening, parse_next, parse_span
from flowapp.errors import ExpressionError

PARIS, NEW_YORK = "Europe/Paris", "America/New_York"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("2 business hours", Span("hours", 2)), ("1.5 working hours", Span("hours", 1.5)),
        ("30 business minutes", Span("hours", 0.5)), ("3 Business Days", Span("days", 3)), ("+7 business days", Span("days", 7)),
        ("1 working day", Span("days", 1)), ("3 jours ouvrés", Span("days", 3)), ("1 jour ouvré", Span("days", 1)),
        ("2 heures ouvrées", Span("hours", 2)), ("2 jours ouvrables", Span("days", 2)),
        ("2 days", None), ("business", None), ("2 business weeks", None), ("-2 business days", None), (5, None), ("", None),
    ],
)  # fmt: skip
def test_spans_as_people_write_them(text, span) -> None:
    assert parse_span(text) == span


@pytest.mark.parametrize("text", ["1.5 business days", "2601 business days", "20801 business hours"])
def test_spans_that_cannot_be(text) -> None:
    with pytest.raises(ExpressionError):
        parse_span(text)


HOLIDAYS = Hours.of({"days": ["mon", "tue", "wed", "thu", "fri"], "start": "09:00", "end": "17:00", "holidays": ["2026-12-25"]})  # fmt: skip
NIGHT = Hours(frozenset(range(7)), time(0, 0), time(23, 59))


@pytest.mark.parametrize(
    ("start", "amount", "end"),
    [
        ("2026-03-04T10:00", 2, "2026-03-04T12:00"),  # a Wednesday
        ("2026-03-04T16:00", 2, "2026-03-05T10:00"),
        ("2026-03-04T05:00", 2, "2026-03-04T11:00"),
        ("2026-03-04T20:00", 2, "2026-03-05T11:00"),
        ("2026-03-06T16:30", 1, "2026-03-09T09:30"),  # Friday to Monday
        ("2026-03-07T12:00", 8, "2026-03-09T17:00"),
        ("2026-03-07T12:00", 8.5, "2026-03-10T09:30"),
        ("2026-12-24T16:00", 2, "2026-12-28T10:00"),  # over Christmas and a weekend
        ("2026-03-04T10:00", 0, "2026-03-04T10:00"),
        ("2026-03-04T17:00", 0, "2026-03-05T09:00"),
    ],
)
def test_business_hours_in_utc(start, amount, end) -> None:
    assert add(utc(start), Span("hours", amount), HOLIDAYS) == utc(end)


def test_hours_are_those_of_the_zone() -> None:
    # Friday 16:30 in Paris (winter), 10:30 in New York
    friday = utc("2026-03-06T15:30")
    assert add(friday, Span("hours", 1), Hours(), PARIS) == utc("2026-03-09T08:30")
    assert add(friday, Span("hours", 1), Hours(), NEW_YORK) == utc("2026-03-06T16:30")


@pytest.mark.parametrize(
    ("tz", "friday", "monday"),
    [
        (PARIS, "2026-03-27T15:30", "2026-03-30T07:30"),  # clocks go forward on the 29th
        (PARIS, "2026-10-23T14:30", "2026-10-26T08:30"),  # and back on October 25th
        (NEW_YORK, "2026-03-06T21:30", "2026-03-09T13:30"),
        (NEW_YORK, "2026-10-30T20:30", "2026-11-02T14:30"),
    ],
)
def test_a_weekend_with_a_change_of_clocks(tz, friday, monday) -> None:
    """From 16:30 on Friday, an hour later is 9:30 on Monday, on the wall."""
    assert add(utc(friday), Span("hours", 1), Hours(), tz) == utc(monday)


def test_an_hour_is_an_hour_on_the_day_of_the_change() -> None:
    """Open from midnight, the clocks going from 2 to 3: five hours after 0:00 it is 6:00 on the wall."""
    assert add(utc("2026-03-28T23:00"), Span("hours", 5), NIGHT, PARIS) == utc("2026-03-29T04:00")
    assert add(utc("2026-10-24T22:00"), Span("hours", 5), NIGHT, PARIS) == utc("2026-10-25T03:00")


def test_an_opening_time_that_does_not_exist() -> None:
    hours = Hours(frozenset(range(7)), time(2, 30), time(6))
    assert opening(utc("2026-03-28T23:00"), hours, PARIS) == utc("2026-03-29T01:30")


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        ("2026-03-04T10:00", 3, "2026-03-09T10:00"),
        ("2026-03-06T18:00", 3, "2026-03-11T18:00"),
        ("2026-03-07T12:00", 1, "2026-03-09T12:00"),
        ("2026-12-24T10:00", 1, "2026-12-28T10:00"),
        ("2026-03-04T10:00", 0, "2026-03-04T10:00"),
        ("2026-03-04T10:00", 260, "2027-03-04T10:00"),
    ],
)
def test_business_days_keep_the_wall_clock(start, days, end) -> None:
    assert add(utc(start), Span("days", days), HOLIDAYS) == utc(end)


def test_business_days_across_a_change_of_clocks() -> None:
    assert add(utc("2026-03-27T08:00"), Span("days", 1), Hours(), PARIS) == utc("2026-03-30T07:00")


def test_hours_that_never_come_are_an_error() -> None:
    every = [day.isoformat() for day in _days(2026, 366)]
    one = Hours.of({"days": ["mon"], "start": "09:00", "end": "10:00", "holidays": every})
    assert opening(utc("2026-01-01T00:00"), one) > utc("2027-01-01T00:00")
    with pytest.raises(ExpressionError):
        add(utc("2026-01-01T00:00"), Span("hours", 20_000), one)


def _days(year: int, count: int):
    from datetime import date, timedelta

    return [date(year, 1, 1) + timedelta(days=at) for at in range(count)]


WEDNESDAY = utc("2026-03-04T09:30")  # 10:30 in Paris


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("next monday 09:00", "2026-03-09T08:00"),
        ("Monday at 9:00", "2026-03-09T08:00"),
        ("monday 9am", "2026-03-09T08:00"),
        ("friday 5pm", "2026-03-06T16:00"),
        ("wednesday 12pm", "2026-03-04T11:00"),
        ("wednesday 12 am", "2026-03-10T23:00"),
        ("wednesday 10:30", "2026-03-11T09:30"),
        ("wednesday 10:31", "2026-03-04T09:31"),
        ("next sunday", "2026-03-07T23:00"),
        ("lundi prochain à 9h30", "2026-03-09T08:30"),
        ("jeudi 9h", "2026-03-05T08:00"),
        ("next business day", "2026-03-05T08:00"),
        ("next business day 08:30", "2026-03-05T07:30"),
        ("business day 11:00", "2026-03-04T10:00"),
    ],
)
def test_the_next_weekday_at_a_time(text, found) -> None:
    assert parse_next(text, WEDNESDAY, PARIS) == utc(found)


@pytest.mark.parametrize("text", ["2026-03-09", "+3 days", "next", "moonday 09:00", "", None, "monday tuesday"])
def test_other_texts_are_left_to_others(text) -> None:
    assert parse_next(text, WEDNESDAY, PARIS) is None


@pytest.mark.parametrize("text", ["monday 25:00", "monday 9:75", "monday 13pm"])
def test_times_that_do_not_exist(text) -> None:
    with pytest.raises(ExpressionError):
        parse_next(text, WEDNESDAY, PARIS)


def test_the_next_business_day_knows_holidays() -> None:
    hours = Hours(holidays=frozenset({utc("2026-03-05T00:00").date()}), start=time(8))
    assert parse_next("next business day", WEDNESDAY, PARIS, hours) == utc("2026-03-06T07:00")


def test_a_time_of_the_same_day() -> None:
    assert at_time(utc("2026-03-04T23:30"), "09:00", PARIS) == utc("2026-03-05T08:00")


def test_the_next_weekday_is_a_business_day():
    saturday = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert parse_next("next weekday at 09:00", saturday, "Europe/Paris") == datetime(2026, 11, 23, 8, tzinfo=UTC)
