"""Yes and no (tests/corpus/truth.toml): one table for comparisons, inline if, validation and columns."""

from __future__ import annotations

import pytest

from flowapp.data.columns import Column
from flowapp.data.rule_checks import CHECKS
from flowapp.engine.language.expression import render
from flowapp.engine.language.scope import Scope
from flowapp.errors import InvalidError, UnreadableError
from flowapp.values.truth import counts, read_truth, truth_of
from tests.corpus import rows

TRUTH = rows("truth")
MEANT = {"yes": True, "no": False, "": None}


@pytest.mark.parametrize(("value", "truth"), TRUTH)
def test_a_word_says_yes_or_no(value: object, truth: str) -> None:
    assert truth_of(value) is MEANT[truth]


@pytest.mark.parametrize(("value", "truth"), TRUTH)
def test_expressions_rules_and_columns_agree(value: object, truth: str) -> None:
    scope = Scope(input={"x": value})
    assert render("{{ input.x == true }}", scope) is (truth == "yes")
    assert render("{{ input.x == false }}", scope) is (truth == "no")
    assert render("{{ 'a' if input.x else 'b' }}", scope) == ("b" if truth == "no" else "a")
    assert render("{{ not input.x }}", scope) is (truth == "no")
    assert CHECKS["boolean"](value, None) is bool(truth)
    if truth:
        assert Column("x", "x", "boolean").coerce(value) is read_truth(value) is MEANT[truth]
        return
    with pytest.raises(UnreadableError, match="neither yes nor no"):
        read_truth(value)
    with pytest.raises(InvalidError, match="neither yes nor no"):
        Column("x", "x", "boolean").coerce(value)


@pytest.mark.parametrize(
    ("value", "counted"),
    [
        ("", False),
        (None, False),
        ([], False),
        ({}, False),
        (0, False),
        ("a", True),
        ([0], True),
        (2, True),
        ("false", False),
    ],
)
def test_what_counts_as_yes_where_one_is_asked_for(value: object, counted: bool) -> None:
    assert counts(value) is counted


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{ 'a' if input.a and input.b else 'b' }}", "b"), ("{{ 'a' if input.a or input.b else 'b' }}", "a"),
        ("{{ 'a' if not input.a else 'b' }}", "a"), ("{{ input.a or 'x' }}", "no"), ("{{ input.gone or 'x' }}", "x"),
        ("{{ 'a' if input.gone else 'b' }}", "b"), ("{{ 'a' if not input.gone else 'b' }}", "a"), ("{{ 'a' if input.gone.deeper else 'b' }}", "b"),
        ("{{ 'a' if input.gone == 'x' else 'b' }}", "b"), ("{{ 'a' if input.gone != 'x' else 'b' }}", "a"), ("{{ 'a' if input.gone > 5 else 'b' }}", "b"),
        ("{{ 'a' if 'x' in input.gone else 'b' }}", "b"), ("{{ 'a' if 'x' not in input.gone else 'b' }}", "a"),
        ("{{ input.gone or input.missing or 'x' }}", "x"), ("{{ input.gone and 'x' or 'y' }}", "y"), ("{{ 'a' if input.a or input.gone else 'b' }}", "b"),
    ],
)  # fmt: skip
def test_tests_in_expressions(source: str, value: str) -> None:
    assert render(source, Scope(input={"a": "no", "b": "yes"})) == value
