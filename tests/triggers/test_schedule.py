"""Schedules on the wall clock, through both changes of clocks in several zones."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from flowapp.catalog import get_trigger, load
from flowapp.errors import InvalidError
from flowapp.triggers.schedule import ScheduleParams, check, describe, expression, next_fire, upcoming

PARIS = "Europe/Paris"  # 2025: forward on 30 March 02:00, back on 26 October 03:00
NEW_YORK = "America/New_York"  # forward on 9 March 02:00, back on 2 November 02:00


def schedule(**values) -> ScheduleParams:
    return ScheduleParams.model_validate(values)


def cron(text: str, zone: str = "UTC") -> ScheduleParams:
    return schedule(cron=text, timezone=zone)


def walls(config: ScheduleParams, begin: str, end: str) -> list[str]:
    """Wall times (month-day hour:minute and offset) of all firings after `begin` until `end`, given as wall times."""
    zone = ZoneInfo(config.timezone)
    at, last = (datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC) for text in (begin, end))
    found = []
    while (moment := next_fire(config, at)) is not None and moment <= last:
        assert moment > at
        found.append(moment.astimezone(zone).strftime("%m-%d %H:%M%z"))
        at = moment
    return found


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (cron("0 9 * * 1-5"), "2025-10-20T09:00:00"),
        (cron("*/15 * * * *"), "2025-10-18T10:45:00"),
        (cron("30 10 * * *"), "2025-10-19T10:30:00"),
        (cron("*/20 * * * * *"), "2025-10-18T10:30:20"),
        (cron("15 30 10 * * *"), "2025-10-18T10:30:15"),
        (cron("0 0 29 2 *"), "2028-02-29T00:00:00"),
        (cron("0 0 31 2 1"), "2026-02-02T00:00:00"),
        (cron("@daily"), "2025-10-19T00:00:00"),
        (cron("0 2 * * *", PARIS), "2025-10-19T00:00:00"),
        (schedule(every="hourly", minute=5), "2025-10-18T11:05:00"),
        (schedule(every="daily"), "2025-10-19T09:00:00"),
        (schedule(every="daily", at="7:05", timezone="Asia/Tokyo"), "2025-10-18T22:05:00"),
        (schedule(every="weekly"), "2025-10-20T09:00:00"),
        (schedule(every="weekly", weekday="sunday", at="00:00"), "2025-10-19T00:00:00"),
        (schedule(every="weekly", weekday=["friday", "tuesday"], at="08:00"), "2025-10-21T08:00:00"),
        (schedule(every="weekdays", at="08:00"), "2025-10-20T08:00:00"),
        (schedule(every="minutes", minutes=20), "2025-10-18T10:40:00"),
        (schedule(every="minutes", minutes=1), "2025-10-18T10:31:00"),
        (schedule(every="hours", hours=4, minute=5), "2025-10-18T12:05:00"),
        (schedule(every="hours", hours=1, minute=5), "2025-10-18T11:05:00"),
        (schedule(every="hours", hours=24, minute=5), "2025-10-19T00:05:00"),
        (schedule(every="minutes", minutes=45, start="2025-10-18 10:00"), "2025-10-18T10:45:00"),
        (schedule(every="minutes", minutes=90, start="2025-10-01T07:10+00:00"), "2025-10-18T11:40:00"),
        (schedule(every="minutes", minutes=90, start="2025-10-19 08:00", timezone=PARIS), "2025-10-19T06:00:00"),
        (schedule(every="minutes", minutes=60, start="2025-10-18T10:30:00Z"), "2025-10-18T11:30:00"),
        (schedule(every="hours", hours=5, start="2025-10-18 08:00", timezone=PARIS), "2025-10-18T11:00:00"),
        (schedule(every="hours", hours=100, start="2025-10-18 08:00"), "2025-10-22T12:00:00"),
        (cron("0 0 * * 5L"), "2025-10-31T00:00:00"),
        (cron("0 0 * * L5"), "2025-10-31T00:00:00"),
        (cron("0 0 * * FRIL"), "2025-10-31T00:00:00"),
        (cron("0 0 * * 7L"), "2025-10-26T00:00:00"),
        (cron("0 12 LW * *"), "2025-10-31T12:00:00"),
        (schedule(every="monthly", day=3), "2025-11-03T09:00:00"),
        (schedule(every="monthly", day="last"), "2025-10-31T09:00:00"),
        (schedule(every="monthly", day="12", cron=""), "2025-11-12T09:00:00"),
    ],
)
def test_the_next_firing(config, expected) -> None:
    after = datetime(2025, 10, 18, 10, 30, tzinfo=UTC)
    assert next_fire(config, after) == datetime.fromisoformat(expected).replace(tzinfo=UTC)
    check(config)


def test_microseconds_do_not_lose_a_slot() -> None:
    after = datetime(2025, 10, 18, 10, 29, 59, 999_999, tzinfo=UTC)
    assert next_fire(cron("30 10 * * *"), after) == datetime(2025, 10, 18, 10, 30, tzinfo=UTC)
    assert next_fire(cron("30 10 * * *"), after + timedelta(microseconds=2)) == datetime(
        2025, 10, 19, 10, 30, tzinfo=UTC
    )


def test_after_may_be_in_any_zone() -> None:
    after = datetime(2025, 10, 18, 10, 30, tzinfo=ZoneInfo("Asia/Tokyo"))
    assert next_fire(cron("0 2 * * *"), after) == datetime(2025, 10, 18, 2, 0, tzinfo=UTC)


def test_an_hour_that_is_left_out_fires_that_much_later() -> None:
    assert walls(cron("30 2 * * *", PARIS), "2025-03-29T00:00", "2025-04-01T00:00") == [
        "03-29 02:30+0100", "03-30 03:30+0200", "03-31 02:30+0200",
    ]  # fmt: skip
    assert walls(cron("*/30 2-3 * * *", PARIS), "2025-03-30T00:00", "2025-03-31T00:00") == [
        "03-30 03:00+0200", "03-30 03:30+0200",
    ]  # fmt: skip
    assert walls(cron("45 1,2 * * *", NEW_YORK), "2025-03-09T00:00", "2025-03-10T00:00") == [
        "03-09 01:45-0500", "03-09 03:45-0400",
    ]  # fmt: skip


def test_a_shifted_slot_does_not_hide_those_before_it() -> None:
    assert walls(cron("30 2,3 * * *", PARIS), "2025-03-30T00:00", "2025-03-31T00:00") == ["03-30 03:30+0200"]
    found = walls(cron("0,50 2,3 * * *", PARIS), "2025-03-30T00:00", "2025-03-31T00:00")
    assert found == ["03-30 03:00+0200", "03-30 03:50+0200"]
    found = walls(cron("10 2-4 * * *", PARIS), "2025-03-30T00:00", "2025-03-31T00:00")
    assert found == ["03-30 03:10+0200", "03-30 04:10+0200"]


def test_an_hour_that_comes_twice_fires_once() -> None:
    assert walls(cron("30 2 * * *", PARIS), "2025-10-25T12:00", "2025-10-27T12:00") == [
        "10-26 02:30+0200",
        "10-27 02:30+0100",
    ]
    assert walls(cron("*/20 1 * * *", NEW_YORK), "2025-11-02T00:00", "2025-11-02T12:00") == [
        "11-02 01:00-0400", "11-02 01:20-0400", "11-02 01:40-0400",
    ]  # fmt: skip


@pytest.mark.parametrize("zone", [PARIS, NEW_YORK, "Australia/Lord_Howe", "America/Havana", "Asia/Kolkata"])
@pytest.mark.parametrize("day", ["2025-03-08", "2025-03-29", "2025-04-05", "2025-10-04", "2025-10-25", "2025-11-01"])
def test_where_every_hour_counts_elapsed_time_does(zone, day) -> None:
    begin = datetime.fromisoformat(day).replace(tzinfo=UTC)
    found = upcoming(cron("*/30 * * * *", zone), begin, 100)
    assert {second - first for first, second in pairwise(found)} == {timedelta(minutes=30)}


@pytest.mark.parametrize("zone", [PARIS, NEW_YORK, "Australia/Lord_Howe", "America/Havana", "Pacific/Apia"])
@pytest.mark.parametrize("text", ["0 0 * * *", "30 0 * * *", "15 1 * * *", "30 2 * * *", "0 3 * * *", "45 23 * * *"])
def test_a_daily_slot_fires_once_on_every_day_of_the_year(zone, text) -> None:
    begin = datetime(2025, 1, 1, tzinfo=ZoneInfo(zone))
    found = upcoming(cron(text, zone), begin - timedelta(microseconds=1), 365)
    days = [moment.astimezone(ZoneInfo(zone)).date() for moment in found]
    assert days == [begin.date() + timedelta(days=at) for at in range(365)]


def test_asking_from_any_moment_gives_the_same_firings() -> None:
    for text in ("30 2 * * *", "*/20 1-3 * * *", "*/30 * * * *", "10 2-4 * * *"):
        for begin in ("2025-03-29T22:00", "2025-10-25T22:00"):
            config = cron(text, PARIS)
            start = datetime.fromisoformat(begin).replace(tzinfo=UTC)
            found = upcoming(config, start, 12)
            for minute in range(0, 6 * 60, 5):
                after = start + timedelta(minutes=minute)
                assert next_fire(config, after) == next(moment for moment in found if moment > after)


@pytest.mark.parametrize("text", ["0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6 *"])
def test_what_never_fires_is_refused(text) -> None:
    assert next_fire(cron(text), datetime(2025, 1, 1, tzinfo=UTC)) is None
    assert upcoming(cron(text), datetime(2025, 1, 1, tzinfo=UTC)) == []
    with pytest.raises(InvalidError, match="never fires") as caught:
        check(cron(text))
    assert caught.value.problems[0].path == "cron"


@pytest.mark.parametrize(
    "values",
    [
        {"cron": "* * * *"}, {"cron": "* * * * * * *"}, {"cron": "61 * * * *"}, {"cron": "soon"}, {"cron": "@reboot"},
        {"cron": "H 2 * * *"}, {"cron": "R R * * *"}, {"cron": "0 9 * * MOO"}, {"cron": "0 9 * * * é"}, {"cron": "*/0 * * * *"},
        {"cron": "0-5-9 * * * *"}, {"cron": "0 0 32 * *"}, {"cron": "x" * 300}, {"every": "daily", "at": "25:00"},
        {"every": "daily", "at": "9"}, {"every": "sometimes"}, {"every": "monthly", "day": 29}, {"every": "hourly", "minute": 60},
        {"cron": "0 9 * * *", "timezone": "Mars/Base"}, {"cron": "0 9 * * *", "timezone": "../etc/passwd"},
        {"cron": "0 0 LW * 1"}, {"cron": "0 0 LW,1 * *"}, {"cron": "0 0 * * 8L"}, {"every": "weekly", "weekday": []},
        {"every": "weekly", "weekday": ["monday", "someday"]}, {"every": "minutes", "minutes": 0}, {"every": "hours", "hours": 745},
        {"every": "minutes", "start": "soon"}, {"every": "minutes", "start": "0001-01-01 00:00"}, {"every": "minutes", "minutes": 1.5},
        {"cron": "0 9 * * *", "missed": "maybe"}, {"crom": "0 9 * * *"},
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(values) -> None:
    with pytest.raises(ValidationError):
        schedule(**values)


def test_a_schedule_without_an_expression_is_refused() -> None:
    with pytest.raises(InvalidError, match="Enter a cron expression"):
        check(schedule())


@pytest.mark.parametrize(
    ("config", "english", "french"),
    [
        (cron("0 9 * * 1-5", PARIS), "At 09:00, Monday through Friday (Europe/Paris)", "À 09:00, de lundi à vendredi (Europe/Paris)"),
        (cron("*/15 * * * *"), "Every 15 minutes (UTC)", "Toutes les 15 minutes (UTC)"),
        (cron("*/90 * * * *"), "Every hour (UTC)", "Toutes les heures (UTC)"),
        (cron("*/45 * * * *"), "At 0 and 45 minutes past the hour (UTC)", None),
        (cron("10/15 * * * *"), "Every 15 minutes, starting at 10 minutes past the hour (UTC)", None),
        (cron("30/20 * * * *"), "At 30 and 50 minutes past the hour (UTC)", None),
        (cron("0 */5 * * *"), "At 00:00, 05:00, 10:00, 15:00 and 20:00 (UTC)", None),
        (cron("0 9 */10 * *"), "At 09:00, on day 1, 11, 21, and 31 of the month (UTC)", None),
        (cron("0 9 1 */5 *"), "At 09:00, on day 1 of the month, only in January, June, and November (UTC)", None),
        (cron("0 9 * * 5L"), "At 09:00, on the last Friday of the month (UTC)", "À 09:00, le dernier vendredi du mois (UTC)"),
        (cron("0 9 LW * *"), "At 09:00, on the last weekday of the month (UTC)", None),
        (schedule(every="weekdays"), "At 09:00, Monday through Friday (UTC)", "À 09:00, de lundi à vendredi (UTC)"),
        (schedule(every="weekly", weekday=["sunday", "monday"]), "At 09:00, only on Monday and Sunday (UTC)", None),
        (schedule(every="minutes"), "Every 15 minutes (UTC)", "Toutes les 15 minutes (UTC)"),
        (schedule(every="hours", hours=6, minute=30), "At 30 minutes past the hour, every 6 hours (UTC)", None),
        (schedule(every="minutes", minutes=90, start="2025-10-18T06:00Z", timezone=PARIS), "Every 90 minutes, counted from 2025-10-18 08:00 (Europe/Paris)", None),
        (schedule(every="hours", hours=5, start="2025-10-18 08:00"), "Every 5 hours, counted from 2025-10-18 08:00 (UTC)", None),
        (cron("@daily"), "At 00:00 (UTC)", "À 00:00 (UTC)"),
        (schedule(every="monthly", day="last"), "At 09:00, on the last day of the month (UTC)", "À 09:00, le dernier jour du mois (UTC)"),
    ],
)  # fmt: skip
def test_schedules_in_words(config, english, french) -> None:
    assert describe(config) == english
    assert french in (describe(config, "fr_FR"), None)
    assert describe(config, "xx") == english


def test_an_interval_is_the_same_everywhere_also_when_the_clocks_change() -> None:
    """90 minutes in New York's longest and shortest day, and the moments do not depend on when one asks."""
    config = schedule(every="minutes", minutes=90, start="2025-01-01 00:00", timezone=NEW_YORK)
    for begin in ("2025-03-09 00:10", "2025-11-02 00:10"):
        asked = datetime.fromisoformat(begin).replace(tzinfo=ZoneInfo(NEW_YORK)).astimezone(UTC)
        moments = upcoming(config, asked, 20)
        assert {later - earlier for earlier, later in pairwise(moments)} == {timedelta(minutes=90)}
        assert [next_fire(config, moment - timedelta(seconds=1)) for moment in moments] == moments


