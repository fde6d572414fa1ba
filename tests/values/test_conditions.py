"""Conditions over real values (tests/corpus/conditions.toml), and what they meant in the languages before."""

from __future__ import annotations

import pytest

from flowapp.engine.language.conditions import evaluate
from flowapp.engine.language.expression import render
from flowapp.engine.language.scope import Scope
from tests.corpus import rows

INPUT = {
    "amount": "150", "comma": "99,00", "euro": "99 €", "word": "abc", "null": None, "blank": " ", "none": [], "zero": 0, "flag": True, "no": "no",
    "one": "1", "late": "2026-03-31T10:00:00+02:00", "day": "2026-03-31", "epoch": 1774994400, "mail": "Tue, 31 Mar 2026 14:30:00 +0200",
}  # fmt: skip
NEGATIONS = {"==": "!=", "in": "not_in", "contains": "not_contains", "exists": "not_exists", "empty": "not_empty"}


def judged(field: str, operator: str, value: object, language: int = 3, **more: object) -> tuple[bool, str]:
    """Whether a rule holds, and the note for the page."""
    scope = Scope(input=INPUT, now="2026-03-31T10:00:00Z", language=language)
    truth, [why] = evaluate([{"field": f"input.{field}", "operator": operator, "value": value, **more}], scope)
    return truth, why.get("note", "")


@pytest.mark.parametrize(("field", "operator", "value", "holds"), rows("conditions"))
def test_a_condition_holds(field: str, operator: str, value: object, holds: bool) -> None:
    assert judged(field, operator, value)[0] is holds


@pytest.mark.parametrize("field", [*INPUT, "nope"])
@pytest.mark.parametrize("value", ["x", 100, ["x", 1], None, True, "{{ input.nope }}"])
def test_each_negation_is_the_opposite_of_its_twin(field: str, value: object) -> None:
    for twin, negation in NEGATIONS.items():
        if not (twin == "in" and not isinstance(value, list)):
            assert judged(field, twin, value)[0] is not judged(field, negation, value)[0], twin


@pytest.mark.parametrize(
    ("field", "value", "note"),
    [
        ("euro", 100, "the text “99 €” cannot be compared with a number here."),
        ("comma", "50", "the text “99,00” cannot be compared with the text “50” here."),
        ("null", 5, "empty cannot be compared with a number here."),
        ("nope", 5, "The field does not exist."),
        ("amount", "{{ input.nope }}", "The value to compare with does not exist."),
    ],
)
def test_what_cannot_be_compared_is_false_and_says_so(field: str, value: object, note: str) -> None:
    for operator in (">", "<", ">=", "<="):
        assert judged(field, operator, value) == (False, note)


@pytest.mark.parametrize(
    ("field", "operator", "value", "now", "before"),
    [
        ("nope", "!=", "x", True, False), ("nope", "not_in", ["x"], True, False), ("nope", "not_contains", "x", True, False),
        ("null", "exists", "", False, True), ("blank", "exists", "", False, True), ("null", "not_exists", "", True, False),
        ("flag", "==", "yes", True, False), ("no", "==", False, True, False), ("word", ">", "100", False, True),
        ("late", ">", "2026-03-31T09:00:00Z", False, True), ("amount", "!=", "{{ input.nope }}", True, False),
    ],
)  # fmt: skip
def test_definitions_of_before_keep_their_meaning(
    field: str, operator: str, value: object, now: bool, before: bool
) -> None:
    answers = [judged(field, operator, value, language)[0] for language in (3, 2, 1)]
    assert answers == [now, before, before]


@pytest.mark.parametrize(
    ("source", "now", "before"),
    [
        ("{{ input.flag == 'oui' }}", True, False), ("{{ 'a' if input.no else 'b' }}", "b", "a"), ("{{ not input.no }}", True, False),
        ("{{ input.late > '2026-03-31T09:00:00Z' }}", False, True), ("{{ '2026-03-31'|date('dd/MM/yyyy') }}", "31/03/2026", "dd/MM/yyyy"),
        ("{{ '2026-03-31'|date('%d/%m/%Y') }}", "31/03/2026", "31/03/2026"),
    ],
)  # fmt: skip
def test_expressions_of_before_keep_their_meaning(source: str, now: object, before: object) -> None:
    assert [render(source, Scope(input=INPUT, language=language)) for language in (3, 2, 1)] == [now, before, before]


@pytest.mark.parametrize(
    ("operator", "value", "holds"),
    [
        ("==", "ÉLODIE@EXAMPLE.COM", True), ("==", "e\u0301lodie@example.com", True), ("!=", "ÉLODIE@EXAMPLE.COM", False), ("contains", "ÉLO", True),
        ("starts_with", "ÉLO", True), ("ends_with", ".COM", True), ("in", ["X", "ÉLODIE@example.com"], True), ("not_in", "ÉLODIE@example.com", False),
        ("matches", "^éLODIE", True),
    ],
)  # fmt: skip
def test_case_is_ignored_where_a_rule_says_so(operator: str, value: object, holds: bool) -> None:
    scope = Scope(input={"email": "élodie@example.com"})
    rule = {"field": "email", "operator": operator, "value": value}
    assert evaluate({**rule, "ignore_case": True}, scope)[0] is holds
    assert evaluate(rule, scope)[0] is not holds
