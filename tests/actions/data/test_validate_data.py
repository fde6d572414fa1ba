from __future__ import annotations

import pytest

from flowapp.catalog import Branch, Done

RULES = [{"field": "name", "rule": "required"}, {"field": "age", "rule": "min", "value": 18, "message": "Adults only"}]
PROBLEMS = [{"field": "name", "message": "is required"}, {"field": "", "message": "too little"}]


def test_valid_data_goes_on(run) -> None:
    outcome = run("validate_data", {"form_data": {"name": "Ada"}}, schema="contact_schema")
    assert outcome == Done({"valid": True, "data": {"name": "Ada"}, "errors": []})
    assert run.schemas.calls == [("contact_schema", {"name": "Ada"})]


def test_without_a_form_the_input_is_checked(run) -> None:
    run("validate_data", {"name": "Ada"}, rules=RULES)
    schema, data = run.schemas.calls[0]
    assert data == {"name": "Ada"}
    assert schema == [
        {"field": "name", "rule": "required", "value": None, "message": ""},
        {"field": "age", "rule": "min", "value": 18, "message": "Adults only"},
    ]


@pytest.mark.parametrize("key", ["schema", "json_schema"])
def test_a_json_schema_is_handed_on(run, key) -> None:
    schema = {"type": "object", "required": ["name"]}
    run("validate_data", {"x": {"y": 1}}, data="{{ input.x }}", **{key: schema})
    assert run.schemas.calls == [(schema, {"y": 1})]


def test_rules_may_stand_in_schema(run) -> None:
    run("validate_data", {}, schema=RULES[:1])
    assert run.schemas.calls[0][0][0]["rule"] == "required"


def test_invalid_data_fails_for_good_with_every_problem(run, refused) -> None:
    run.schemas.problems = PROBLEMS
    error = refused("validate_data", {}, schema="s")
    assert error.permanent
    assert error.message == "The data is not valid. name: is required; too little"
    assert error.details == {"problems": PROBLEMS}


def test_invalid_data_may_branch(run) -> None:
    run.schemas.problems = PROBLEMS
    outcome = run("validate_data", {"a": 1}, schema="s", on_invalid="branch")
    assert outcome == Branch("invalid", {"valid": False, "data": {"a": 1}, "errors": PROBLEMS})


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({}, "exactly one"),
        ({"schema": "a", "rules": RULES}, "exactly one"),
        ({"rules": [{"field": "a", "rule": "nice"}]}, "rules.0.rule"),
        ({"rules": [{"field": "", "rule": "email"}]}, "rules.0.field"),
        ({"rules": [{"field": "a", "rule": "min"}]}, "“min” needs a value"),
        ({"rules": [{"field": "a", "rule": "one_of", "value": []}]}, "“one_of” needs a value"),
        ({"rules": [{"field": "a", "rule": "max_length", "value": "long"}]}, "“max_length” must be a number"),
        ({"rules": [{"field": "a", "rule": "pattern", "value": "(?=a)"}]}, "without look-around"),
        ({"json_schema": "{"}, "This is not valid JSON"),
        ({"json_schema": "[1]"}, "json_schema"),
        ({"json_schema": {"type": "thing"}}, "not a valid JSON Schema"),
        ({"json_schema": {"$ref": "#/" + "x" * 300_000}}, "at most 256 KiB"),
        ({"json_schema": {"properties": {"a": {"$ref": "http://127.0.0.1/x"}}}}, "outside this schema"),
    ],
)
def test_schemas_that_cannot_be_used_are_refused(refused, params, told) -> None:
    error = refused("validate_data", {}, **params)
    assert error.permanent
    assert told in error.message


def test_a_json_schema_may_be_text_as_a_form_sends_it(run) -> None:
    run("validate_data", {}, data=5, json_schema='{"type": "integer"}')
    assert run.schemas.calls == [({"type": "integer"}, 5)]


def test_a_rule_s_value_may_come_from_an_expression(run) -> None:
    run("validate_data", {"least": 3}, rules=[{"field": "a", "rule": "min", "value": "{{ input.least }}"}])
    assert run.schemas.calls[0][0][0]["value"] == 3


def test_each_item_of_a_list_is_checked(run) -> None:
    run.schemas.problems = PROBLEMS
    outcome = run("validate_data", [{}, {"name": 1}], rules=RULES, each=True, on_invalid="branch")
    assert [problem["field"] for problem in outcome.result["errors"]] == ["0.name", "0", "1.name", "1"]
    assert [data for _schema, data in run.schemas.calls] == [{}, {"name": 1}]


def test_an_empty_list_is_valid(run) -> None:
    assert run("validate_data", [], rules=RULES, each=True) == Done({"valid": True, "data": [], "errors": []})


def test_a_single_item_is_checked_as_a_list_of_one(run) -> None:
    run("validate_data", {"a": 1}, rules=RULES, each=True)
    assert [data for _schema, data in run.schemas.calls] == [{"a": 1}]


def test_what_is_left_out_of_the_message_is_counted(run, refused) -> None:
    run.schemas.problems = [{"field": f"f{at}", "message": "is wrong"} for at in range(12)]
    error = refused("validate_data", {}, schema="s")
    assert error.message.endswith("f9: is wrong; and 2 more")
    assert len(error.details["problems"]) == 12


def test_hostile_data_of_many_items_ends_early(run) -> None:
    run.schemas.problems = PROBLEMS
    outcome = run("validate_data", [{}] * 10_000, rules=RULES, each=True, on_invalid="branch")
    assert len(outcome.result["errors"]) == 500