def test_an_interval_gets_a_start_where_none_is_given_and_others_do_not() -> None:
    spec = get_trigger("schedule")
    assert spec.prepare is not None
    made = spec.prepare({"every": "minutes", "minutes": 90})
    start = datetime.fromisoformat(str(made["start"]))
    assert timedelta() <= datetime.now(UTC) - start < timedelta(minutes=2)
    assert spec.prepare(made) == made
    for config in (
        {"every": "minutes", "minutes": 30},
        {"every": "hours", "hours": 8},
        {"every": "daily"},
        {"cron": "x"},
    ):
        assert spec.prepare(dict(config)) == config


def test_the_last_weekday_of_every_month() -> None:
    """Against the calendar, also in months that end on a weekend."""
    found = [moment.date() for moment in upcoming(cron("0 12 LW * *"), datetime(2025, 1, 1, tzinfo=UTC), 36)]
    ends = [
        date(year, month, calendar.monthrange(year, month)[1]) for year in (2025, 2026, 2027) for month in range(1, 13)
    ]
    assert found == [end - timedelta(days=max(0, end.weekday() - 4)) for end in ends]


def test_words_list_what_fires() -> None:
    """A step that does not divide the hour is not even: what the words list is what fires."""
    for step in range(1, 60):
        config = cron(f"*/{step} * * * *")
        fired = {moment.minute for moment in upcoming(config, datetime(2025, 1, 1, tzinfo=UTC), 120)}
        words = describe(config)
        listed = {int(number) for number in re.findall(r"[0-9]+", words.partition(" (")[0])}
        assert listed == fired if 60 % step else fired == set(range(0, 60, step)), words


