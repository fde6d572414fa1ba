"""Filters of dates and times."""

from __future__ import annotations

from flowapp.catalog import N_, times
from flowapp.engine.language.filters.declared import filter_
from flowapp.engine.language.values import to_text


def _date_before(
    value: object,
    pattern: object = "%Y-%m-%d",
    tz: object = None,
    locale: object = "en",
    *,
    notation: times.Notation = times.unstated,
) -> object:
    """A format without % wrote itself."""
    return _date(value, pattern, tz, locale, notation=notation) if "%" in to_text(pattern) else to_text(pattern)


@filter_(
    "date('dd/MM/yyyy')",
    N_("Date format"),
    N_("Writes a date or time in a format, optionally in a time zone and a language"),
    example=("2026-03-31T14:05:00Z", "date('dd/MM/yyyy')", "31/03/2026"),
    suits=("text",),
    before=_date_before,
    reads_dates=True,
)
def _date(
    value: object,
    pattern: object = "yyyy-MM-dd",
    tz: object = None,
    locale: object = "en",
    *,
    notation: times.Notation = times.unstated,
) -> str:
    zone = None if tz is None else to_text(tz)
    return times.write(to_text(value).strip(), to_text(pattern), zone, to_text(locale), notation)


@filter_(
    "plus('3 days')",
    N_("Earlier or later"),
    N_("Shifts an ISO date or time: plus('3 days'), plus('-2 hours'), plus('5 business days')"),
    example=("2026-03-31", "plus('3 days')", "2026-04-03"),
    suits=("text",),
    reads_dates=True,
)
def _plus(value: object, by: object, *, notation: times.Notation = times.unstated) -> str:
    return times.shift_text(to_text(value).strip(), to_text(by).strip(), notation)
