"""What a compiled expression does when it runs: filters that are called, and fields that may be missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from flowapp.catalog.times import unstated
from flowapp.engine.language.filters import FILTERS, SHALLOW
from flowapp.engine.language.operators import ENTRY, NEGATIONS, Comparison, Frame, checked
from flowapp.engine.language.values import MISSING, Absent, kind, measure
from flowapp.errors import ExpressionError
from flowapp.texts import say

Node = Callable[[Frame], object]


def call_filter(name: str, inner: Node, args: list[Node], named: dict[str, Node]) -> Node:
    known, shallow = FILTERS[name], name in SHALLOW
    now, before = known.function, known.before or known.function

    def call(frame: Frame) -> object:
        value = inner(frame)
        if isinstance(value, str):
            frame.charge(len(value))
        elif isinstance(value, list | dict):
            frame.charge(len(value) * ENTRY if shallow else measure(value, frame.work))
        given, options = [arg(frame) for arg in args], {key: arg(frame) for key, arg in named.items()}
        if known.reads_dates:
            options["notation"] = getattr(frame.scope, "notation", unstated)
        try:
            result = (now if frame.language > 2 else before)(value, *given, **options)
        except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
            reason = str(error)[:100]
            message = say(
                "The filter %(name)s cannot use %(kind)s: %(reason)s", name=name, kind=kind(value), reason=reason
            )
            raise ExpressionError(message) from None
        return checked(frame, result)

    return call


def default_filter(inner: Node, given: Mapping[str, Node]) -> Node:
    """The one filter that sees missing fields, and that looks at its other value only where it needs it."""
    other: Node = given.get("other", lambda _: "")
    empty: Node = given.get("empty", lambda _: False)
    keep = FILTERS["default"].function

    def default(frame: Frame) -> object:
        try:
            value = keep(inner(frame), None, empty(frame))
        except Absent:
            value = None
        return other(frame) if value is None else value

    return default


def is_present(inner: Node, frame: Frame) -> bool:
    try:
        inner(frame)
    except Absent:
        return False
    return True


def value_or_missing(inner: Node, frame: Frame) -> object:
    """MISSING for a missing field."""
    try:
        return inner(frame)
    except Absent:
        return MISSING


def compare_missing(frame: Frame, first: Node, rest: Sequence[tuple[str, Comparison, Node]]) -> bool:
    """A comparison of which a part is missing, and counts as null. What has no answer is false, its negation true."""
    left = _null_if_missing(first, frame)
    for name, test, other in rest:
        right = _null_if_missing(other, frame)
        holds = test(frame, left, right)
        if not (name in NEGATIONS if holds is None else holds):
            return False
        left = right
    return True


def _null_if_missing(inner: Node, frame: Frame) -> object:
    value = value_or_missing(inner, frame)
    return None if value is MISSING else value


def soft(inner: Node, frame: Frame) -> object:
    """MISSING for a missing field where the evaluation is lenient."""
    try:
        return inner(frame)
    except Absent:
        if not frame.lenient:
            raise
        return MISSING
