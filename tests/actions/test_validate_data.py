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
        ({"json_schema": {"type": "thing"}}, "no JSON Schema"),
        ({"json_schema": {"properties": {"a": {"$ref": "http://127.0.0.1/x"}}}}, "$ref must stay inside"),
    ],
)
def test_schemas_that_cannot_be_used_are_refused(refused, params, told) -> None:
    error = refused("validate_data", {}, **params)
    assert error.permanent
    assert told in error.message
