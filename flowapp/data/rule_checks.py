"""Whether data keeps the rules of a validation schema. Pure, and importing little: helper processes need it.

Each check takes time in proportion to the value, but a pattern also to its own weight.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from flowapp.catalog import patterns
from flowapp.errors import UnreadableError
from flowapp.values.conventions import UNSTATED, Conventions
from flowapp.values.dates import read_day
from flowapp.values.numbers import read_number
from flowapp.values.truth import truth_of

LONGEST_EMAIL = 320  # RFC 3696: 64 characters, @, 255
MAX_IN_ALL = 500  # problems of many pieces of data


@dataclass(frozen=True, slots=True)
class SchemaRule:
    """One rule: `field` is a dotted path into the data; `message` replaces the usual words."""

    field: str
    rule: str
    value: object = None
    message: str = ""

    def as_json(self) -> dict[str, object]:
        """As Schema.rules keeps it."""
        return {"field": self.field, "rule": self.rule, "value": self.value, "message": self.message}


def broken(
    rules: Sequence[SchemaRule], items: Sequence[object], conventions: Conventions = UNSTATED
) -> list[list[int]]:
    """For each item the rules, by their place, that it breaks: at most one for each field, the first.

    After MAX_IN_ALL of them the rest is not looked at.
    """
    broken_rules: list[list[int]] = []
    left = MAX_IN_ALL
    for item in items:
        broken_rules.append(_broken_by(rules, item, conventions))
        left -= len(broken_rules[-1])
        if left <= 0:
            break
    return broken_rules


def _broken_by(rules: Sequence[SchemaRule], data: object, conventions: Conventions) -> list[int]:
    broken_at: dict[str, int] = {}
    for at, rule in enumerate(rules):
        if rule.field in broken_at:
            continue
        value = value_at(data, rule.field)
        empty = value is None or (isinstance(value, str) and not value.strip()) or value in ([], {})
        if empty if rule.rule == "required" else not empty and not _keeps(rule, value, conventions):
            broken_at[rule.field] = at
    return list(broken_at.values())


def _keeps(rule: SchemaRule, value: object, conventions: Conventions) -> bool:
    if rule.rule == "date":
        return _is_date(value, conventions)
    if rule.rule not in NUMERIC:
        return CHECKS[rule.rule](value, rule.value)
    number = decimal_of(value, conventions.locale)
    return number is not None and NUMERIC[rule.rule](number, decimal_of(rule.value))


def value_at(data: object, path: str) -> object:
    """The value at a dotted path; a key that holds the whole path with its dots wins. None where there is nothing."""
    if isinstance(data, Mapping) and path in data:
        return data[path]
    for part in path.split("."):
        if isinstance(data, Mapping):
            data = data.get(part)
        elif isinstance(data, list) and part.isdecimal() and int(part) < len(data):
            data = data[int(part)]
        else:
            return None
    return data


def decimal_of(value: object, locale: str = "") -> Decimal | None:
    """The number that is meant, None where it is none, or one out of reason."""
    try:
        number = read_number(value, locale)
    except UnreadableError:
        return None
    return number if abs(number.adjusted()) < 30 else None


def _size(value: object) -> int:
    return len(value) if isinstance(value, str | list | dict) else len(str(value))


def _matches(value: object, pattern: object) -> bool:
    text = str(value)
    try:
        return len(text) <= patterns.MAX_MATCHED and patterns.compiled(str(pattern), whole=True).isinstance_python(text)
    except ValueError:
        return False


def _one_of(value: object, choices: object) -> bool:
    return {str(one).strip() for one in (value if isinstance(value, list) else [value])} <= {*options_of(choices)}


def options_of(choices: object) -> list[str]:
    """A list, or a text: one a line, or on one line with commas between."""
    if isinstance(choices, list):
        return [str(choice).strip() for choice in choices]
    return [choice.strip() for choice in str(choices).strip().split("\n" if "\n" in str(choices).strip() else ",")]


def _is_date(value: object, conventions: Conventions) -> bool:
    try:
        read_day(value, conventions)
    except UnreadableError:
        return False
    return True


def _url(value: object, _limit: object) -> bool:
    text = str(value).strip()
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"\s", text)
    except ValueError:
        return False


def is_phone(text: str) -> bool:
    """Digits with the usual marks between them: 6 to 15 digits, as E.164 has it."""
    fine = re.fullmatch(r"\+?[\d\s().\-/\u00a0]+", text.strip()) is not None
    return fine and 6 <= len(re.sub(r"\D", "", text)) <= 15


def is_email(text: str) -> bool:
    """Whether `text` is one bare address of a host with a domain; whether the host exists is not asked."""
    from email_validator import EmailNotValidError, validate_email

    if len(text) > LONGEST_EMAIL:
        return False
    try:
        address = validate_email(text, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError:
        return False
    return "." in address.domain


# These look at the number that is meant.
NUMERIC: dict[str, Callable[[Decimal, Decimal | None], bool]] = {
    "number": lambda _number, _limit: True,
    "integer": lambda number, _limit: number == number.to_integral_value(),
    "min": lambda number, least: least is not None and number >= least,
    "max": lambda number, most: most is not None and number <= most,
}
CHECKS: dict[str, Callable[[Any, Any], bool]] = {
    "email": lambda value, _limit: isinstance(value, str) and is_email(value.strip()),
    "min_length": lambda value, limit: _size(value) >= int(Decimal(str(limit))),
    "max_length": lambda value, limit: _size(value) <= int(Decimal(str(limit))),
    "pattern": _matches,
    "one_of": _one_of,
    "url": _url,
    "phone": lambda value, _limit: is_phone(str(value)),
    "boolean": lambda value, _limit: truth_of(value) is not None,
}
