"""Who is due: the records whose date, or its anniversary, lies within some days; a part of them at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from flowapp.crm.due_dates.date_fields import DAY, DateField, find
from flowapp.models.crm.base import Sourced
from flowapp.models.crm.nouns import MODELS

AT_ONCE = 500
MOST_DAYS = 366  # that are made up for after a standstill
Span = tuple[date, date]


@dataclass(frozen=True, slots=True)
class Due:
    """A record, its `day`, and `on`, for which the workflow starts: that day itself, or an anniversary of it."""

    record: Sourced
    day: date
    on: date


def reached(
    session: Session, of: tuple[str, str], span: Span, zone: ZoneInfo, after: str = ""
) -> tuple[list[Due], str]:
    """The records with an id greater than `after` whose date (`of`: entity and field) lies in the span, and where to go on.

    Empty where none are left.
    """
    field = find(session, *of)
    first, last = span
    rows = _page(session, field, field.between(first, last, _dialect(session)), after)
    found = [Due(row, day, day) for row in rows if (day := field.of(row, zone)) and first <= day <= last]
    return found, _next(rows)


def anniversaries(
    session: Session,
    of: tuple[str, str],
    span: Span,
    zone: ZoneInfo,
    after: str = "",
    *,
    in_year: Callable[[date, int], date],
) -> tuple[list[Due], str]:
    """The same of anniversaries of the date; the day itself is none."""
    field = find(session, *of)
    days = days_of(span)
    rows = _page(session, field, field.on_days_of_the_year(days, _dialect(session)), after)
    dated = [(row, day) for row in rows if (day := field.of(row, zone))]
    found = [
        Due(row, day, on) for row, day in dated for on in days if day.year < on.year and in_year(day, on.year) == on
    ]
    return found, _next(rows)


def days_of(span: Span) -> list[date]:
    """Each day of it, the last ones where there are very many."""
    first, last = max(span[0], span[1] - timedelta(days=MOST_DAYS)), span[1]
    return [first + number * DAY for number in range((last - first).days + 1)]


def current(session: Session, noun: str, ids: Sequence[str]) -> dict[str, Sourced]:
    """The records with these ids that are not in the trash."""
    model = MODELS[noun]
    rows = session.scalars(select(model).where(model.id.in_(ids), model.deleted_at.is_(None)))
    return {row.id: row for row in rows}


def _page(session: Session, field: DateField, which: ColumnElement[bool], after: str) -> Sequence[Sourced]:
    model = field.model
    wanted = select(model).where(which, model.deleted_at.is_(None))
    if after:
        wanted = wanted.where(model.id > after)
    return session.scalars(wanted.order_by(model.id).limit(AT_ONCE)).all()


def _next(rows: Sequence[Sourced]) -> str:
    return rows[-1].id if len(rows) == AT_ONCE else ""


def _dialect(session: Session) -> str:
    return str(session.get_bind().dialect.name)
