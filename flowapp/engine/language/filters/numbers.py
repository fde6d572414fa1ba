"""Filters of numbers."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal

from flowapp.catalog import N_
from flowapp.engine.language.filters.declared import count, filter_, number_of
from flowapp.engine.language.values import Number, to_text
from flowapp.values.numbers import plain_number


@filter_(
    "number(2)",
    N_("Number format"),
    N_("Formats a number: 1,234.50 in English (en), 1 234,50 in French (fr)"),
    example=(1234.5, "number(2, 'fr')", "1\u202f234,50"),
    suits=(
        "number",
        "text",
    ),
)
def _number_text(value: object, decimals: object = None, locale: object = "en") -> str:
    number = number_of(value)
    if decimals is not None:
        places = count(decimals, 0, 15)
        text = format(Decimal(to_text(_round(number, places))), f",.{places}f")
    else:
        text = format(Decimal(to_text(number)), ",f")
    if to_text(locale).lower().startswith("fr"):
        return text.translate({ord(","): "\u202f", ord("."): ","})
    return text


@filter_(
    "round(2)",
    N_("Round"),
    N_("Rounds a number to the given number of decimals, halves away from zero"),
    example=(2.345, "round(2)", 2.35),
    suits=(
        "number",
        "text",
    ),
)
def _round(value: object, precision: object = 0) -> Number:
    places = count(precision, -15, 15)
    number = number_of(value)
    exact = number if isinstance(number, Decimal) else Decimal(repr(number))
    if exact.adjusted() > 25 or (isinstance(number, int) and places >= 0):
        return number
    rounded = exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, context=Context(prec=60))
    if places <= 0:
        return int(rounded)
    return rounded if isinstance(number, Decimal) else float(rounded)


@filter_(
    "int",
    N_("Whole number"),
    N_("Converts to a whole number, dropping decimals. int(0) gives 0 if there is no number"),
    example=("42.9", "int", 42),
    suits=(
        "number",
        "text",
    ),
)
def _int(value: object, other: object = None) -> object:
    number = plain_number(value) if not isinstance(value, bool) else int(value)
    return int(number) if number is not None else _fallback(value, other)


@filter_(
    "float",
    N_("Number"),
    N_("Converts to a number. float(0) gives 0 if there is no number"),
    example=("4.5", "float", 4.5),
    suits=("text",),
)
def _float(value: object, other: object = None) -> object:
    number = plain_number(value)
    return float(number) if number is not None else _fallback(value, other)


def _fallback(value: object, other: object) -> object:
    return number_of(value) if other is None else other


@filter_(
    "abs",
    N_("Without the minus sign"),
    N_("Returns a number without its minus sign"),
    example=(-12.5, "abs", 12.5),
    suits=("number",),
)
def _abs(value: object) -> Number:
    number = number_of(value)
    return -number if number < 0 else number
