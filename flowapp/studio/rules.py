"""The rules of a validation schema, by which data is checked.

Rule names: required, email, number, integer, min, max, min_length, max_length, pattern, one_of, date, url, phone,
boolean. A rule but `required` says nothing about a field that is absent or empty.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

from flask_babel import gettext as _
from pydantic_core import SchemaValidator

from flowapp.catalog import N_, patterns
from flowapp.errors import InvalidError, Problem
from flowapp.studio import names
from flowapp.studio.columns import is_email

LABELS = {
    "required": N_("is required"),
    "email": N_("is an e-mail address"),
    "number": N_("is a number"),
    "integer": N_("is a whole number"),
    "min": N_("is at least"),
    "max": N_("is at most"),
    "min_length": N_("has at least this many characters"),
    "max_length": N_("has at most this many characters"),
    "pattern": N_("matches the pattern"),
    "one_of": N_("is one of"),
    "date": N_("is a date"),
    "url": N_("is a web address"),
    "phone": N_("is a phone number"),
    "boolean": N_("is yes or no"),
}
WITH_VALUE = frozenset({"min", "max", "min_length", "max_length", "pattern", "one_of"})
MAX_RULES = 200
_WORDS = frozenset({"true", "false", "yes", "no", "1", "0", "on", "off", "oui", "non"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: `field` is a dotted path into the data; `message` replaces the usual words."""

    field: str
    rule: str
    value: Any = None
    message: str = ""

    def as_json(self) -> dict[str, Any]:
        """As Schema.rules keeps it."""
        return {"field": self.field, "rule": self.rule, "value": self.value, "message": self.message}


def read_rules(rows: Sequence[Any]) -> list[Rule]:
    """The rules of `rows` ({"field", "rule", "value", "message"}). InvalidError with paths such as `rules.0.value`."""
    problems: list[Problem] = []
    rules: list[Rule] = []
    if len(rows) > MAX_RULES:
        raise InvalidError.at("rules", _("A schema has at most %(limit)s rules.", limit=MAX_RULES))
    for at, row in enumerate(rows):
        if not isinstance(row, Mapping):
            problems.append(Problem(f"rules.{at}", _('Write a rule as {"field", "rule", "value"}.')))
            continue
        rule = Rule(
            str(row.get("field") or "").strip(), str(row.get("rule") or "").strip().lower(),
            row.get("value"), str(row.get("message") or "").strip()[:300],
        )  # fmt: skip
        faults = [Problem(f"rules.{at}.{name}", text) for name, text in _faults(rule)]
        problems += faults
        rules += [] if faults else [rule]
    if problems:
        raise InvalidError(problems)
    return rules


def _faults(rule: Rule) -> Iterator[tuple[str, str]]:
    if not rule.field or len(rule.field) > 200:
        yield "field", _("Name the field to check.")
    if rule.rule not in LABELS:
        hint = names.suggestion(rule.rule, LABELS)
        yield "rule", _("There is no rule “%(rule)s”.", rule=rule.rule) + hint
    elif rule.rule in WITH_VALUE and rule.value in (None, "", []):
        yield "value", _("This rule needs a value.")
    elif rule.rule in ("min", "max", "min_length", "max_length") and _decimal(rule.value) is None:
        yield "value", _("Write a number.")
    elif rule.rule == "pattern" and compiled(str(rule.value)) is None:
        yield "value", _("This is not a valid pattern (a regular expression without look-around).")


def check(rules: Sequence[Rule], data: Any) -> list[dict[str, str]]:
    """Problems as [{"field", "message"}]: at most one for each field, the first rule that is broken."""
    found: dict[str, str] = {}
    for rule in rules:
        if rule.field in found:
            continue
        value = _at(data, rule.field)
        empty = value is None or (isinstance(value, str) and not value.strip()) or value in ([], {})
        message = ""
        if rule.rule == "required":
            message = _("This field is required.") if empty else ""
        elif not empty:
            message = _CHECKS[rule.rule](value, rule.value)
        if message:
            found[rule.field] = rule.message or message
    return [{"field": field, "message": message} for field, message in found.items()]


