"""Operations on dates and times. What comes out is ISO 8601; a date without a time stays one where it can."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo

from dateutil.relativedelta import relativedelta

from flowapp.actions.data.transform_data.base import Work, brief, number_of, plain
from flowapp.actions.data.transform_data.declared import Family
from flowapp.actions.data.transform_data.options import Options
from flowapp.catalog import N_, times
from flowapp.catalog.rows import Example
from flowapp.errors import StepError, UnreadableError
from flowapp.texts import say
from flowapp.values.conventions import Conventions
from flowapp.values.date_text import read_date, write_date
from flowapp.values.dates import read_moment

UNIX = "unix"  # as a format: seconds since 1970
DATE = Family(N_("Change a date"), N_("Reads and writes dates, and calculates with them."), "date", ("timezone",))


@DATE.add(
    "parse",
    N_("Parse a date"),
    ("format", "language"),
    help=N_("Reads a date or time as people write it; the result is ISO 8601."),
    example=Example({"due": "31/12/2026"}, {"field": "due", "format": "dd/MM/yyyy"}, {"due": "2026-12-31"}),
)
def _parse(value: object, operation: Options, work: Work) -> str:
    """In a format, else in any that is certain; the language French says that the day comes before the month."""
    if operation.format.strip() == UNIX:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=float(number_of(value)))
        return moment.astimezone(_zone(operation, work)).isoformat()
    if not operation.format:
        return _moment(value, operation, work).isoformat()
    try:
        found = read_date(str(value), operation.format, operation.language, _zone(operation, work))
    except UnreadableError as error:
        raise StepError(error.reason) from None
    return _localized(found, operation, work).isoformat()


@DATE.add(
    "format",
    N_("Format a date"),
    ("format", "language"),
    help=N_("Writes a date or time in a format."),
    example=Example({"due": "2026-12-31"}, {"field": "due", "format": "d MMMM yyyy"}, {"due": "31 December 2026"}),
)
def _format(value: object, operation: Options, work: Work) -> str:
    moment = _moment(value, operation, work)
    usual = "dd/MM/yyyy" if operation.language == "fr" else "yyyy-MM-dd"
    try:
        return write_date(moment, operation.format or usual, operation.language)
    except UnreadableError as error:
        raise StepError(error.reason) from None


@DATE.add(
    "add",
    N_("Add time"),
    ("by",),
    ("by",),
    help=N_("Makes a date earlier or later."),
    example=Example(
        {"sent": "2026-12-31"},
        {"field": "sent", "to": "due", "by": "+30 days"},
        {"sent": "2026-12-31", "due": "2027-01-30"},
    ),
)
def _add(value: object, operation: Options, work: Work) -> str:
    """Days, months and years on the clock of the time zone; a date stays a date where whole days are added."""
    moment = _moment(value, operation, work)
    by = str(operation.by).strip()
    return (
        times.shift(by, moment).isoformat()
        if isinstance(moment, datetime)
        else times.shift_text(moment.isoformat(), by)
    )


@DATE.add(
    "difference",
    N_("Time between dates"),
    ("since", "unit"),
    help=N_("Counts the days, months or hours since another date."),
    example=Example(
        {"due": "2026-03-31"},
        {"field": "due", "to": "days", "since": "2026-03-01", "unit": "days"},
        {"due": "2026-03-31", "days": 30},
    ),
)
def _difference(value: object, operation: Options, work: Work) -> int | float:
    """From `since` to the value: months and years whole, days and weeks by the calendar, hours and less exact."""
    zone = _zone(operation, work)
    since = times.resolve_relative(str(operation.since or "now"), work.ctx.now(), str(zone)).astimezone(zone)
    moment = _moment(value, operation, work)
    until = moment if isinstance(moment, datetime) else datetime.combine(moment, time(), zone)
    if operation.unit in ("months", "years"):
        between = relativedelta(until.replace(tzinfo=None), since.replace(tzinfo=None))
        return between.years if operation.unit == "years" else 12 * between.years + between.months
    if operation.unit in ("days", "weeks"):
        length = until.replace(tzinfo=None) - since.replace(tzinfo=None)
    else:
        length = until.astimezone(UTC) - since.astimezone(UTC)
    return plain(number_of(round(length / timedelta(**{operation.unit: 1}), 6)))


@DATE.add(
    "start",
    N_("Start of the period"),
    ("period",),
    help=N_("The first day of the month, week, quarter or year."),
    example=Example({"day": "2026-03-17"}, {"field": "day", "period": "month"}, {"day": "2026-03-01"}),
)
def _start(value: object, operation: Options, work: Work) -> str:
    moment = _moment(value, operation, work)
    first = _first(moment, operation.period)
    return (datetime.combine(first, time(), moment.tzinfo) if isinstance(moment, datetime) else first).isoformat()


@DATE.add(
    "end",
    N_("End of the period"),
    ("period",),
    help=N_("The last day of the month, week, quarter or year."),
    example=Example({"day": "2026-02-17"}, {"field": "day", "period": "month"}, {"day": "2026-02-28"}),
)
def _end(value: object, operation: Options, work: Work) -> str:
    """The last day; of a time the last second."""
    moment = _moment(value, operation, work)
    step = {"quarter": {"months": 3}}.get(operation.period, {f"{operation.period}s": 1})
    last = _first(moment, operation.period) + relativedelta(**step) - timedelta(days=1)  # type: ignore[arg-type]
    return (
        datetime.combine(last, time(23, 59, 59), moment.tzinfo) if isinstance(moment, datetime) else last
    ).isoformat()


def _first(moment: date, period: str) -> date:
    day = moment.date() if isinstance(moment, datetime) else moment
    if period == "week":
        return day - timedelta(days=day.weekday())
    if period == "day":
        return day
    month = {"month": day.month, "quarter": (day.month - 1) // 3 * 3 + 1, "year": 1}[period]
    return day.replace(month=month, day=1)


@DATE.add(
    "zone",
    N_("Convert to a time zone"),
    help=N_("Writes the same moment with the clock of another time zone."),
    example=Example(
        {"at": "2026-03-31T12:00:00Z"}, {"field": "at", "timezone": "Europe/Paris"}, {"at": "2026-03-31T14:00:00+02:00"}
    ),
)
def _into_zone(value: object, operation: Options, work: Work) -> str:
    moment = _moment(value, operation, work)
    if not isinstance(moment, datetime):
        raise StepError(
            say("“%(value)s” is a date without a time, so it is the same in every time zone.", value=brief(value))
        )
    return moment.isoformat()


def _moment(value: object, operation: Options, work: Work) -> date | datetime:
    """A date, or a time in the operation's zone; a time without an offset was meant there."""
    locale = "fr-FR" if operation.language == "fr" else work.ctx.conventions().locale
    try:
        return _localized(read_moment(value, Conventions(locale, _zone(operation, work))), operation, work)
    except UnreadableError as error:
        raise StepError(error.reason) from None


def _localized(moment: date | datetime, operation: Options, work: Work) -> date | datetime:
    return moment.astimezone(_zone(operation, work)) if isinstance(moment, datetime) else moment


def _zone(operation: Options, work: Work) -> tzinfo:
    return times.zone(operation.timezone or work.ctx.timezone)
