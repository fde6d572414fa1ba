"""The types of a data table's columns: how each is stored, read from what a person, a file or a workflow gives, shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, Boolean, Date, Dialect, Numeric, Text, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from flowapp import exact_json
from flowapp.catalog import N_
from flowapp.data.rule_checks import is_email
from flowapp.errors import InvalidError
from flowapp.models.base import UtcDateTime
from flowapp.models.definitions import ColumnJson
from flowapp.texts import say
from flowapp.values.conventions import UNSTATED, Conventions
from flowapp.values.dates import read_day, read_instant
from flowapp.values.numbers import number_text, read_number
from flowapp.values.truth import read_truth

SYSTEM_COLUMNS = ("id", "created_at", "updated_at")
LABELS = {
    "text": N_("Text"),
    "long_text": N_("Long text"),
    "number": N_("Number"),
    "boolean": N_("Yes or no"),
    "date": N_("Date"),
    "datetime": N_("Date and time"),
    "email": N_("E-mail"),
    "choice": N_("Choice"),
    "json": N_("JSON"),
}
WRITTEN = ("number", "date", "datetime")  # types of columns whose values people write in different ways
MAX_TEXT = 10_000
MAX_LONG_TEXT = 500_000
MAX_DIGITS = 15  # what SQLite's numbers and JSON's keep exactly
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class Number(TypeDecorator[Decimal]):
    """Exact numbers of at most 15 digits. SQLite takes the text and keeps an integer or a float that gives it back."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(_SqliteNumeric() if dialect.name == "sqlite" else Numeric())

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        return str(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        return None if value is None else Decimal(str(value))


class _SqliteNumeric(Numeric[Any]):
    """NUMERIC without SQLAlchemy's conversions, which go through floats of ten digits."""

    def bind_processor(self, dialect: Dialect) -> None:  # noqa: ARG002
        return None

    def result_processor(self, dialect: Dialect, coltype: object) -> None:  # noqa: ARG002
        return None


SQL_TYPES: dict[str, TypeEngine[Any]] = {
    **dict.fromkeys(("text", "long_text", "email", "choice"), Text()),
    "number": Number(),
    "boolean": Boolean(),
    "date": Date(),
    "datetime": UtcDateTime(),
    "json": JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"),
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column as it is defined. `key` is its name in SQL and in workflows; `options` are a choice's; `locale` is that of its
    numbers or dates, empty where they are written as the organization does."""

    key: str
    label: str
    type: str = "text"
    required: bool = False
    unique: bool = False
    options: tuple[str, ...] = ()
    locale: str = ""

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Column:
        """From DataTable.columns."""
        return cls(**{**stored, "options": tuple(stored.get("options", ()))})

    def as_json(self) -> ColumnJson:
        """As DataTable.columns keeps it."""
        shown: ColumnJson = {
            "key": self.key, "label": self.label, "type": self.type,
            "required": self.required, "unique": self.unique, "options": list(self.options),
        }  # fmt: skip
        if self.locale:
            shown["locale"] = self.locale
        return shown

    def coerce(self, value: object, conventions: Conventions = UNSTATED) -> object:
        """`value` as this column stores it, None where empty. InvalidError says what to write instead."""
        if value is None or (isinstance(value, str) and not value.strip()):
            if self.required:
                raise InvalidError.at("", say("This field is required."))
            return None
        if isinstance(value, str) and UNSTORABLE.search(value):
            raise InvalidError.at("", say("This contains a character that is not text."))
        if self.locale:
            conventions = replace(conventions, locale=self.locale)
        match self.type:
            case "date":
                return read_day(value, conventions)
            case "datetime":
                return read_instant(value, conventions)
            case "number":
                return _number(value, conventions.locale)
            case "choice":
                return self._choice(value)
            case _:
                return _READERS[self.type](value)

    def _choice(self, value: object) -> str:
        text = _text(value).strip()
        for option in self.options:
            if option.casefold() == text.casefold():
                return option
        raise InvalidError.at("", say("Choose one of: %(options)s.", options=", ".join(self.options)))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float | Decimal | date):
        raise InvalidError.at("", say("Enter text, not a list or an object."))
    text = value.isoformat() if isinstance(value, date) else str(value)
    if len(text) > MAX_TEXT:
        raise InvalidError.at("", say("Enter at most %(limit)s characters.", limit=MAX_TEXT))
    return text


def _long_text(value: object) -> str:
    if isinstance(value, str) and len(value) <= MAX_LONG_TEXT:
        return value
    if isinstance(value, str):
        raise InvalidError.at("", say("Enter at most %(limit)s characters.", limit=MAX_LONG_TEXT))
    return _text(value)


def _number(value: object, locale: str) -> Decimal:
    number = read_number(value, locale)
    if len(number.normalize().as_tuple().digits) > MAX_DIGITS or abs(number.adjusted()) > MAX_DIGITS:
        raise InvalidError.at("", say("Enter a number of at most %(digits)s digits.", digits=MAX_DIGITS))
    return number


def _email(value: object) -> str:
    text = _text(value).strip()
    if not is_email(text):
        raise InvalidError.at("", say("Enter an e-mail address, for example ann@example.com."))
    return text


def _json(value: Any) -> object:
    if isinstance(value, str):
        try:
            value = exact_json.loads(value)
        except ValueError:
            if value.lstrip()[:1] in ("{", "[", '"'):
                raise InvalidError.at("", say("This is not valid JSON.")) from None
    try:
        text = exact_json.dumps(value, default=str).decode()
    except (TypeError, RecursionError):
        raise InvalidError.at("", say("This cannot be stored as JSON.")) from None
    if len(text) > MAX_LONG_TEXT or "\\u0000" in text:
        raise InvalidError.at("", say("This is too long, or contains a character that is not text."))
    return exact_json.loads(text)


_READERS = {
    "text": _text, "long_text": _long_text, "boolean": read_truth, "email": _email, "json": _json,
}  # fmt: skip


def plain(value: object) -> object:
    """A stored value as JSON: times in ISO 8601, numbers as JSON numbers."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


def as_text(value: object) -> str:
    """A stored value as one text, which every locale reads back as this value: for a CSV file and a form's box."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return number_text(value)
    if isinstance(value, dict | list):
        return exact_json.dumps(value).decode()
    return str(plain(value))
