"""The dates that records hold: columns of their own, and custom fields."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Date, Text, and_, cast, func, inspect
from sqlalchemy.orm import Session

from flowapp.crm import fields
from flowapp.errors import InvalidError
from flowapp.models import FIELD_OBJECTS, Contact
from flowapp.models.base import UtcDateTime
from flowapp.models.crm.base import Sourced
from flowapp.models.crm.nouns import MODELS
from flowapp.records.filters.json_values import JsonValue
from flowapp.texts import say

DAY = timedelta(days=1)
_DATED = ("date", "datetime")


@dataclass(frozen=True, slots=True)
class DateField:
    """A date of `model`: the `column` that holds it, or None: the custom field `name`."""

    model: type[Sourced]
    name: str
    column: ColumnElement[date] | None

    def of(self, record: Sourced, zone: ZoneInfo) -> date | None:
        """The record's date, by the clock of a zone; None where it has none."""
        value = getattr(record, self.name) if self.column is not None else getattr(record, "fields", {}).get(self.name)
        return read_day(value, zone)

    def between(self, first: date, last: date, dialect: str) -> ColumnElement[bool]:
        """Whether it may lie between two days: those of the days beside them may be among what is found."""
        first, last = _before(first), _after(last)
        if self.column is None:
            text = self._text(dialect)
            return and_(text >= first.isoformat(), text < _after(last).isoformat())
        if isinstance(self.column.type, Date):
            return self.column.between(first, last)
        begin, end = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in (first, last))
        return and_(self.column >= begin, self.column < end + DAY)

    def on_days_of_the_year(self, days: list[date], dialect: str) -> ColumnElement[bool]:
        """Whether its month and day may be those of one of these days."""
        near = {one.isoformat()[5:] for day in days for one in (_before(day), day, _after(day))}
        return func.substr(self._text(dialect), 6, 5).in_(sorted(near | ({"02-29"} if "02-28" in near else set())))

    def _text(self, dialect: str) -> ColumnElement[str]:
        """The date as text that begins with year, month and day."""
        if self.column is not None:
            shown = func.to_char(self.column, "YYYY-MM-DD") if dialect == "postgresql" else self.column
            return cast(shown, Text)
        return JsonValue(inspect(self.model).columns["fields"], self.name, sqlite=dialect == "sqlite").raw


def find(session: Session, noun: str, name: str) -> DateField:
    """The date field of that name. InvalidError names those that there are."""
    known = dates_of(session, noun)
    if field := known.get(name.lower()):
        return field
    if noun == "contact" and _is_undefined(session, name):
        return DateField(Contact, name, None)  # contacts keep values of fields that nobody has defined
    raise InvalidError.at(
        "field", say("There is no date “%(name)s”. Available: %(known)s.", name=name, known=", ".join(known)), "unknown"
    )  # fmt: skip


def dates_of(session: Session, noun: str) -> dict[str, DateField]:
    """The date fields of a noun by their names: columns of its own, then the custom fields."""
    model: type[Sourced] = MODELS[noun]
    own = {key: column for key, column in inspect(model).columns.items() if _is_date(key, column)}
    defined = fields.of(session, noun) if noun in FIELD_OBJECTS else ()
    names = [field.key for field in defined if field.type in _DATED]
    return {key: DateField(model, key, own.get(key)) for key in (*own, *names)}


def _is_undefined(session: Session, name: str) -> bool:
    """Whether it is neither a column of contacts nor a field that an admin defined."""
    return name not in inspect(Contact).columns and all(field.key != name for field in fields.of(session, "contact"))


def read_day(value: object, zone: ZoneInfo) -> date | None:
    """The day of a date, of a moment in a zone, or of the text of either; None for anything else."""
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value) if len(value) <= len("2026-12-31") else datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        try:
            return value.replace(tzinfo=value.tzinfo or UTC).astimezone(zone).date()
        except OverflowError:  # at an end of the calendar
            return None
    return value if isinstance(value, date) else None


def _is_date(key: str, column: ColumnElement[date]) -> bool:
    return isinstance(column.type, Date | UtcDateTime) and key != "deleted_at"  # what is in the trash is not found


def _before(day: date) -> date:
    return day - DAY if day > date.min + 2 * DAY else day


def _after(day: date) -> date:
    return day + DAY if day < date.max - 2 * DAY else day
