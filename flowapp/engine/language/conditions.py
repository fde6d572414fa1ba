"""Conditions (DESIGN §4) judged against a scope, with an explanation; `rules` says how they are written.

- A field that is not there, or null, is nothing: comparisons with it are false, their negations (`!=`, `not_contains`,
  `not_in`) true, `exists` is false. It equals null. An empty answer (blank text, an empty list) does not exist either.
- Each negation is the opposite of its twin, whatever the values are.
- Numbers meet numbers in plain notation as numbers (`"50" > 9`); beside other text, or anything else that cannot be
  compared, a comparison is false, with a note.
- `ignore_case` compares texts without regard to case.
- Definitions of the languages 1 and 2 keep what they meant: see `_judged_before`.
- `in` takes a list, or text with commas; a list in the field is in it where one of its entries is.
- `matches` searches anywhere (`^` and `$` anchor), with Rust's regex engine, whose time is linear in the text:
  look-around and back references do not exist, patterns are bounded in length and weight.
- `changed` reads `input.changes.<field>` ({"old", "new"}), else `input.old_<field>` and `input.new_<field>`, else
  `input.previous.<field>` against the field itself.
- `before` and `after` take ISO dates and times, or relative times counted from `now`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sized
from typing import NotRequired, TypedDict

from flowapp.catalog import times
from flowapp.catalog.patterns import MAX_MATCHED
from flowapp.engine.language import expression
from flowapp.engine.language.compiler import Key, lookup, split_path
from flowapp.engine.language.condition_parser import (
    GROUPS,
    OPERATORS,
    WITHOUT_VALUE,
    Conditions,
    check_conditions,
    normalize,
    pattern,
)
from flowapp.engine.language.scope import LANGUAGE
from flowapp.engine.language.values import (
    MISSING,
    Absent,
    contains,
    equal,
    equal_before,
    kind,
    measure,
    order,
    order_before,
    to_text,
)
from flowapp.errors import ExpressionError
from flowapp.texts import labelled, say
from flowapp.values.text import folded

__all__ = ["OPERATORS", "check_conditions", "evaluate", "normalize", "references"]


Judge = Callable[[object, object], bool | None]
Same = Callable[[object, object], bool]


class Explanation(TypedDict):
    """How a rule was judged: what it asks for, what was there, and the answer."""

    field: str
    operator: str
    value: object
    actual: object
    result: bool
    note: NotRequired[str]


def references(value: object) -> list[tuple[str, ...]]:
    """The paths that the rules look at, fields without braces too. Raises InvalidError and ExpressionError."""
    paths: list[tuple[str, ...]] = []
    for rule in _rules(normalize(value)):
        field = rule["field"]
        bare = [] if expression.has_expression(field) else [tuple(map(str, split_path(field)))]
        paths += [*bare, *expression.references([field, rule.get("value")])]
    return list(dict.fromkeys(paths))


def evaluate(conditions: object, scope: Mapping[str, object]) -> tuple[bool, list[Explanation]]:
    """Whether the conditions hold, and for each rule {"field", "operator", "value", "actual", "result"} (and "note").

    Every rule is judged and explained, also where the answer is clear before. `actual` is null for a missing field and
    shortened where it is long. Raises InvalidError for a wrong shape and ExpressionError for a wrong expression.
    """
    explanation: list[Explanation] = []
    return _holds(normalize(conditions), scope, explanation), explanation


def _rules(group: Conditions) -> list[Conditions]:
    if "field" in group:
        return [group]
    return [rule for name in GROUPS for entry in group.get(name, ()) for rule in _rules(entry)]


def _holds(entry: Conditions, scope: Mapping[str, object], explanation: list[Explanation]) -> bool:
    if not entry:
        return True
    if "field" in entry:
        explanation.append(_explain(entry, scope))
        return bool(explanation[-1]["result"])
    name = next(name for name in GROUPS if name in entry)
    answers = [_holds(part, scope, explanation) for part in entry[name]]
    if name == "all":
        return all(answers)
    return any(answers) if name == "any" else not any(answers)


def _explain(rule: Conditions, scope: Mapping[str, object]) -> Explanation:
    field, name = rule["field"], rule["operator"]
    wanted = expression.compile_value(rule.get("value")).evaluate(scope, lenient=True)
    actual = _read(field, scope)
    try:
        if name in {"changed", "changed_to"}:
            old, actual = _change(field, actual, scope)
            result: bool | None = old is not MISSING and not equal(old, actual)
            result = result and (name == "changed" or equal(actual, wanted))
        elif name in {"before", "after"}:
            result = _in_time(name, actual, wanted, scope)
        else:
            result = _judge(rule, actual, wanted, scope)
    except ExpressionError as error:
        raise ExpressionError(labelled(f"{field} {name}", error.message)) from None
    explained: Explanation = {
        "field": field,
        "operator": name,
        "value": _brief(wanted),
        "actual": _brief(actual),
        "result": bool(result),
    }
    if note := _note(result, name, actual, wanted):
        explained["note"] = note
    return explained


def _note(result: bool | None, name: str, actual: object, wanted: object) -> str:
    if actual is MISSING and name not in WITHOUT_VALUE:
        return say("The field does not exist.")
    if wanted is MISSING:
        return say("The value to compare with does not exist.")
    if result is not None:
        return ""
    return say("%(one)s cannot be compared with %(other)s here.", one=_named(actual), other=_named(wanted))


def _named(value: object) -> str:
    """A value as a note calls it: text in full where it is short, since “99 €” is why it is no number."""
    if isinstance(value, str):
        return say("the text “%(text)s”", text=value if len(value) <= 40 else f"{value[:39]}…")
    return kind(value)


def _read(field: str, scope: Mapping[str, object]) -> object:
    if expression.has_expression(field):
        return expression.compile_value(field).evaluate(scope, lenient=True)
    return _lookup(scope, split_path(field))


def _lookup(scope: Mapping[str, object], path: tuple[Key, ...]) -> object:
    try:
        return lookup(scope, path)
    except Absent:
        return MISSING


def _change(field: str, actual: object, scope: Mapping[str, object]) -> tuple[object, object]:
    """(old, new); old is MISSING where no change is known."""
    paths: list[tuple[Key, ...]] = [split_path(field)]
    if expression.has_expression(field):
        paths = [tuple(path) for path in expression.references(field)] or [("",)]
    keys = paths[0][1:] if paths[0][0] == "input" and len(paths[0]) > 1 else paths[0]
    last = keys[-1]
    for name in (".".join(map(str, keys)), last):
        change = _lookup(scope, ("input", "changes", name))
        if isinstance(change, dict) and "old" in change and "new" in change:
            return change["old"], change["new"]
    old, new = (_lookup(scope, ("input", f"{when}_{last}")) for when in ("old", "new"))
    if old is not MISSING and (new is not MISSING or actual is not MISSING):
        return old, actual if new is MISSING else new
    previous = [_lookup(scope, ("input", "previous", *path)) for path in (keys, (last,))]
    return next((value for value in previous if value is not MISSING), MISSING), actual


def _in_time(name: str, actual: object, wanted: object, scope: Mapping[str, object]) -> bool | None:
    tz, notation = getattr(scope, "timezone", "UTC"), getattr(scope, "notation", times.unstated)
    now = times.parse_moment(to_text(_lookup(scope, ("now",))))
    first = times.parse_moment(to_text(actual), tz, notation)
    try:
        second = (
            times.resolve_relative(wanted, now, tz, notation)
            if now
            else times.parse_moment(to_text(wanted), tz, notation)
        )
    except ExpressionError:
        return None
    if first is None or second is None:
        return None
    return first < second if name == "before" else first > second


def _judge(rule: Conditions, actual: object, wanted: object, scope: Mapping[str, object]) -> bool | None:
    """None: they cannot be compared."""
    name = rule["operator"]
    if getattr(scope, "language", LANGUAGE) < 3:
        return _judged_before(name, actual, wanted)
    actual, wanted = (None if value is MISSING else value for value in (actual, wanted))
    if rule.get("ignore_case"):
        actual, wanted = _folded(actual), f"(?i){wanted}" if name == "matches" else _folded(wanted)
    if name in _ORDERED:
        sign = order(actual, wanted, getattr(scope, "timezone", "UTC"), getattr(scope, "notation", None))
        return None if sign is None else _ORDERED[name](sign)
    return _JUDGES[name](actual, wanted)


def _judged_before(name: str, actual: object, wanted: object) -> bool | None:
    """In the languages 1 and 2 nothing held for a missing field but `not_exists` and `empty`, and null existed."""
    if actual is MISSING:
        return name in {"not_exists", "empty"}
    if wanted is MISSING and name not in WITHOUT_VALUE:
        return False
    if name in _ORDERED:
        sign = order_before(actual, wanted)
        return None if sign is None else _ORDERED[name](sign)
    return _JUDGES_BEFORE[name](actual, wanted)


def _folded(value: object) -> object:
    if isinstance(value, list):
        return [_folded(entry) for entry in value]
    return folded(value) if isinstance(value, str) else value


_ORDERED: dict[str, Callable[[int], bool]] = {
    ">": lambda sign: sign > 0,
    ">=": lambda sign: sign >= 0,
    "<": lambda sign: sign < 0,
    "<=": lambda sign: sign <= 0,
}


def _contains(same: Same) -> Judge:
    def judge(actual: object, wanted: object) -> bool | None:
        if actual is None:
            return False
        return contains(to_text(actual) if isinstance(actual, int | float) else actual, wanted, same)

    return judge


def _among(same: Same) -> Judge:
    def judge(actual: object, wanted: object) -> bool | None:
        if isinstance(wanted, str):
            wanted = [part.strip() for part in wanted.split(",")]
        if not isinstance(wanted, list):
            return None
        return any(contains(wanted, entry, same) for entry in (actual if isinstance(actual, list) else [actual]))

    return judge


def _text(test: Callable[[str, str], bool]) -> Judge:
    def judge(actual: object, wanted: object) -> bool | None:
        if actual is None or isinstance(actual, list | dict) or wanted is None or isinstance(wanted, list | dict):
            return None
        return test(to_text(actual), to_text(wanted))

    return judge


def _matches(actual: str, wanted: str) -> bool:
    if len(actual) > MAX_MATCHED:
        raise ExpressionError(say("The text is too long for matches: more than %(max)s characters.", max=MAX_MATCHED))
    return bool(pattern(wanted).isinstance_python(actual))


def _empty(actual: object, _: object = None) -> bool:
    return actual is None or (isinstance(actual, str) and not actual.strip()) or actual in ([], {})


def _opposite(judge: Judge) -> Judge:
    """The negation of its twin; of what cannot be compared the languages before had none."""
    return lambda actual, wanted: not judge(actual, wanted)


def _negated_before(judge: Judge) -> Judge:
    def negated(actual: object, wanted: object) -> bool | None:
        verdict = judge(actual, wanted)
        return None if verdict is None else not verdict

    return negated


def _judges(same: Same, negated: Callable[[Judge], Judge], exists: Judge) -> dict[str, Judge]:
    return {
        "==": same,
        "!=": negated(same),
        "contains": _contains(same),
        "not_contains": negated(_contains(same)),
        "in": _among(same),
        "not_in": negated(_among(same)),
        "starts_with": _text(str.startswith),
        "ends_with": _text(str.endswith),
        "matches": _text(_matches),
        "exists": exists,
        "not_exists": _opposite(exists),
        "empty": _empty,
        "not_empty": _opposite(_empty),
    }


_JUDGES = _judges(equal, _opposite, _opposite(_empty))
_JUDGES_BEFORE = _judges(equal_before, _negated_before, lambda *_: True)


def _brief(value: object) -> object:
    """A value as the explanation shows it: whole where it is short."""
    if value is MISSING:
        return None
    if isinstance(value, str):
        return value if len(value) <= 200 else value[:199] + "…"
    try:
        measure(value, 1000)
    except ExpressionError:
        return f"{kind(value)} of {len(value) if isinstance(value, Sized) else 0} entries"
    return value
