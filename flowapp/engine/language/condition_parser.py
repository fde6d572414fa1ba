"""Conditions as people write them (DESIGN §4), read into one canonical form and checked.

Canonical: `{"all": [{"field", "operator", "value"}, {"any": [...]}, {"not": [...]}]}`; `{}` asks nothing and is true.
`not` holds where none of its entries does. A rule may also say `"ignore_case": true`. A group without entries asks nothing and is left out. Also read:
`{"operator": "AND", "conditions": [...]}`, a bare list (all of it), a single rule, other spellings of the operators.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, Literal, TypedDict

from pydantic_core import SchemaValidator

from flowapp.catalog import patterns, times
from flowapp.catalog.patterns import MAX_PATTERN
from flowapp.engine.language import expression
from flowapp.engine.language.values import kind
from flowapp.errors import ExpressionError, InvalidError, Problem
from flowapp.texts import say
from flowapp.values.truth import truth_of

MAX_RULES = 500
MAX_LEVELS = 10

Group = Literal["all", "any", "not"]
# A rule, or a group of rules and groups.
Conditions = TypedDict(
    "Conditions",
    {
        "field": str,
        "operator": str,
        "value": object,
        "ignore_case": bool,
        "all": list["Conditions"],
        "any": list["Conditions"],
        "not": list["Conditions"],
    },
    total=False,
)
_SPELLINGS = {
    "==": "= === eq equal equals is equal_to",
    "!=": "<> !== ne neq not_equal not_equals is_not not_equal_to",
    ">": "gt greater greater_than more_than",
    ">=": "gte ge greater_or_equal greater_than_or_equal greater_than_or_equals at_least",
    "<": "lt less less_than",
    "<=": "lte le less_or_equal less_than_or_equal less_than_or_equals at_most",
    "contains": "includes has",
    "not_contains": "not_includes does_not_contain excludes",
    "in": "one_of is_one_of any_of in_list",
    "not_in": "nin none_of not_one_of is_not_one_of not_in_list",
    "starts_with": "startswith begins_with",
    "ends_with": "endswith",
    "matches": "match regex matches_regex",
    "exists": "is_set is_present present is_known is_defined",
    "not_exists": "is_not_set is_missing missing is_unknown does_not_exist",
    "empty": "is_empty blank is_blank",
    "not_empty": "is_not_empty not_blank is_not_blank",
    "changed": "has_changed is_changed",
    "changed_to": "changes_to has_changed_to",
    "before": "is_before",
    "after": "is_after",
}
OPERATORS = tuple(_SPELLINGS)
_ALIASES = {alias: name for name, aliases in _SPELLINGS.items() for alias in aliases.split()}
TEXT_OPERATORS = frozenset(
    {"==", "!=", "contains", "not_contains", "in", "not_in", "starts_with", "ends_with", "matches"}
)
WITHOUT_VALUE = frozenset({"exists", "not_exists", "empty", "not_empty", "changed"})
GROUPS: Final[tuple[Group, ...]] = ("all", "any", "not")
_GROUPS: dict[str, Group] = {
    "all": "all",
    "and": "all",
    "any": "any",
    "or": "any",
    "not": "not",
    "none": "not",
    "nor": "not",
}
_TEXT_OR_NUMBER = frozenset({">", ">=", "<", "<=", "starts_with", "ends_with"})


def normalize(value: object) -> Conditions:
    """The canonical form of conditions in any form. Raises InvalidError with every problem."""
    reader = _Reader()
    group = reader.read(value, "", 0)
    if reader.problems:
        raise InvalidError(reader.problems)
    if not group:
        return {}
    return {"all": [group]} if "field" in group else group


def check_conditions(value: object, path: str = "") -> list[Problem]:
    """What is wrong with conditions, each problem with the dotted path of its field, `path` in front."""
    reader = _Reader()
    reader.read(value, path, 0)
    return reader.problems


class _Reader:
    """Reads one value into the canonical form and collects what is wrong with it."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.rules = 0

    def wrong(self, path: str, message: str) -> Conditions:
        self.problems.append(Problem(path, message, code="condition"))
        return {}

    def read(self, value: object, path: str, level: int) -> Conditions:
        """A group or rule in canonical form; empty where nothing is asked or something is wrong."""
        if level > MAX_LEVELS:
            return self.wrong(
                path, say("The groups are nested too deeply: at most %(max)s levels are allowed.", max=MAX_LEVELS)
            )
        if value in (None, "", [], {}):
            return {}
        if isinstance(value, list):
            return self.group("all", value, path, level)
        if isinstance(value, dict):
            return self.rule(value, path) if "field" in value else self.keyed(value, path, level)
        return self.wrong(path, say("Use a group {“all”: […]} or a rule {“field”, “operator”, “value”}."))

    def keyed(self, value: dict[str, object], path: str, level: int) -> Conditions:
        """{"any": [...]}, or a group whose name stands beside its entries."""
        nested = next((key for key in ("conditions", "rules") if key in value), None)
        if nested:
            return self.named(value, nested, path, level)
        key = next(iter(value))
        name = _GROUPS.get(str(key).lower())
        if name and len(value) == 1:
            return self.group(name, value[key], _at(path, key), level)
        return self.wrong(
            path, say("A group has one of “all”, “any”, “not”; a rule has “field”, “operator” and “value”.")
        )

    def named(self, value: dict[str, object], nested: str, path: str, level: int) -> Conditions:
        """{"operator": "AND", "conditions": [...]}"""
        key = next((key for key in ("operator", "logic", "match") if key in value), "operator")
        name = _GROUPS.get(str(value.get(key) or "and").strip().lower())
        unknown = sorted(str(other) for other in value if other not in {key, nested})
        if unknown:
            return self.wrong(_at(path, unknown[0]), say("This is not allowed in a group of conditions."))
        if name is None:
            return self.wrong(_at(path, key), say("The operator of a group must be AND, OR or NOT."))
        return self.group(name, value[nested], _at(path, nested), level)

    def group(self, name: Group, value: object, path: str, level: int) -> Conditions:
        if isinstance(value, dict):
            entries = [self.read(value, path, level + 1)]
        elif isinstance(value, list):
            entries = [self.read(entry, _at(path, at), level + 1) for at, entry in enumerate(value[: MAX_RULES + 1])]
        elif value is None:
            entries = []
        else:
            return self.wrong(path, say("This must be a list of conditions."))
        made: Conditions = {}
        if entries := [entry for entry in entries if entry]:
            made[name] = entries
        return made

    def rule(self, value: dict[str, object], path: str) -> Conditions:
        self.rules += 1
        if self.rules > MAX_RULES:
            if self.rules == MAX_RULES + 1:
                self.wrong(path, say("There are too many rules: at most %(max)s are allowed.", max=MAX_RULES))
            return {}
        before = len(self.problems)
        field, given = value["field"], value.get("operator", value.get("op", "=="))
        looked_at = field.strip() if isinstance(field, str) else ""
        if not looked_at:
            self.wrong(_at(path, "field"), say("Enter the field to check, such as contact.email."))
        name = self.operator(given, _at(path, "operator"))
        ignore_case = self.switch(value, path)
        self.problems += expression.check(field, _at(path, "field"))
        if name and name not in WITHOUT_VALUE:
            self.value(name, value, _at(path, "value"))
        if len(self.problems) > before or name is None:
            return {}
        rule: Conditions = {"field": looked_at, "operator": name}
        if name not in WITHOUT_VALUE:
            rule["value"] = value["value"]
        if ignore_case and name in TEXT_OPERATORS:
            rule["ignore_case"] = True
        return rule

    def operator(self, given: object, path: str) -> str | None:
        name = operator_name(given)
        if name is None:
            known = ", ".join(OPERATORS)
            self.wrong(
                path, say("“%(name)s” is not an operator. Available: %(known)s.", name=str(given)[:50], known=known)
            )
        return name

    def switch(self, rule: dict[str, object], path: str) -> bool:
        """Whether a rule ignores case; and that it says nothing unknown."""
        for key in rule:
            if key not in {"field", "operator", "op", "value", "ignore_case"}:
                self.wrong(
                    _at(path, key), say("A rule has a field, an operator, a value and ignore_case, nothing else.")
                )
        truth = truth_of(rule.get("ignore_case", False))
        if truth is None:
            self.wrong(_at(path, "ignore_case"), say("Enter yes or no."))
        return bool(truth)

    def value(self, name: str, rule: dict[str, object], path: str) -> None:
        if "value" not in rule:
            self.wrong(path, say("%(name)s needs a value to compare with.", name=name))
            return
        value = rule["value"]
        problem = expression.check(value, path)
        self.problems += problem
        if problem or expression.has_expression(value):
            return
        try:
            _check_value(name, value)
        except ExpressionError as error:
            self.wrong(path, error.message)


