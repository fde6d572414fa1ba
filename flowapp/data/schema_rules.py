"""The rules of a validation schema, by which data is checked.

Rule names: required, email, number, integer, min, max, min_length, max_length, pattern, one_of, date, url, phone,
boolean. A rule but `required` says nothing about a field that is absent or empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from flowapp.catalog import N_, patterns
from flowapp.data import names
from flowapp.data.rule_checks import SchemaRule, broken, decimal_of, options_of
from flowapp.errors import InvalidError, Problem
from flowapp.security import helpers
from flowapp.texts import join, say
from flowapp.values.conventions import UNSTATED, Conventions

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
    "boolean": N_("is true or false"),
}
_WORDS = {
    "required": N_("This field is required."),
    "email": N_("Enter an e-mail address, for example ann@example.com."),
    "number": N_("Enter a number."),
    "integer": N_("Enter a whole number."),
    "min": N_("Enter %(limit)s or more."),
    "max": N_("Enter %(limit)s or less."),
    "min_length": N_("Enter at least %(limit)s characters."),
    "max_length": N_("Enter at most %(limit)s characters."),
    "pattern": N_("This must match the pattern %(pattern)s."),
    "one_of": N_("Choose one of: %(options)s."),
    "date": N_("Enter a date as year-month-day, for example 2026-03-31."),
    "url": N_("Enter a web address, for example https://example.com."),
    "phone": N_("Enter a phone number, for example +33 6 12 34 56 78."),
    "boolean": N_("Enter yes or no."),
}
WITH_VALUE = frozenset({"min", "max", "min_length", "max_length", "pattern", "one_of"})
MAX_RULES = 200
SMALL = 5_000  # rules times items, or values, that are looked at in this process
PATTERN = 10  # looks of a pattern at a text


def read_rules(rows: Sequence[object]) -> list[SchemaRule]:
    """The rules of `rows` ({"field", "rule", "value", "message"}). InvalidError with paths such as `rules.0.value`."""
    problems: list[Problem] = []
    rules: list[SchemaRule] = []
    if len(rows) > MAX_RULES:
        raise InvalidError.at("rules", say("A schema can have at most %(limit)s rules.", limit=MAX_RULES))
    for at, row in enumerate(rows):
        if not isinstance(row, Mapping):
            problems.append(Problem(f"rules.{at}", say('Write each rule as {"field", "rule", "value"}.')))
            continue
        rule = SchemaRule(
            str(row.get("field") or "").strip(), str(row.get("rule") or "").strip().lower(),
            row.get("value"), str(row.get("message") or "").strip()[:300],
        )  # fmt: skip
        faults = [Problem(f"rules.{at}.{name}", text) for name, text in _faults(rule)]
        problems += faults
        rules += [] if faults else [rule]
    if problems:
        raise InvalidError(problems)
    return rules


def _faults(rule: SchemaRule) -> Iterator[tuple[str, str]]:
    if not rule.field or len(rule.field) > 200:
        yield "field", say("Name the field to check.")
    if rule.rule not in LABELS:
        hint = names.suggestion(rule.rule, LABELS)
        yield "rule", join("", [say("There is no rule “%(rule)s”.", rule=rule.rule), hint])
    elif rule.rule in WITH_VALUE and rule.value in (None, "", []):
        yield "value", say("This rule needs a value.")
    elif rule.rule in ("min", "max", "min_length", "max_length") and decimal_of(rule.value) is None:
        yield "value", say("Enter a number.")
    elif rule.rule == "pattern" and not _is_pattern(str(rule.value)):
        yield "value", say("This is not a valid pattern (a regular expression without look-around).")


def _is_pattern(text: str) -> bool:
    try:
        patterns.compiled(text, whole=True)
    except ValueError:
        return False
    return True


def check(rules: Sequence[SchemaRule], data: object) -> list[dict[str, str]]:
    """Problems as [{"field", "message"}]: at most one for each field, the first rule that is broken. OverBudgetError."""
    return check_each(rules, [data])[0]


def check_each(
    rules: Sequence[SchemaRule], items: Sequence[object], conventions: Conventions = UNSTATED
) -> list[list[dict[str, str]]]:
    """The problems of each item; after some hundreds the rest is not looked at. OverBudgetError."""
    small = _are_small(rules, items)
    broken_rules = broken(rules, items, conventions) if small else helpers.call(broken, rules, items, conventions)
    return [
        [{"field": rules[at].field, "message": rules[at].message or _words(rules[at])} for at in broken_by_item]
        for broken_by_item in broken_rules
    ]


def _are_small(rules: Sequence[SchemaRule], items: Sequence[object]) -> bool:
    """Whether this takes some milliseconds at most: a rule looks at each part of the data once, a pattern several times."""
    parts = helpers.weight(items, SMALL)
    each = 1 + PATTERN * sum(rule.rule == "pattern" for rule in rules)
    return (len(rules) * len(items) + parts) * each <= SMALL


def _words(rule: SchemaRule) -> str:
    """What to do where the rule is broken."""
    options = ", ".join(options_of(rule.value))
    return say(_WORDS[rule.rule], limit=str(rule.value), pattern=str(rule.value), options=options)
