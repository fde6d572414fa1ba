"""Operations on numbers. They are calculated as they are written, and rounded as people do: halves away from zero."""

from __future__ import annotations

import re
import unicodedata
from decimal import ROUND_HALF_UP, Context, Decimal

from flowapp.actions.data.transform_data.base import Family, Work, brief, number_of, plain, text_of, whole_number
from flowapp.actions.data.transform_data.options import Options
from flowapp.catalog import N_
from flowapp.errors import StepError

NUMBER = Family(N_("Change a number"), "number")
_PLACES = Context(prec=400)
_SIGNED = re.compile(r"([+\u2212-]?)([0-9]+(?:[.,][0-9]+)*|[.,][0-9]+)")
_GROUPS = re.compile(r"[0-9]{1,3}(?:[.,][0-9]{3})+")


@NUMBER.add("parse", N_("Parse a number"), ("notation",))
def _parse(value: object, operation: Options, work: Work) -> int | float:
    """“1 234,50 €”, “$1,234.50”, “12,5 %” (0.125). Where “1,234” may mean either, the notation decides."""
    if not isinstance(value, str):
        return plain(number_of(value))
    text = text_of(value, work)
    percent = text.rstrip().endswith("%")
    bare = "".join(c for c in text if not c.isspace() and c not in "'\u2019%" and unicodedata.category(c) != "Sc")
    bare = re.sub(r"^[A-Z]{3}(?=[0-9+-])|(?<=[0-9])[A-Z]{3}$", "", bare)
    match = _SIGNED.fullmatch(bare) if len(bare) < 100 else None
    digits = _with_point(match[2], operation.notation) if match else ""
    if not match or not digits:
        raise StepError(f"“{brief(value)}” is not a number. Use for example 1234.50 or 1 234,50 €.")
    number = number_of(f"{'-' if match[1] in ('-', chr(0x2212)) else ''}{digits}")
    return plain(number / 100 if percent else number)


def _with_point(digits: str, notation: str) -> str:
    """Digits as a program writes them; empty where the marks make no sense."""
    marks = [char for char in digits if char in ".,"]
    if not marks:
        return digits
    last = marks[-1]
    thousands = "," if notation == "en" else "."
    grouped = _GROUPS.fullmatch(digits) and len(set(marks)) == 1
    if grouped and (len(marks) > 1 or (last == thousands and not digits.startswith("0"))):
        return digits.replace(last, "")
    whole, _, decimals = digits.rpartition(last)
    if last in whole or (set(".,") & set(whole) and not _GROUPS.fullmatch(whole)):
        return ""
    return f"{re.sub('[.,]', '', whole) or '0'}.{decimals}"


@NUMBER.add("round", N_("Round"), ("decimals",))
def _round(value: object, operation: Options, _work: Work) -> int | float:
    return plain(rounded(number_of(value), _decimals(operation, 0)))


@NUMBER.add("format", N_("Format"), ("decimals", "currency", "notation"))
def _format(value: object, operation: Options, _work: Work) -> str:
    from babel.numbers import format_currency, format_decimal, get_currency_precision

    number = number_of(value)
    if operation.currency:
        code = operation.currency.strip().upper()
        if not re.fullmatch("[A-Z]{3}", code):
            raise StepError("currency must be a code of three letters, such as EUR.")
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


@NUMBER.add("percent", N_("Format as a percentage"), ("decimals", "notation"))
def _percent(value: object, operation: Options, _work: Work) -> str:
    from babel.numbers import format_decimal

    number = number_of(value) * 100
    if operation.decimals not in (None, ""):
        number = rounded(number, _decimals(operation, 0))
    else:
        number = number_of(plain(number))
    text = str(format_decimal(number, _pattern("", number, operation), locale=operation.notation))
    return f"{text}%" if operation.notation == "en" else f"{text}\u00a0%"


@NUMBER.add("between", N_("Limit to a range"), ("minimum", "maximum"))
def _between(value: object, operation: Options, _work: Work) -> int | float:
    number = number_of(value)
    least, most = (None if b in (None, "") else number_of(b) for b in (operation.minimum, operation.maximum))
    if least is not None and most is not None and least > most:
        raise StepError("The minimum is larger than the maximum.")
    if least is not None:
        number = max(number, least)
    return plain(number if most is None else min(number, most))


def rounded(number: Decimal, places: int) -> Decimal:
    """To so many decimals (tens and hundreds below 0), halves away from zero."""
    return number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, _PLACES)


def _decimals(operation: Options, usual: int) -> int:
    given = operation.decimals
    return usual if given in (None, "") else whole_number(given, "decimals", -15, 15)