def _at(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def operator_name(given: object) -> str | None:
    """The canonical name of an operator in any case or spelling; None where it is unknown."""
    if not isinstance(given, str):
        return None
    name = given.strip().lower().replace(" ", "_").replace("-", "_")
    name = _ALIASES.get(name, name)
    return name if name in OPERATORS else None


def _check_value(name: str, value: object) -> None:
    """ExpressionError where a value without expressions can never fit its operator."""
    if name in {"in", "not_in"}:
        if not isinstance(value, list | str):
            raise ExpressionError(say("%(name)s needs a list, or text separated by commas.", name=name))
    elif name in _TEXT_OR_NUMBER and (value is None or isinstance(value, list | dict)):
        raise ExpressionError(say("%(name)s needs text or a number, not %(kind)s.", name=name, kind=kind(value)))
    elif name == "matches":
        pattern(value)
    elif name in {"before", "after"}:
        times.resolve_relative(value, datetime(2000, 1, 1, tzinfo=UTC), notation=times.any_notation)


def pattern(value: object) -> SchemaValidator:
    """A compiled pattern of `matches`. Raises ExpressionError."""
    if not isinstance(value, str) or not value or len(value) > MAX_PATTERN:
        raise ExpressionError(say("matches needs a pattern of 1 to %(max)s characters.", max=MAX_PATTERN))
    try:
        return patterns.compiled(value)
    except ValueError as error:
        raise ExpressionError(error.args[0]) from None
