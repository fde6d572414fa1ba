"""What a filter needs to know beside its conditions, and what every kind of field has to say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from sqlalchemy import ColumnElement, SQLColumnExpression

from flowapp.catalog import times
from flowapp.errors import InvalidError
from flowapp.texts import say

R = TypeVar("R")
MAX_VALUES = 500  # that the rules of a filter list, all together
MAX_TEXT = 1000  # characters of a value


@dataclass(frozen=True, slots=True)
class Context:
    """When it is, and how the organization counts days and writes dates. `sqlite`: which database reads the statement."""

    now: datetime
    timezone: str = "UTC"
    notation: times.Notation = times.unstated
    sqlite: bool = True


class Kind(Protocol):
    """A kind of field: which tests there are, what their values may be, and each as a condition.

    A condition may also be NULL, which counts as false. Negations are made of these by whoever asks.
    """

    @property
    def operators(self) -> Sequence[str]:
        """Without negations, and without `exists` and `empty`, which every kind has."""

    def read(self, operator: str, value: object, context: Context) -> object:
        """The value as it is compared: an address as a member's id. InvalidError where it never fits."""

    def test(self, operator: str, value: object, context: Context, *, ignore_case: bool) -> ColumnElement[bool]:
        """Whether the test holds; `value` has been read."""

    def missing(self) -> ColumnElement[bool]:
        """Whether there is no value at all."""

    def exists(self) -> ColumnElement[bool]:
        """Whether there is a value that is not empty."""


class Held:
    """A kind whose value is a column, NULL where there is none."""

    __slots__ = ()
    column: SQLColumnExpression[object]

    def missing(self) -> ColumnElement[bool]:
        """NULL."""
        return self.column.is_(None)

    def exists(self) -> ColumnElement[bool]:
        """Anything but NULL: nought is a number."""
        return self.column.is_not(None)


COMPARED: Mapping[str, Callable[[SQLColumnExpression[object], object], ColumnElement[bool]]] = {
    "==": lambda column, value: column == value,
    ">": lambda column, value: column > value,
    ">=": lambda column, value: column >= value,
    "<": lambda column, value: column < value,
    "<=": lambda column, value: column <= value,
}


def text_of(value: object) -> str:
    """The text that a rule compares with. InvalidError for anything else."""
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise InvalidError.at("value", say("Enter text of at most %(max)s characters.", max=MAX_TEXT))
    if "\0" in value or any("\ud800" <= char <= "\udfff" for char in value):
        raise InvalidError.at("value", say("This contains a character that is not text."))
    return value


def values_of(value: object) -> list[object]:
    """The values that a rule lists; of a text those between commas. InvalidError for anything else, and for too many."""
    values = [part.strip() for part in text_of(value).split(",")] if isinstance(value, str) else value
    if not isinstance(values, list) or len(values) > MAX_VALUES:
        raise too_many_values()
    return values


def read_each(operator: str, value: object, read: Callable[[object], R]) -> R | list[R]:
    """What `read` makes of the value; of `in`, of each that is listed."""
    return [read(entry) for entry in values_of(value)] if operator == "in" else read(value)


def too_many_values() -> InvalidError:
    """What is said of a rule that lists more than a filter may."""
    return InvalidError.at("value", say("List at most %(max)s values.", max=MAX_VALUES))