def test_months_in_words() -> None:
    assert describe(cron("0 9 1 5 *"), "fr").endswith("mai (UTC)")
    assert "May" not in describe(cron("0 9 1 5 *"), "fr")


def test_the_trigger_says_all_this_to_the_engine() -> None:
    load()
    spec = get_trigger("scheduled")
    config = spec.params.model_validate({"cron": " 0 9 * * * "})
    assert spec.next_fire is not None
    assert spec.next_fire(config, datetime(2025, 1, 1, tzinfo=UTC)) == datetime(2025, 1, 1, 9, tzinfo=UTC)
    assert spec.summary is not None
    assert spec.summary(config) == "At 09:00 (UTC)"
    assert expression(config) == "0 9 * * *"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("99 * * * *", "“99” is not a valid minute."),
        ("0,15,99 * * * *", "“99” is not a valid minute."),
        ("*/0 * * * *", "“*/0” is not a valid minute."),
        ("0 24 * * *", "“24” is not a valid hour."),
        ("0 9 32 * *", "“32” is not a valid day of the month."),
        ("0 9 * 13 *", "“13” is not a valid month."),
        ("0 9 * * MOO", "“MOO” is not a valid weekday."),
        ("75 0 9 * * *", "“75” is not a valid second."),
    ],
)
def test_a_cron_expression_that_cannot_be_read_names_the_field(text: str, fault: str) -> None:
    with pytest.raises(ValidationError) as caught:
        cron(text)
    assert fault in str(caught.value)
