"""Operations on numbers. They are calculated as they are written, and rounded as people do: halves away from zero."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Context, Decimal

from flowapp.actions.data.transform_data.base import Work, number_of, plain, text_of, whole_number
from flowapp.actions.data.transform_data.declared import Family
from flowapp.actions.data.transform_data.options import Options
from flowapp.catalog import N_
from flowapp.catalog.rows import Example
from flowapp.errors import StepError
from flowapp.texts import say

NUMBER = Family(N_("Change a number"), N_("Reads, rounds and writes numbers."), "number")
_LOCALES = {"en": "en-US", "fr": "de-DE"}  # who chooses the French format means a thousand by 1.234, too
_PLACES = Context(prec=400)


@NUMBER.add(
    "parse",
    N_("Parse a number"),
    ("notation",),
    help=N_("Reads a number as people write it."),
    example=Example({"total": "1 234,50 €"}, {"field": "total", "notation": "fr"}, {"total": 1234.5}),
)
def _parse(value: object, operation: Options, work: Work) -> int | float:
    """“1 234,50 €”, “$1,234.50”, “12,5 %” (0.125). Where “1,234” may mean either, the notation decides."""
    if isinstance(value, str):
        text_of(value, work)  # charged
    return plain(number_of(value, locale=_LOCALES[operation.notation]))


@NUMBER.add(
    "round",
    N_("Round"),
    ("decimals",),
    help=N_("Rounds to a number of decimals, halves away from zero."),
    example=Example({"total": 2.345}, {"field": "total", "decimals": 2}, {"total": 2.35}),
)
def _round(value: object, operation: Options, work: Work) -> int | float:
    return plain(rounded(work.number(value), _decimals(operation, 0)))


@NUMBER.add(
    "format",
    N_("Format"),
    ("decimals", "currency", "notation"),
    help=N_("Writes a number for people, also with a currency."),
    example=Example({"total": 1234.5}, {"field": "total", "currency": "EUR"}, {"total": "€1,234.50"}),
)
def _format(value: object, operation: Options, work: Work) -> str:
    from babel.numbers import format_currency, format_decimal, get_currency_precision

    number = work.number(value)
    if operation.currency:
        code = operation.currency.strip().upper()
        if not re.fullmatch("[A-Z]{3}", code):
            raise StepError(say("currency must be a code of three letters, such as EUR."))
        number = rounded(number, _decimals(operation, get_currency_precision(code)))
        return str(
            format_currency(
                number, code, _pattern("¤", number, operation), locale=operation.notation, currency_digits=False
            )
        )
    if operation.decimals not in (None, ""):
        number = rounded(number, _decimals(operation, 0))
    return str(format_decimal(number, _pattern("", number, operation), locale=operation.notation))


def _pattern(sign: str, number: Decimal, operation: Options) -> str:
    """Babel's pattern: https://babel.pocoo.org/en/latest/numbers.html"""
    places = max(-int(number.as_tuple().exponent), 0)
    digits = "#,##0" + ("." + "0" * places if places else "")
    return digits if not sign else f"{sign}{digits}" if operation.notation == "en" else f"{digits}\u00a0{sign}"


@NUMBER.add(
    "percent",
    N_("Format as a percentage"),
    ("decimals", "notation"),
    help=N_("Writes a share as a percentage."),
    example=Example({"share": 0.125}, {"field": "share"}, {"share": "12.5%"}),
)
def _percent(value: object, operation: Options, work: Work) -> str:
    from babel.numbers import format_decimal

    number = work.number(value) * 100
    if operation.decimals not in (None, ""):
        number = rounded(number, _decimals(operation, 0))
    else:
        number = number_of(plain(number))
    text = str(format_decimal(number, _pattern("", number, operation), locale=operation.notation))
    return f"{text}%" if operation.notation == "en" else f"{text}\u00a0%"


@NUMBER.add(
    "between",
    N_("Limit to a range"),
    ("minimum", "maximum"),
    help=N_("Raises a number to the minimum, or lowers it to the maximum."),
    example=Example({"discount": 70}, {"field": "discount", "minimum": 0, "maximum": 50}, {"discount": 50}),
)
def _between(value: object, operation: Options, work: Work) -> int | float:
    number = work.number(value)
    least, most = (None if b in (None, "") else work.number(b) for b in (operation.minimum, operation.maximum))
    if least is not None and most is not None and least > most:
        raise StepError(say("The minimum is larger than the maximum."))
    if least is not None:
        number = max(number, least)
    return plain(number if most is None else min(number, most))


def rounded(number: Decimal, places: int) -> Decimal:
    """To so many decimals (tens and hundreds below 0), halves away from zero."""
    return number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, _PLACES)


def _decimals(operation: Options, usual: int) -> int:
    given = operation.decimals
    return usual if given in (None, "") else whole_number(given, "decimals", -15, 15)
