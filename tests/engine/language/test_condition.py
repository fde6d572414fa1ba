"""Conditions: every operator, every way to write them, missing fields, explanations."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowapp.engine.language.condition_parser import MAX_RULES
from flowapp.engine.language.conditions import OPERATORS, check_conditions, evaluate, normalize, references
from flowapp.engine.language.scope import Scope
from flowapp.errors import ExpressionError, FlowError, InvalidError

SCOPE = Scope(
    input={
        "amount": "50",
        "total": 100.0,
        "status": "won",
        "nothing": None,
        "blank": " ",
        "zero": 0,
        "ok": True,
        "tags": ["vip", "new"],
        "when": "2025-10-20T09:00:00Z",
        "day": "2025-10-01",
        "organisation": {"pipeline_stage": "PROPOSITION", "people": [{"name": "Ann"}]},
        "limit": 40,
        "first name": "Zoë",
    },
    now="2025-10-18T10:30:00Z",
)


def holds(field, operator, value=None):
    return evaluate({"field": field, "operator": operator, "value": value}, SCOPE)[0]


@pytest.mark.parametrize(
    ("field", "operator", "value", "expected"),
    [
        ("amount", "==", 50, True),
        ("amount", "==", "50", True),
        ("amount", "==", "50.0", False),
        ("amount", ">", 9, True),
        ("amount", ">", "9", True),
        ("amount", ">=", 50, True),
        ("amount", "<", 50, False),
        ("amount", "<=", "{{ limit }}", False),
        ("total", "<", "1000", True),
        ("status", "!=", "lost", True),
        ("status", ">", "abc", True),
        ("status", ">", 5, False),
        ("nothing", ">", 5, False),
        ("nothing", "!=", "x", True),
        ("nothing", "==", None, True),
        ("ok", "==", True, True),
        ("ok", "==", "true", True),
        ("ok", "==", 1, True),
        ("status", "contains", "o", True),
        ("tags", "contains", "vip", True),
        ("tags", "contains", "v", False),
        ("tags", "not_contains", "old", True),
        ("organisation", "contains", "people", True),
        ("amount", "contains", 5, True),
        ("nothing", "not_contains", "x", True),
        ("organisation.pipeline_stage", "in", ["PROPOSITION", "QUALIFICATION"], True),
        ("organisation.pipeline_stage", "in", "PROPOSITION, QUALIFICATION", True),
        ("organisation.pipeline_stage", "not_in", ["X"], True),
        ("company.pipeline_stage", "==", "PROPOSITION", True),
        ("tags", "in", ["vip"], True),
        ("amount", "in", [50], True),
        ("organisation.people.0.name", "==", "Ann", True),
        ("organisation.people[0].name", "==", "Ann", True),
        ("{{ organisation.people|length }}", "==", 1, True),
        ("{{ total - limit }}", ">", 59, True),
        ("first name", "starts_with", "Zo", True),
        ("status", "starts_with", "w", True),
        ("status", "ends_with", "n", True),
        ("amount", "starts_with", 5, True),
        ("status", "matches", "^w[aeiou]n$", True),
        ("status", "matches", "(?i)WO", True),
        ("status", "matches", "^o", False),
        ("nothing", "exists", None, False),
        ("nothing", "empty", None, True),
        ("blank", "empty", None, True),
        ("zero", "empty", None, False),
        ("zero", "not_empty", None, True),
        ("tags", "not_empty", None, True),
        ("when", "after", "now", True),
        ("when", "before", "+3 days", True),
        ("when", "before", "+1 day", False),
        ("day", "before", "2025-10-02", True),
        ("day", "after", "-1 month", True),
        ("status", "before", "+1 day", False),
    ],
)
def test_operators(field, operator, value, expected):
    assert holds(field, operator, value) is expected


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_missing_field_is_simply_not_there(operator):
    value = {"in": ["x"], "not_in": ["x"], "before": "now", "after": "now"}.get(operator, "x")
    for field in ("nope", "status.deeper", "{{ nope.x }}", "{{ nope + 1 }}"):
        assert holds(field, operator, value) is (operator in {"not_exists", "empty", "!=", "not_in", "not_contains"})


def test_a_missing_value_differs_from_every_other():
    truth, [rule] = evaluate([{"field": "status", "operator": "!=", "value": "{{ nope }}"}], SCOPE)
    assert truth
    assert rule["note"] == "The value to compare with does not exist."


@pytest.mark.parametrize(
    "empty", [None, {}, [], "", {"all": []}, {"any": []}, {"operator": "OR", "conditions": []}, [{}]]
)
def test_empty_conditions_are_true(empty):
    assert normalize(empty) == {}
    assert evaluate(empty, SCOPE) == (True, [])


WON = {"field": "status", "operator": "==", "value": "won"}
LOST = {"field": "status", "operator": "==", "value": "lost"}


@pytest.mark.parametrize(
    ("written", "canonical", "truth"),
    [
        (WON, {"all": [WON]}, True),
        ([WON, LOST], {"all": [WON, LOST]}, False),
        ({"ANY": [LOST, WON]}, {"any": [LOST, WON]}, True),
        ({"not": [LOST]}, {"not": [LOST]}, True),
        ({"not": [LOST, WON]}, {"not": [LOST, WON]}, False),
        ({"not": WON}, {"not": [WON]}, False),
        ({"operator": "AND", "conditions": [WON, LOST]}, {"all": [WON, LOST]}, False),
        ({"operator": "or", "conditions": [WON, LOST]}, {"any": [WON, LOST]}, True),
        ({"conditions": [WON]}, {"all": [WON]}, True),
        ({"logic": "OR", "rules": [LOST]}, {"any": [LOST]}, False),
        ({"all": [WON, {"any": [LOST, {"not": [LOST]}]}]}, {"all": [WON, {"any": [LOST, {"not": [LOST]}]}]}, True),
        ([{"field": "status", "operator": "Equals", "value": "won"}], {"all": [WON]}, True),
        ([{"field": "status", "value": "won"}], {"all": [WON]}, True),
        (
            [{"field": "status", "operator": "is not empty", "value": ""}],
            {"all": [{"field": "status", "operator": "not_empty"}]},
            True,
        ),
        (
            [{"field": "amount", "op": "greater-than", "value": 9}],
            {"all": [{"field": "amount", "operator": ">", "value": 9}]},
            True,
        ),
    ],
)
def test_ways_to_write_conditions(written, canonical, truth):
    assert normalize(written) == canonical
    assert normalize(canonical) == canonical
    assert check_conditions(written) == []
    assert evaluate(written, SCOPE)[0] is truth


def test_the_explanation_lists_every_rule_with_its_values():
    truth, rules = evaluate(
        {
            "any": [
                WON,
                {"field": "nope", "operator": ">", "value": "{{ limit }}"},
                {"field": "tags", "operator": "<", "value": 1},
            ]
        },
        SCOPE,
    )
    assert truth
    assert rules == [
        {"field": "status", "operator": "==", "value": "won", "actual": "won", "result": True},
        {"field": "nope", "operator": ">", "value": 40, "actual": None, "result": False, "note": "The field does not exist."},
        {"field": "tags", "operator": "<", "value": 1, "actual": ["vip", "new"], "result": False, "note": "a list cannot be compared with a number here."},
    ]  # fmt: skip


def test_long_values_are_shortened_in_the_explanation():
    scope = Scope(input={"text": "x" * 5000, "list": list(range(5000))})
    _, rules = evaluate([{"field": "text", "operator": "exists"}, {"field": "list", "operator": "exists"}], scope)
    assert len(rules[0]["actual"]) == 200
    assert rules[1]["actual"] == "a list of 5000 entries"


@pytest.mark.parametrize(
    ("data", "field", "changed", "to_won"),
    [
        ({"changes": {"stage": {"old": "new", "new": "won"}}}, "stage", True, True),
        ({"deal": {"stage": "won"}, "changes": {"stage": {"old": "new", "new": "won"}}}, "deal.stage", True, True),
        ({"changes": {"stage": {"old": "new", "new": "won"}}}, "input.stage", True, True),
        ({"changes": {"stage": {"old": "new", "new": "won"}}, "stage": "won"}, "{{ input.stage }}", True, True),
        ({"changes": {"deal.stage": {"old": None, "new": "won"}}}, "deal.stage", True, True),
        ({"changes": {"stage": {"old": "won", "new": "won"}}}, "stage", False, False),
        ({"changes": {"stage": {"old": "won", "new": "lost"}}}, "stage", True, False),
        ({"old_stage": "new", "new_stage": "won"}, "stage", True, True),
        ({"old_stage": "new", "new_stage": "won"}, "deal.stage", True, True),
        ({"stage": "won", "previous": {"stage": "new"}}, "stage", True, True),
        ({"deal": {"stage": "won"}, "previous": {"deal": {"stage": "won"}}}, "deal.stage", False, False),
        ({"stage": "won"}, "stage", False, False),
        ({"changes": ["stage"]}, "stage", False, False),
    ],
)
def test_changes(data, field, changed, to_won):
    scope = Scope(input=data)
    assert evaluate({"field": field, "operator": "changed"}, scope)[0] is changed
    assert evaluate({"field": field, "operator": "changed_to", "value": "won"}, scope)[0] is to_won


def test_days_are_counted_in_the_zone_of_the_scope():
    rule = {"field": "day", "operator": "after", "value": "2025-10-17T23:00:00Z"}
    assert evaluate(rule, Scope(input={"day": "2025-10-18"}))[0] is True
    assert evaluate(rule, Scope(input={"day": "2025-10-18"}, timezone="Europe/Paris"))[0] is False


def test_without_a_clock_only_fixed_times_compare():
    data = {"input": {"d": "2025-01-01"}}
    assert evaluate({"field": "input.d", "operator": "before", "value": "2025-01-02"}, data)[0]
    assert not evaluate({"field": "input.d", "operator": "before", "value": "+1 day"}, data)[0]


@pytest.mark.parametrize(
    ("value", "path", "part"),
    [
        ("nonsense", "c", "Use a group"),
        (5, "c", "Use a group"),
        ({"every": []}, "c", "A group has one of"),
        ({"all": [WON], "any": [WON]}, "c", "A group has one of"),
        ({"all": "x"}, "c.all", "list of conditions"),
        ([{"field": 5, "operator": "==", "value": 1}], "c.0.field", "Enter the field"),
        ([{"field": " ", "value": 1}], "c.0.field", "Enter the field"),
        ({"any": [WON, {"field": "a", "operator": "resembles", "value": 1}]}, "c.any.1.operator", "Available: =="),
        ([{"field": "a", "operator": ["=="], "value": 1}], "c.0.operator", "is not an operator"),
        ([{"field": "a", "operator": ">"}], "c.0.value", "needs a value"),
        ([{"field": "a", "operator": ">", "value": None}], "c.0.value", "not empty"),
        ([{"field": "a", "operator": "in", "value": 5}], "c.0.value", "needs a list"),
        ([{"field": "a", "operator": "before", "value": "soon"}], "c.0.value", "+3 days"),
        ([{"field": "a", "operator": "matches", "value": "(a"}], "c.0.value", "unclosed group"),
        ([{"field": "a", "operator": "matches", "value": "(a)\\1"}], "c.0.value", "not supported"),
        ([{"field": "a", "operator": "matches", "value": "\\w{1000}"}], "c.0.value", "too expensive"),
        ([{"field": "a", "operator": "matches", "value": "(a{1,100}){1,100}b"}], "c.0.value", "too expensive"),
        ([{"field": "a", "operator": "matches", "value": "((.{30}[)]){9}|x){9,}"}], "c.0.value", "too expensive"),
        ([{"field": "a", "operator": "matches", "value": "(?ix) a"}], "c.0.value", "too expensive"),
        ([{"field": "a", "operator": "matches", "value": "x" * 501}], "c.0.value", "500"),
        ([{"field": "{{ a b }}", "operator": "exists"}], "c.0.field", "not expected"),
        ([{"field": "a", "operator": "==", "value": {"x": "{{ a b }}"}}], "c.0.value.x", "not expected"),
        ([{"field": "a", "operator": "exists", "colour": 1}], "c.0.colour", "nothing else"),
        ({"operator": "XOR", "conditions": [WON]}, "c.operator", "AND, OR or NOT"),
        ({"operator": "AND", "conditions": [WON], "more": 1}, "c.more", "not allowed"),
        ([WON] * (MAX_RULES + 50), f"c.{MAX_RULES}", "too many rules"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(value, path, part):
    [problem] = check_conditions(value, "c")
    assert problem.path == path
    assert part in problem.message
    with pytest.raises(InvalidError):
        evaluate(value, SCOPE)


def test_groups_nested_too_deeply_are_refused():
    value = WON
    for _ in range(5000):
        value = {"all": [value]}
    assert "nested too deeply" in check_conditions(value)[0].message


def test_a_catastrophic_pattern_on_a_long_text_is_answered():
    scope = Scope(input={"text": "a" * 19_999 + "!"})
    assert evaluate({"field": "text", "operator": "matches", "value": "^(a+)+$"}, scope)[0] is False
    assert evaluate({"field": "text", "operator": "matches", "value": "(.*.*.*.*.*)b$"}, scope)[0] is False
    with pytest.raises(ExpressionError, match="too long"):
        evaluate({"field": "text", "operator": "matches", "value": "a"}, Scope(input={"text": "a" * 20_001}))


@pytest.mark.parametrize(
    "pattern",
    [
        "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        r"^\+33\d{9}$",
        r"^[^@\s]+@([a-z0-9-]+\.){1,5}[a-z]{2,20}$",
        r"\(\{2,}[(){}]",
    ],
)
def test_usual_patterns_are_accepted(pattern):
    assert check_conditions({"field": "a", "operator": "matches", "value": pattern}) == []


def test_a_wrong_expression_or_pattern_at_run_time_is_an_expression_error():
    with pytest.raises(ExpressionError, match="needs two numbers"):
        evaluate([{"field": "{{ status * 2 }}", "operator": "exists"}], SCOPE)
    with pytest.raises(ExpressionError, match="status matches"):
        evaluate([{"field": "status", "operator": "matches", "value": "{{ '(' }}"}], SCOPE)


def test_references_of_fields_and_values():
    value = {
        "any": [
            {"field": "contact.tags", "operator": "contains", "value": "{{ variables.tag }}"},
            {"field": "{{ steps.a.id }}", "operator": "exists"},
        ]
    }
    assert references(value) == [("contact", "tags"), ("variables", "tag"), ("steps", "a", "id")]
    assert references(None) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.just("{{ a.b }}"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["all", "not", "field", "operator", "value", "conditions", "a"]), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip
RULE = st.fixed_dictionaries(
    {"field": st.sampled_from(["a", "a.b", "{{ a }}", "x"]), "operator": st.sampled_from(OPERATORS), "value": JSON}
)


@settings(max_examples=400, deadline=None)
@given(JSON | RULE, JSON)
def test_any_conditions_on_any_data_have_an_answer_or_a_flow_error(conditions, data):
    problems = check_conditions(conditions)
    try:
        truth, rules = evaluate(conditions, Scope(input={"a": data}, now="2025-10-18T10:30:00Z"))
    except FlowError as error:
        assert error.message
        assert problems or isinstance(error, ExpressionError)
    else:
        assert not problems
        assert isinstance(truth, bool)
        assert all(isinstance(rule["result"], bool) for rule in rules)