def _at(data: Any, path: str) -> Any:
    """The value at a dotted path; a key that holds the whole path with its dots wins. None where there is nothing."""
    if isinstance(data, Mapping) and path in data:
        return data[path]
    for part in path.split("."):
        if isinstance(data, Mapping):
            data = data.get(part)
        elif isinstance(data, list) and part.isdigit() and int(part) < len(data):
            data = data[int(part)]
        else:
            return None
    return data


def _decimal(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < 30 else None


def _number(value: Any, _limit: Any) -> str:
    return "" if _decimal(value) is not None else _("Write a number.")


def _integer(value: Any, _limit: Any) -> str:
    number = _decimal(value)
    return "" if number is not None and number == number.to_integral_value() else _("Write a whole number.")


def _min(value: Any, limit: Any) -> str:
    number, least = _decimal(value), _decimal(limit)
    fine = number is not None and least is not None and number >= least
    return "" if fine else _("Write %(limit)s or more.", limit=limit)


def _max(value: Any, limit: Any) -> str:
    number, most = _decimal(value), _decimal(limit)
    fine = number is not None and most is not None and number <= most
    return "" if fine else _("Write %(limit)s or less.", limit=limit)


def _size(value: Any) -> int:
    return len(value) if isinstance(value, str | list | dict) else len(str(value))


def _min_length(value: Any, limit: Any) -> str:
    return "" if _size(value) >= int(Decimal(str(limit))) else _("Write at least %(limit)s characters.", limit=limit)


def _max_length(value: Any, limit: Any) -> str:
    return "" if _size(value) <= int(Decimal(str(limit))) else _("Write at most %(limit)s characters.", limit=limit)


def compiled(text: str) -> SchemaValidator | None:
    """A validator of texts that match a regular expression as a whole; None where it is none."""
    try:
        return patterns.compiled(text, whole=True)
    except ValueError:
        return None


def _matches(value: Any, pattern: Any) -> str:
    validator, text = compiled(str(pattern)), str(value)
    if validator is not None and len(text) <= patterns.MAX_MATCHED and validator.isinstance_python(text):
        return ""
    return str(_("This must match the pattern %(pattern)s.", pattern=pattern))


def _one_of(value: Any, choices: Any) -> str:
    allowed = [str(c).strip() for c in (choices if isinstance(choices, list) else str(choices).split(","))]
    given = value if isinstance(value, list) else [value]
    fine = all(str(one).strip() in allowed for one in given)
    return "" if fine else _("Choose one of: %(options)s.", options=", ".join(allowed))


def _email(value: Any, _limit: Any) -> str:
    fine = isinstance(value, str) and is_email(value.strip())
    return "" if fine else _("Write an e-mail address, for instance ann@example.com.")


def _date(value: Any, _limit: Any) -> str:
    try:
        datetime.fromisoformat(str(value).strip())
    except ValueError:
        return str(_("Write a date as year-month-day, for instance 2026-03-31."))
    return ""


def _url(value: Any, _limit: Any) -> str:
    try:
        parts = urlsplit(str(value).strip())
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"\s", str(value).strip())
    except ValueError:
        fine = False
    return "" if fine else _("Write a web address, for instance https://example.com.")


def is_phone(text: str) -> bool:
    """Digits with the usual marks between them: 6 to 15 digits, as E.164 has it."""
    fine = re.fullmatch(r"\+?[\d\s().\-/\u00a0]+", text.strip()) is not None
    return fine and 6 <= len(re.sub(r"\D", "", text)) <= 15


def _phone(value: Any, _limit: Any) -> str:
    return "" if is_phone(str(value)) else _("Write a phone number, for instance +33 6 12 34 56 78.")


def _boolean(value: Any, _limit: Any) -> str:
    fine = isinstance(value, bool) or str(value).strip().casefold() in _WORDS
    return "" if fine else _("Write yes or no.")


_CHECKS: dict[str, Callable[[Any, Any], str]] = {
    "email": _email, "number": _number, "integer": _integer, "min": _min, "max": _max, "min_length": _min_length,
    "max_length": _max_length, "pattern": _matches, "one_of": _one_of, "date": _date, "url": _url, "phone": _phone,
    "boolean": _boolean,
}  # fmt: skip
