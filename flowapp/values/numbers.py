"""Numbers, in two notations.

*Plain* is what programs write: `1234.5`, `-0.5`, `1e5`. Expressions and conditions read no other, since there nobody has
said how numbers are written. *Written* is what people write: `1 234,50 €`, `$1,234.50`, `(19.99)`, `12,5 %`. Columns,
forms, files and transforms read it, by the locale where a text has two readings; without a locale such a text is refused.
"""

from __future__ import annotations

import math
import re
import unicodedata
from decimal import Decimal
from functools import cache

from flowapp.errors import UnreadableError
from flowapp.texts import say
from flowapp.values.conventions import babel_locale
from flowapp.values.examples import number_example

MAX_TEXT = 60  # characters
MAX_EXPONENT = 400
_PLAIN = re.compile(r"\s*[+-]?([0-9]+|[0-9]*\.[0-9]+|[0-9]+\.)([eE][+-]?[0-9]{1,3})?\s*")

_SIGNS = {"+": False, "-": True, "\N{MINUS SIGN}": True, "\N{EN DASH}": True}
_CURRENCY_WORDS = "kr|zł|Kč|Ft|lei|Fr|Rs|R"
_SIGN_OF_CURRENCY = "[$¢-¥֏؋৲৳৻૱௹฿៛₠-⃏﷼\ufe69\uff04\uffe0\uffe1\uffe5\uffe6]"
_CURRENCY = (
    rf"(?:[A-Z]{{0,3}}{_SIGN_OF_CURRENCY}|(?P<code>[A-Z]{{3}})(?![A-Za-z])|(?:{_CURRENCY_WORDS})\.?(?![A-Za-z]))"
)
_BEFORE = re.compile(rf" ?(?:(?P<sign>[+\-\u2212\u2013])|(?P<currency>{_CURRENCY}))")
_AFTER = re.compile(rf"(?P<currency>{_CURRENCY})|(?P<percent>%)|(?P<sign>[\-\u2212])")
_DIGITS = re.compile(r"[0-9.,' ]*[0-9][.,]?")
_GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:([.,' ])[0-9]{3})(?:\1[0-9]{3})*")
_LAKHS = re.compile(r"[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}")  # 12,34,567 in India
_TWO_READINGS = re.compile(r"[1-9][0-9]{0,2}[.,][0-9]{3}")


def plain_number(value: object) -> int | float | Decimal | None:
    """A finite number, or text that is one in plain notation; None for everything else. Yes/no is no number."""
    if isinstance(value, str):
        if len(value) > MAX_TEXT or not _PLAIN.fullmatch(value):
            return None
        value = float(value) if any(mark in value for mark in ".eE") else int(value)
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < MAX_EXPONENT:
        return value
    return None


def read_number(value: object, locale: str = "") -> Decimal:
    """The number that a person, a file or a program wrote. UnreadableError names the readings where there are two."""
    if isinstance(value, str):
        return _Written(value, locale).number()
    number = plain_number(value)
    if number is None:
        raise UnreadableError.of(say("Enter a number, for example 12.5."))
    return number if isinstance(number, Decimal) else Decimal(repr(number))


def number_text(number: Decimal) -> str:
    """As text that every locale reads back as this number: 1.234 is written 1.2340, because in German it would be 1234."""
    text = f"{number.normalize():f}"
    return f"{text}0" if _TWO_READINGS.fullmatch(text.removeprefix("-")) else text


class _Written:
    """A text on its way to a number: sign, currency and percent sign taken off, then the digits by their marks."""

    def __init__(self, given: str, locale: str) -> None:
        self.given, self.locale = given, locale
        self.text = " ".join(given.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split())  # of any kind of space
        self.seen: set[str] = set()
        self.negative = False

    def number(self) -> Decimal:
        if len(self.text) > MAX_TEXT:
            raise self.refused()
        plain = self.text if _PLAIN.fullmatch(self.text) else ""
        if plain and not _TWO_READINGS.fullmatch(plain.lstrip("+-")):
            return self.finite(plain)
        if self.text.startswith("(") and self.text.endswith(")"):
            self.take("sign", negative=True)
            self.text = self.text[1:-1].strip()
        self.take_before()
        digits = _DIGITS.match(self.text)
        if digits is None:
            raise self.refused()
        self.text = self.text[digits.end() :].strip()
        self.take_after()
        number = self.finite(self.with_point(digits[0]))
        number = number / 100 if "percent" in self.seen else number
        return -number if self.negative else number

    def take_before(self) -> None:
        while self.text and (match := _BEFORE.match(self.text)):
            self.take_mark(match)

    def take_after(self) -> None:
        while self.text:
            match = _AFTER.match(self.text)
            if match is None:
                raise self.refused()
            self.take_mark(match)

    def take_mark(self, match: re.Match[str]) -> None:
        if (code := match["code"]) and code not in _currencies():
            raise self.refused()
        sign = match["sign"]
        self.take("sign" if sign else str(match.lastgroup), negative=bool(sign) and _SIGNS[sign])
        self.text = self.text[match.end() :].strip()

    def take(self, mark: str, *, negative: bool = False) -> None:
        mark = "currency" if mark == "code" else mark
        if mark in self.seen or {mark, *self.seen} >= {"currency", "percent"}:
            raise self.refused()
        self.seen.add(mark)
        self.negative |= negative

    def with_point(self, digits: str) -> str:
        """Digits in plain notation: which mark stands before the decimals, and which between thousands."""
        marks = [mark for mark in digits if mark in ".,"]
        last = marks[-1] if marks else ""
        if _TWO_READINGS.fullmatch(digits):
            return digits.replace(last, "" if self.groups(last, digits) else ".")
        if marks.count(last) == 1 and last:
            whole, _, decimals = digits.rpartition(last)
        else:
            whole, decimals = digits, ""
        if not whole.isdecimal() and whole:
            if not (_GROUPED.fullmatch(whole) or _LAKHS.fullmatch(whole)) or (not decimals.isdecimal() and decimals):
                raise self.refused()
            whole = re.sub("[.,' ]", "", whole)
        return f"{whole or '0'}.{decimals}" if decimals else whole

    def groups(self, mark: str, digits: str) -> bool:
        """Whether the mark in 1,234 stands between thousands. UnreadableError where the locale does not say."""
        decimal, group = _marks(self.locale)
        if mark in (decimal, group):
            return mark == group
        if mark == "." and self.seen <= {"sign"}:  # plain notation
            return False
        raise UnreadableError.of(
            say(
                "“%(text)s” may mean %(one)s or %(other)s. Write one of these, or choose under Settings, Organization, "
                "how numbers are written.",
                text=self.given.strip(), one=digits.replace(mark, ""), other=digits.replace(mark, "."),
            )
        )  # fmt: skip

    def finite(self, text: str) -> Decimal:
        number = Decimal(text)
        if abs(number.adjusted()) >= MAX_EXPONENT:
            raise self.refused()
        return number

    def refused(self) -> UnreadableError:
        shown = self.given.strip()[:50]
        better = _suggestion(shown)
        if better:
            return UnreadableError.of(
                say("“%(text)s” is not a number. Did you mean %(number)s?", text=shown, number=better)
            )
        example = number_example(self.locale)
        return UnreadableError.of(
            say("“%(text)s” is not a number. Enter for example %(example)s.", text=shown, example=example)
        )


def _suggestion(text: str) -> str:
    """The same with the digits 0 to 9, and without _ between them; empty where that is no number either."""
    digits = "".join(str(unicodedata.digit(char)) if char.isdigit() else char for char in text.replace("_", ""))
    return digits if digits != text and _PLAIN.fullmatch(digits) else ""


@cache
def _marks(locale: str) -> tuple[str, str]:
    """The signs of a locale before decimals and between thousands; two empty texts where it is not known."""
    known = babel_locale(locale)
    if known is None:
        return "", ""
    from babel.numbers import get_decimal_symbol, get_group_symbol

    return get_decimal_symbol(known), get_group_symbol(known)


@cache
def _currencies() -> frozenset[str]:
    from babel.core import get_global

    return frozenset(get_global("all_currencies"))
