"""The kinds of fields that a filter asks: texts, numbers, yes or no, ids, and fields with several values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import ClassVar

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, false, func, literal, not_, or_

from flowapp.errors import InvalidError
from flowapp.models.folding import folded
from flowapp.records.filters.context import COMPARED, Context, Held, read_each, text_of
from flowapp.texts import say
from flowapp.values.examples import number_example
from flowapp.values.numbers import plain_number
from flowapp.values.truth import truth_of

Test = ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class TextKind(Held):
    """A text; also one of a few words."""

    column: SQLColumnExpression[str]
    operators: ClassVar[Sequence[str]] = ("==", "contains", "in", "starts_with", "ends_with")

    def read(self, operator: str, value: object, context: Context) -> object:  # noqa: ARG002
        """Texts stay as they are: "007" is not 7."""
        return read_each(operator, value, text_of)

    def test(self, operator: str, value: object, context: Context, *, ignore_case: bool) -> Test:
        """By characters, unless case does not count."""
        fold: Callable[[SQLColumnExpression[str]], SQLColumnExpression[str]] = folded if ignore_case else _as_it_is
        column = fold(self.column)
        if isinstance(value, list):  # one list, however long: tests side by side are nested as deep as they are many
            return column.in_([fold(literal(text)) for text in value] if ignore_case else value)
        text = fold(literal(str(value)))
        if operator == "contains":
            return (func.instr(column, text) if context.sqlite else func.strpos(column, text)) > 0
        if operator == "starts_with":
            return func.substr(column, 1, func.length(text)) == text
        if operator == "ends_with":
            start = func.length(column) - func.length(text) + 1
            return and_(start > 0, func.substr(column, start, func.length(text)) == text)
        return column == text

    def exists(self) -> Test:
        """Blank is nothing, though an empty text is not missing."""
        return func.trim(self.column) != ""


@dataclass(frozen=True, slots=True)
class NumberKind(Held):
    """A number. `places`: the column is exact and has so many decimals; None: it is any number, out of JSON."""

    column: SQLColumnExpression[object]
    places: int | None = None
    most: int = 2**31 - 2  # no value is beyond
    operators: ClassVar[Sequence[str]] = ("==", ">", ">=", "<", "<=", "in")

    def read(self, operator: str, value: object, context: Context) -> object:  # noqa: ARG002
        """Numbers, also as text in plain notation."""
        return read_each(operator, value, _number)

    def test(self, operator: str, value: object, context: Context, *, ignore_case: bool) -> Test:  # noqa: ARG002
        """A column of so many decimals is compared with the next number that it can hold."""
        if isinstance(value, list):
            return or_(false(), *(self._compared("==", entry, context) for entry in value))
        return self._compared(operator, value, context)

    def _compared(self, operator: str, value: object, context: Context) -> Test:
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(str(value))
        if self.places is None:
            return COMPARED[operator](self.column, _any_number(number, context))
        limit = Decimal(self.most) + 1
        held = max(-limit, min(limit, number))
        one = Decimal(1).scaleb(-self.places)
        held = held.quantize(one, rounding=ROUND_FLOOR if operator in (">", "<=", "==") else ROUND_CEILING)
        if operator == "==" and held != number:
            return and_(false(), self.column.is_not(None))
        return COMPARED[operator](self.column, held if self.places else int(held))


@dataclass(frozen=True, slots=True)
class TruthKind:
    """Yes or no. `says` is what holds where the value is the one or the other; `known` where there is one."""

    says: Callable[[bool], Test]
    known: Test
    operators: ClassVar[Sequence[str]] = ("==",)

    def read(self, operator: str, value: object, context: Context) -> object:  # noqa: ARG002
        """Any word for yes or no."""
        truth = truth_of(value)
        if truth is None:
            raise InvalidError.at("value", say("Enter yes or no."))
        return truth

    def test(self, operator: str, value: object, context: Context, *, ignore_case: bool) -> Test:  # noqa: ARG002
        """Whether it says so."""
        return self.says(bool(value))

    def missing(self) -> Test:
        """Nobody has said."""
        return not_(func.coalesce(self.known, false()))

    def exists(self) -> Test:
        """No is an answer."""
        return self.known


@dataclass(frozen=True, slots=True)
class ListKind:
    """A field with several texts: tags, lists, choices. `holds`: whether it has one of them, and whether any."""

    holds: Callable[[Sequence[str], bool], Test]
    any: Test
    operators: ClassVar[Sequence[str]] = ("contains", "in")

    def read(self, operator: str, value: object, context: Context) -> object:  # noqa: ARG002
        """Texts."""
        return read_each(operator, value, text_of)

    def test(self, operator: str, value: object, context: Context, *, ignore_case: bool) -> Test:  # noqa: ARG002
        """Whether one of its entries is the value, or one of the values."""
        return self.holds([str(entry) for entry in value] if isinstance(value, list) else [str(value)], ignore_case)

    def missing(self) -> Test:
        """A list is there, however empty."""
        return false()

    def exists(self) -> Test:
        """Something is in it."""
        return self.any


@dataclass(frozen=True, slots=True)
class IdKind(Held):
    """A reference to something else. `find` reads what a person calls it; None: there is no such thing."""

    column: SQLColumnExpression[str] | SQLColumnExpression[str | None]
    find: Callable[[str], str | None]
    operators: ClassVar[Sequence[str]] = ("==", "in")

    def read(self, operator: str, value: object, context: Context) -> object:  # noqa: ARG002
        """Ids."""
        return read_each(operator, value, self._id)

    def _id(self, value: object) -> str:
        text = text_of(value).strip()
        found = self.find(text) if text else None
        if found is None:
            raise InvalidError.at("value", say("“%(name)s” was not found.", name=text[:100]), "unknown")
        return found

    def test(self, operator: str, value: object, context: Context, *, ignore_case: bool) -> Test:  # noqa: ARG002
        """Whether it is this one."""
        return self.column.in_(value) if isinstance(value, list) else self.column == value


def _as_it_is(text: SQLColumnExpression[str]) -> SQLColumnExpression[str]:
    return text


def _number(value: object) -> int | float:
    number = plain_number(value)
    if number is None:
        raise InvalidError.at("value", say("Enter a number such as %(example)s.", example=number_example()))
    return number if isinstance(number, int | float) else float(number)


def _any_number(number: Decimal, context: Context) -> object:
    """A number of JSON: SQLite reads those as integers and floats."""
    if not context.sqlite:
        return number
    return int(number) if number == number.to_integral_value() and abs(number) < 2**53 else float(number)
