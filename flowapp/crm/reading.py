"""Reads the values of fixed fields: as a person, a file or a step gives them. Every fault names its field."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import TypeVar

from sqlalchemy.orm import Session

from flowapp.data.columns import UNSTORABLE, Column, plain
from flowapp.errors import InvalidError
from flowapp.models import conventions_of
from flowapp.texts import say
from flowapp.values.examples import number_example
from flowapp.values.text import folded, without_accents

Values = dict[str, object]
Reader = Callable[[Session, object, str], object]
T = TypeVar("T")
MAX_AMOUNT = Decimal(10) ** 13
_CURRENCY = re.compile(r"[A-Z]{3}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?")
_LABEL = re.compile(r"[a-z0-9-]{1,63}")  # of a domain


def read(session: Session, data: Mapping[str, object], readers: Mapping[str, Reader]) -> Values:
    """What `data` names of the fields that have a reader, each read by it."""
    return {name: readers[name](session, data[name], name) for name in readers if name in data}


def text_of(length: int, *, required: bool = False, lines: bool = False) -> Reader:
    """Reads a text of at most `length` characters; in one line, unless `lines`."""

    def reader(_session: Session, value: object, path: str) -> str:
        text = plain_text(value, path)
        text = text.strip() if lines else " ".join(text.split())
        if len(text) > length:
            raise InvalidError.at(path, say("Enter at most %(count)s characters.", count=length))
        if required and not text:
            raise InvalidError.at(path, say("This field is required."))
        return text

    return reader


def plain_text(value: object, path: str) -> str:
    """A value as text; nothing for null."""
    if value is None:
        return ""
    if isinstance(value, bool | dict | list) or UNSTORABLE.search(text := str(value)):
        raise InvalidError.at(path, say("Enter text."))
    return text


def choice_of(choices: Sequence[str]) -> Reader:
    """Reads one of the words, in any case; the first for nothing."""

    def reader(_session: Session, value: object, path: str) -> str:
        word = plain_text(value, path).strip().lower() or choices[0]
        if word not in choices:
            raise InvalidError.at(path, say("Choose one of: %(options)s.", options=", ".join(choices)))
        return word

    return reader


def column(kind: str) -> Reader:
    """Reads what a data table's column of that type would; None for nothing."""

    def reader(session: Session, value: object, path: str) -> object:
        return at(path, lambda: Column(path, path, kind).coerce(value, conventions_of(session)))

    return reader


def amount(session: Session, value: object, path: str) -> Decimal | None:
    """An amount of money of at most four decimals; None for nothing."""
    number = column("number")(session, value, path)
    if number is None:
        return None
    if not isinstance(number, Decimal) or abs(number) >= MAX_AMOUNT or number != round(number, 4):
        example = number_example(conventions_of(session).locale)
        raise InvalidError.at(
            path, say("Enter an amount such as %(example)s, with at most four decimals.", example=example)
        )
    return number


def currency(_session: Session, value: object, path: str) -> str:
    """A currency's code."""
    code = plain_text(value, path).strip().upper() or "EUR"
    if not _CURRENCY.fullmatch(code):
        raise InvalidError.at(path, say("Enter a currency by its three letters, for example EUR."))
    return code


def whole(_session: Session, value: object, path: str) -> int:
    """A whole number that a column holds."""
    number = value if isinstance(value, int) and not isinstance(value, bool) else None
    if isinstance(value, float) and value.is_integer():
        number = int(value)
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,9}", value.strip()):
        number = int(value)
    if number is None or abs(number) > 10**9:
        raise InvalidError.at(path, say("Enter a whole number."))
    return number


def language(_session: Session, value: object, path: str) -> str:
    """A language's code; empty for none."""
    code = plain_text(value, path).strip().replace("_", "-")
    code = code[:3].lower() + code[3:].upper() if "-" in code[:3] else code.lower() if len(code) < 4 else code
    if code and not _LANGUAGE.fullmatch(code):
        raise InvalidError.at(path, say("Enter a language by its code, for example en or fr-CA."))
    return code


def domain(_session: Session, value: object, path: str) -> str:
    """The domain that a text or an address of a page names; empty for none."""
    text = plain_text(value, path).strip().lower()
    text = text.rpartition("://")[2].partition("/")[0].removeprefix("www.")
    labels = text.split(".")
    is_domain = 1 < len(labels) < 20 and len(text) <= 253 and all(map(_LABEL.fullmatch, labels))
    if text and not is_domain:
        raise InvalidError.at(path, say("Enter a domain such as example.com."))
    return text


def phone(session: Session, value: object, path: str) -> str:
    """A phone number as E.164 writes it (+33123456789); empty for none. Without a + it is of the organization's country."""
    import phonenumbers  # its tables are loaded by who needs them

    text = plain_text(value, path).strip()
    if not text:
        return ""
    region = conventions_of(session).locale.partition("-")[2] or None
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number):
        raise InvalidError.at(path, say("Enter the phone number with its country, for example +33 1 23 45 67 89."))
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def at(path: str, work: Callable[[], T]) -> T:
    """What `work` gives; its fault is this field's."""
    try:
        return work()
    except InvalidError as error:
        raise InvalidError.at(path, error.problems[0].message, error.problems[0].code) from None


def shown(value: object) -> object:
    """A stored value as JSON prints it; a day as a day."""
    return value.isoformat() if isinstance(value, date) and not hasattr(value, "hour") else plain(value)


def search_text(*words: object) -> str:
    """Texts as they are compared: without case and accents."""
    return without_accents(folded(" ".join(str(word) for word in words if word)))
