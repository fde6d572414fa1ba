"""Conditions in their canonical form as one SQL condition, with the meaning that conditions of workflows have.

A field without a value is nothing: comparisons with it are false, and their negations true. SQL's NULL is neither; it
counts as false in groups of all and any, so it only has to be made false below a negation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, false, func, not_, or_, true

from flowapp.engine.language import expression
from flowapp.engine.language.condition_parser import GROUPS, WITHOUT_VALUE, Conditions, normalize
from flowapp.errors import InvalidError, Problem
from flowapp.records.filters.context import MAX_VALUES, Context, Kind, too_many_values, values_of
from flowapp.texts import say

MAX_RULES = 50
_NEGATIONS: Mapping[str, str] = {
    "!=": "==", "not_contains": "contains", "not_in": "in", "not_exists": "exists", "empty": "exists",
}  # fmt: skip
_ALIASES: Mapping[str, str] = {"not_empty": "exists"}
_OF_WORKFLOWS = ("changed", "changed_to")
Find = Callable[[str], Kind | None]


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions as they are asked (references read: `me` is a member's id) and what holds for the records that meet them."""

    conditions: Conditions
    matching: ColumnElement[bool]


def filter_of(conditions: object, find: Find, context: Context, path: str = "filter") -> Filter:
    """The filter that conditions in any form ask for. InvalidError names every rule that no filter can have, at `path`."""
    try:
        asked = normalize(conditions)
    except InvalidError as error:
        raise InvalidError([_below(problem, path) for problem in error.problems]) from None
    builder = _Builder(find, context)
    made = Filter(asked, true())
    if isinstance(conditions, Mapping) and "field" in conditions and asked:
        rule, matching = builder.rule(asked["all"][0], path)
        made = Filter({"all": [rule]}, matching)
    elif asked:
        made = Filter(*builder.entry(asked, path))
    if builder.problems:
        raise InvalidError(builder.problems)
    return made


def _below(problem: Problem, path: str) -> Problem:
    return Problem(f"{path}.{problem.path}" if problem.path else path, problem.message, code=problem.code)


class _Builder:
    def __init__(self, find: Find, context: Context) -> None:
        self.find, self.context = find, context
        self.problems: list[Problem] = []
        self.rules = self.values = 0

    def entry(self, entry: Conditions, path: str) -> tuple[Conditions, ColumnElement[bool]]:
        if "field" in entry:
            return self.rule(entry, path)
        name = next(name for name in GROUPS if name in entry)
        parts = [self.entry(part, f"{path}.{name}.{at}") for at, part in enumerate(entry[name])]
        read: Conditions = {}
        read[name] = [part[0] for part in parts]
        tests = [part[1] for part in parts]
        if name == "all":
            return read, and_(*tests)
        return read, or_(*tests) if name == "any" else _negated(or_(*tests))

    def rule(self, rule: Conditions, path: str) -> tuple[Conditions, ColumnElement[bool]]:
        self.rules += 1
        try:
            if self.rules > MAX_RULES:
                raise InvalidError.at("", say("A filter has at most %(max)s conditions.", max=MAX_RULES))
            return self.judged(rule)
        except InvalidError as error:
            if self.rules <= MAX_RULES + 1:
                self.problems += [_below(problem, path) for problem in error.problems]
            return rule, false()

    def judged(self, rule: Conditions) -> tuple[Conditions, ColumnElement[bool]]:
        name, given = rule["field"], rule["operator"]
        kind = None if expression.has_expression(name) else self.find(name)
        if kind is None:
            raise InvalidError.at(
                "field", say("There is no field “%(name)s” to filter by.", name=name[:100]), "unknown"
            )
        operator = _ALIASES.get(given, given)
        operator, negated = _NEGATIONS.get(operator, operator), operator in _NEGATIONS
        if operator == "exists":
            test = kind.exists()
        else:
            _refuse(given, operator, kind, rule.get("value"))
            if operator == "in":
                self.count(rule["value"])
            if given not in WITHOUT_VALUE:
                rule = _with_value(rule, kind, operator, self.context)
            test = _tested(rule, kind, operator, self.context)
        return rule, _negated(test) if negated else test

    def count(self, value: object) -> None:
        """InvalidError where all rules together list too many values: the database would look through them for each record."""
        self.values += len(values_of(value))
        if self.values > MAX_VALUES:
            raise too_many_values()


def _refuse(given: str, operator: str, kind: Kind, value: object) -> None:
    """InvalidError for what this field cannot be asked."""
    if given in _OF_WORKFLOWS:
        raise InvalidError.at("operator", say("A list shows records as they are: choose another comparison."))
    if given == "matches":
        raise InvalidError.at("operator", say("Patterns cannot be searched for in lists: use “contains”."))
    if operator not in kind.operators:
        raise InvalidError.at("operator", say("This field cannot be compared in this way: choose another comparison."))
    if expression.has_expression(value):
        raise InvalidError.at("value", say("A filter compares with fixed values, not with expressions."))


def _with_value(rule: Conditions, kind: Kind, operator: str, context: Context) -> Conditions:
    value = rule["value"]
    if value is None and operator == "==":
        return rule
    read = rule.copy()
    read["value"] = kind.read(operator, value, context)
    return read


def _tested(rule: Conditions, kind: Kind, operator: str, context: Context) -> ColumnElement[bool]:
    value = rule.get("value")
    if value is None:
        return kind.missing()
    return kind.test(operator, value, context, ignore_case=rule.get("ignore_case", False))


def _negated(test: ColumnElement[bool]) -> ColumnElement[bool]:
    return not_(func.coalesce(test, false()))
