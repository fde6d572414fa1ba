"""What the expression language computes: its budget, arithmetic, comparisons and tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from flowapp.engine.language.scope import LANGUAGE
from flowapp.engine.language.values import (
    MAX_TEXT,
    Number,
    bounded,
    contains,
    equal,
    equal_before,
    kind,
    measure,
    order,
    order_before,
    to_text,
)
from flowapp.errors import ExpressionError
from flowapp.texts import say
from flowapp.values.numbers import plain_number
from flowapp.values.truth import counts

WORK = 16 * 2**20  # of one evaluation: a character costs 1, an entry of a list ENTRY
ENTRY = 32
FREE_WHOLES = 8


class Frame:
    """One evaluation: the names, whether missing fields are let pass, and the work left."""

    __slots__ = ("language", "lenient", "scope", "wholes", "work")

    def __init__(self, scope: Mapping[str, object], lenient: bool) -> None:
        self.scope = scope
        self.lenient = lenient
        self.language = getattr(scope, "language", LANGUAGE)
        self.work = WORK
        self.wholes = 0

    def same(self, left: object, right: object) -> bool:
        """Whether two values are equal, in the definition's language."""
        return equal(left, right) if self.language > 2 else equal_before(left, right)

    def order(self, left: object, right: object) -> int | None:
        """How two values are ordered, in the definition's language."""
        if self.language > 2:
            return order(left, right, getattr(self.scope, "timezone", "UTC"), getattr(self.scope, "notation", None))
        return order_before(left, right)

    def counts(self, value: object) -> bool:
        """Whether a value counts as yes, in the definition's language."""
        return counts(value) if self.language > 2 else bool(value)

    def charge(self, units: int) -> None:
        """ExpressionError once an evaluation has worked through too much."""
        self.work -= units
        if self.work < 0:
            raise ExpressionError(
                say("This processes too much data. Split it into several steps on smaller lists or texts.")
            )

    def result(self, value: object, plain: bool) -> object:
        """Charges the size of an expression's value.

        The first few objects that are passed on whole are free: measuring one costs as much as writing it.
        """
        if isinstance(value, str):
            self.charge(len(value))
        elif isinstance(value, dict | list):
            self.wholes += 1
            if not plain or self.wholes > FREE_WHOLES:
                self.charge(measure(value, self.work))
        return value


def checked(frame: Frame, value: object) -> object:
    """A value that was made, charged and refused where it is too large."""
    if isinstance(value, str):
        frame.charge(len(value))
        if len(value) > MAX_TEXT:
            raise ExpressionError(say("The text becomes too large: more than %(most)s characters.", most=MAX_TEXT))
    elif isinstance(value, list | tuple | dict):
        frame.charge(len(value) * ENTRY)
    elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return bounded(value)
    return value


def calculate(frame: Frame, name: str, left: object, right: object) -> object:
    """`left name right` for + - * / // % **; texts and lists can be added too. ExpressionError where it has no result."""
    if name == "+" and isinstance(left, str) and isinstance(right, str):
        return text_of(frame, [left, right])
    if name == "+" and isinstance(left, list) and isinstance(right, list):
        return checked(frame, left + right)
    first, second = plain_number(left), plain_number(right)
    if first is None or second is None:
        hint = say(" To join texts, write a ~ b.") if name == "+" else ""
        raise ExpressionError(
            say(
                "%(name)s needs two numbers, not %(left)s and %(right)s.%(hint)s",
                name=name,
                left=_shown(left),
                right=_shown(right),
                hint=hint,
            )
        )
    if isinstance(first, Decimal) != isinstance(second, Decimal):
        first, second = _decimal(first), _decimal(second)
    if name == "**" and not -100 <= second <= 100:
        raise ExpressionError(say("The exponent is too large: the maximum is 100."))
    try:
        return bounded(_ARITHMETIC[name](first, second))
    except ZeroDivisionError:
        raise ExpressionError(say("A number cannot be divided by zero.")) from None
    except (ArithmeticError, ValueError):
        raise ExpressionError(say("The result is not a finite number.")) from None


_ARITHMETIC: dict[str, Callable[[Any, Any], Number]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "**": lambda a, b: a**b,
}


def _decimal(value: Number) -> Decimal:
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def _shown(value: object) -> str:
    return say("the text “%(value)s”", value=value[:30]) if isinstance(value, str) else kind(value)


Comparison = Callable[[Frame, object, object], bool | None]


def _same(frame: Frame, left: object, right: object) -> bool:
    if isinstance(left, list | dict) and isinstance(right, list | dict):
        frame.charge(measure(left, frame.work))
    return frame.same(left, right)


def _within(frame: Frame, item: object, container: object) -> bool | None:
    if isinstance(container, str | list):
        frame.charge(len(container) * (1 if isinstance(container, str) else ENTRY))
    return contains(container, item, frame.same)


def _without(frame: Frame, item: object, container: object) -> bool | None:
    contained = _within(frame, item, container)
    return None if contained is None else not contained


def _ordered(accept: Callable[[int], bool]) -> Comparison:
    def compare(frame: Frame, left: object, right: object) -> bool | None:
        sign = frame.order(left, right)
        return None if sign is None else accept(sign)

    return compare


# Jinja's names of the operators. None: the two cannot be compared.
COMPARISONS: dict[str, tuple[str, Comparison]] = {
    "eq": ("==", _same),
    "ne": ("!=", lambda frame, left, right: not _same(frame, left, right)),
    "lt": ("<", _ordered(lambda sign: sign < 0)),
    "lteq": ("<=", _ordered(lambda sign: sign <= 0)),
    "gt": (">", _ordered(lambda sign: sign > 0)),
    "gteq": (">=", _ordered(lambda sign: sign >= 0)),
    "in": ("in", _within),
    "notin": ("not in", _without),
}


NEGATIONS = frozenset({"!=", "not in"})


def incomparable(name: str, left: object, right: object) -> str:
    """Says that two values have no answer to a comparison."""
    return say(
        "%(left)s %(name)s %(right)s has no answer: the two cannot be compared.",
        left=_shown(left),
        name=name,
        right=_shown(right),
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _divides(value: object, by: object) -> bool:
    first, second = plain_number(value), plain_number(by)
    return first is not None and second is not None and second != 0 and _decimal(first) % _decimal(second) == 0


# `x is …`. A missing field comes here as MISSING where the evaluation is lenient.
TESTS: dict[str, Callable[[object], bool]] = {
    "none": lambda value: value is None,
    "null": lambda value: value is None,
    "empty": lambda value: value is None or (not value and not isinstance(value, bool | int | float | Decimal)),
    "string": lambda value: isinstance(value, str),
    "number": _is_number,
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "true": lambda value: value is True,
    "false": lambda value: value is False,
    "mapping": lambda value: isinstance(value, dict),
    "list": lambda value: isinstance(value, list),
    "sequence": lambda value: isinstance(value, list),
    "even": lambda value: _divides(value, 2),
    "odd": lambda value: _divides(value, 1) and not _divides(value, 2),
}
TESTS_WITH_ARGUMENT: dict[str, Callable[[object, object], bool]] = {
    "divisibleby": _divides,
    "equalto": equal,
    "in": lambda value, container: bool(contains(container, value)),
}


def text_of(frame: Frame, parts: Sequence[object]) -> str:
    """The texts of `parts`, one after the other."""
    texts = [to_text(part) for part in parts]
    size = sum(map(len, texts))
    if size > MAX_TEXT:
        raise ExpressionError(say("The text becomes too large: more than %(most)s characters.", most=MAX_TEXT))
    frame.charge(size)
    return "".join(texts)
