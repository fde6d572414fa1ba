"""Operations on dates and times. What comes out is ISO 8601; a date without a time stays one where it can."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from dateutil.relativedelta import relativedelta

from flowapp.actions.data.transform_data.base import Family, Work, brief, number_of, plain
from flowapp.actions.data.transform_data.options import Options
from flowapp.catalog import N_, times
from flowapp.errors import StepError

DATE = Family(N_("Change a date"), "date", ("timezone",))
_ISO_HELP = "Read it first with “parse” and its format."
_USUAL = {
    "fr": (
        "%d/%m/%Y",
        "%d/%m/%Y %H:%M",
        "%d/%m/%Y %H:%M:%S",
        "%d-%m-%Y",
        "%d.%m.%Y",
        "%d/%m/%y",
        "%d %B %Y",
        "%d %b %Y",
    ),
    "en": ("%d %B %Y", "%B %d, %Y", "%d %b %Y", "%b %d, %Y"),
}


@DATE.add("parse", N_("Parse a date"), ("format", "language"))
def _parse(value: object, operation: Options, work: Work) -> str:
    """ISO, or in a format; without one in the usual ones of the language, never guessing which number is the month."""
    if operation.format.strip() == "unix":
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=float(number_of(value)))
        return moment.astimezone(_zone(operation, work)).isoformat()
    text = " ".join(str(value).split())
    if len(text) <= 60:
        if not operation.format and (known := _iso(text, operation, work)):
            return known.isoformat()
        formats = [_strptime(operation.format)] if operation.format else _USUAL[operation.language]
        for pattern in formats:
            parsed = _read(text, pattern, operation)
            if parsed is not None:
                has_time = re.search(r"%-?[HMSIpfXc]", pattern)
                return (_localized(parsed, operation, work) if has_time else parsed.date()).isoformat()
    wanted = f"a date in the format “{operation.format}”" if operation.format else "a date that can be told for sure"
    raise StepError(f"“{brief(value)}” is not {wanted}. Enter its format, such as dd/mm/yyyy or dd/mm/yyyy HH:mm.")


def _strptime(given: str) -> str:
    """“dd/mm/yyyy HH:mm” in the notation of Python's strptime, which is also understood."""
    if len(given) > times.MAX_PATTERN:
        raise StepError(f"A date format can have at most {times.MAX_PATTERN} characters.")
    if "%" in given:
        return given
    text = re.sub(r"(HH|hh)([:h.]?)(mm|MM)", r"%H\2%M", given)
    for letters, code in (
        (r"yyyy|YYYY|aaaa|AAAA", "%Y"), (r"yy|YY|aa|AA", "%y"), (r"mmmm|MMMM", "%B"), (r"mmm|MMM", "%b"),
        (r"mm|(?<!%)MM", "%m"), (r"dd|DD|jj|JJ", "%d"), (r"HH|hh", "%H"), (r"ss|SS", "%S"),
    ):  # fmt: skip
        text = re.sub(letters, code, text)
    return text


def _read(text: str, pattern: str, operation: Options) -> datetime | None:
    if operation.language == "fr" and re.search("%[Bb]", pattern):
        text = _english_month(text)
    try:
        return datetime.strptime(text, pattern)  # noqa: DTZ007 - the zone is set where it has none
    except (ValueError, re.error, OverflowError):
        return None


def _english_month(text: str) -> str:
    """A text with French names of months, whole or short, as strptime reads them."""
    from babel.dates import get_month_names

    for width in ("wide", "abbreviated"):
        for number, name in get_month_names(width, locale="fr").items():
            english = date(2000, number, 1).strftime("%B" if width == "wide" else "%b")
            translated = re.sub(rf"(?i)(?<!\w){re.escape(name)}(?!\w)", english, text)
            if translated != text:
                return translated
    return text


@DATE.add("format", N_("Format a date"), ("format", "language"))
def _format(value: object, operation: Options, work: Work) -> str:
    moment = _moment(value, operation, work)
    usual = "dd/mm/yyyy" if operation.language == "fr" else "yyyy-mm-dd"
    return times.write(moment.isoformat(), _strptime(operation.format or usual), locale=operation.language)


@DATE.add("add", N_("Add time"), ("by",), ("by",))
def _add(value: object, operation: Options, work: Work) -> str:
    """Days, months and years on the clock of the time zone; a date stays a date where whole days are added."""
    moment = _moment(value, operation, work)
    by = str(operation.by).strip()
    return (
        times.shift(by, moment).isoformat()
        if isinstance(moment, datetime)
        else times.shift_text(moment.isoformat(), by)
    )


@DATE.add("difference", N_("Time between dates"), ("since", "unit"))
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


@DATE.add("start", N_("Start of the period"), ("period",))
def _start(value: object, operation: Options, work: Work) -> str:
    moment = _moment(value, operation, work)
    first = _first(moment, operation.period)
    return (datetime.combine(first, time(), moment.tzinfo) if isinstance(moment, datetime) else first).isoformat()


@DATE.add("end", N_("End of the period"), ("period",))
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


@DATE.add("zone", N_("Convert to a time zone"))
def _into_zone(value: object, operation: Options, work: Work) -> str:
    moment = _moment(value, operation, work)
    if not isinstance(moment, datetime):
        raise StepError(f"“{brief(value)}” is a date without a time, so it is the same in every time zone.")
    return moment.isoformat()


def _moment(value: object, operation: Options, work: Work) -> date | datetime:
    """A date, or a time in the operation's zone."""
    moment = _iso(str(value).strip(), operation, work)
    if moment is None:
        raise StepError(f"“{brief(value)}” is not an ISO date or time such as 2025-10-18. {_ISO_HELP}")
    return moment


def _iso(text: str, operation: Options, work: Work) -> date | datetime | None:
    if not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return None
    try:
        return (
            date.fromisoformat(text) if len(text) == 10 else _localized(datetime.fromisoformat(text), operation, work)
        )
    except ValueError:
        return None


def _localized(moment: datetime, operation: Options, work: Work) -> datetime:
    """In the operation's zone; a time without an offset was meant there."""
    zone = _zone(operation, work)
    return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment.astimezone(zone)


def _zone(operation: Options, work: Work) -> tzinfo:
    return times.zone(operation.timezone or work.ctx.timezone)
