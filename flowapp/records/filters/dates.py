"""Dates and moments in filters: compared as moments, in the organization's time zone, like conditions do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import ClassVar

from sqlalchemy import ColumnElement, SQLColumnExpression

from flowapp.catalog import times
from flowapp.errors import ExpressionError, InvalidError
from flowapp.records.filters.context import COMPARED, Context, Held, read_each, text_of
from flowapp.texts import say
from flowapp.values.dates import iso_instant
from flowapp.values.examples import day_example

Test = ColumnElement[bool]
_ORDERED = ("before", "after", ">", ">=", "<", "<=")
_SIGNS = {"before": "<", "after": ">"}


@dataclass(frozen=True, slots=True)
class DateKind(Held):
    """A day. `as_text`: the column holds it as ISO 8601 writes it."""

    column: SQLColumnExpression[object]
    as_text: bool = False
    operators: ClassVar[Sequence[str]] = ("==", "in", *_ORDERED)

    def read(self, operator: str, value: object, context: Context) -> object:
        """Days as ISO 8601 writes them; before and after also relative times."""
        if operator in ("in", "=="):
            return read_each(operator, value, lambda entry: _day(entry).isoformat())
        _moment(operator, value, context)
        return value

    def test(self, operator: str, value: object, context: Context, *, ignore_case: bool) -> Test:  # noqa: ARG002
        """A day is its first moment."""
        if isinstance(value, list):
            return self.column.in_([self._stored(_day(entry)) for entry in value])
        if operator == "==":
            return self.column == self._stored(_day(value))
        moment = _moment(operator, value, context)
        local = moment.astimezone(times.zone(context.timezone)).date()
        begins = times.parse_moment(local.isoformat(), context.timezone) == moment
        day, sign = self._stored(local), _SIGNS.get(operator, operator)
        if sign in (">", ">="):
            return self.column >= day if sign == ">=" and begins else self.column > day
        return self.column < day if sign == "<" and begins else self.column <= day

    def _stored(self, day: date) -> object:
        return day.isoformat() if self.as_text else day


@dataclass(frozen=True, slots=True)
class DateTimeKind(Held):
    """A moment. `as_text`: the column holds it as ISO 8601 writes it, in UTC."""

    column: SQLColumnExpression[object]
    as_text: bool = False
    operators: ClassVar[Sequence[str]] = _ORDERED

    def read(self, operator: str, value: object, context: Context) -> object:
        """Dates and times; before and after also relative ones."""
        _moment(operator, value, context)
        return value

    def test(self, operator: str, value: object, context: Context, *, ignore_case: bool) -> Test:  # noqa: ARG002
        """To the microsecond."""
        moment = _moment(operator, value, context)
        held = moment.astimezone(UTC).isoformat() if self.as_text else moment
        return COMPARED[_SIGNS.get(operator, operator)](self.column, held)


def _day(value: object) -> date:
    text = text_of(value).strip()
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        raise _refused()
    return day


def _moment(operator: str, value: object, context: Context) -> datetime:
    """What a value means: of before and after also a relative time."""
    text = text_of(value)
    try:
        if operator in _SIGNS:
            moment: datetime | None = times.resolve_relative(text, context.now, context.timezone, context.notation)
        else:
            moment = iso_instant(text, times.zone(context.timezone))
        if moment is not None:
            moment.astimezone(times.zone(context.timezone))  # within the calendar in both
    except ExpressionError as error:
        raise InvalidError.at("value", error.message) from None
    except (OverflowError, ValueError):
        moment = None
    if moment is None:
        raise _refused(context.notation() if operator in _SIGNS else "")
    return moment


def _refused(locale: str = "") -> InvalidError:
    return InvalidError.at("value", say("Enter a date such as %(example)s.", example=day_example(locale)))
