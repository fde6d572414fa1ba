"""Validation by named schemas, inline rules and JSON Schema."""

from __future__ import annotations

import pytest

from flowapp.data import schemas
from flowapp.data.rule_checks import SchemaRule
from flowapp.data.schema_rules import LABELS, check
from flowapp.data.schemas import ProjectSchemas
from flowapp.errors import InvalidError, StepError


class Service(ProjectSchemas):
    def validate(self, schema, data):
        return self.checks(schema).problems([data])[0]


GOOD_AND_BAD = [
    ("email", None, ["ann@example.com", " a.b+c@sub.example.org "], ["ann", "a@b", "a b@example.com", 5]),
    ("number", None, [1, "2.5", -3.2, "1e3"], ["x", True, [1], "1e999999999", "nan"]),
    ("integer", None, [1, "2", 3.0], ["2.5", "x"]),
    ("min", "3", [3, "4"], [2, "x"]),
    ("max", 3, [3, "-4"], [4, "x"]),
    ("min_length", 2, ["ab", [1, 2]], ["a"]),
    ("max_length", "2", ["ab", "é"], ["abc"]),
    ("pattern", "[a-z]+", ["abc"], ["abc1", "1abc"]),
    ("one_of", "red, blue", ["red", "blue", ["red"]], ["green", ["red", "green"]]),
    ("one_of", [1, 2], [1, "2"], [3]),
    ("date", None, ["2026-03-31", "2026-03-31T10:00:00Z", "31/03/2026", 1774994400], ["03/04/2026", "2026-02-30"]),
    ("url", None, ["https://example.com/a?b", "http://localhost:8000"], ["example.com", "ftp://x", "http://a b", "http://["]),
    ("phone", None, ["+33 6 12 34 56 78", "(020) 7946-0000"], ["123", "call me", "1" * 16]),
    ("boolean", None, [True, "yes", "non", 0], ["maybe", 7]),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "value", "good", "bad"), GOOD_AND_BAD)
def test_every_rule_tells_good_from_bad(rule, value, good, bad):
    for given in good:
        assert check([SchemaRule("x", rule, value)], {"x": given}) == [], given
    for given in bad:
        assert [p["field"] for p in check([SchemaRule("x", rule, value)], {"x": given})] == ["x"], given


def test_every_rule_but_required_is_tried_and_leaves_empty_fields_alone():
    tried = {rule for rule, *_ in GOOD_AND_BAD}
    assert tried | {"required"} == set(LABELS)
    for rule, value, *_ in GOOD_AND_BAD:
        assert check([SchemaRule("x", rule, value)], {"x": ""}) == check([SchemaRule("x", rule, value)], {}) == []


def test_required_paths_and_own_messages():
    rules = [
        SchemaRule("a.b", "required"),
        SchemaRule("list.0.c", "required"),
        SchemaRule("x.y", "required", message="Oh no"),
    ]
    assert check(rules, {"a": {"b": 0}, "list": [{"c": False}], "x.y": 1}) == []
    assert [p["field"] for p in check(rules, {"a": "text", "list": [{}]})] == ["a.b", "list.0.c", "x.y"]
    assert check(rules, None)[-1] == {"field": "x.y", "message": "Oh no"}


def test_a_hostile_pattern_costs_nothing():
    assert check([SchemaRule("x", "pattern", "(a+)+b")], {"x": "a" * 50_000 + "c"})


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ({"rule": "required"}, "rules.0.field"),
        ({"field": "a", "rule": "requird"}, "rules.0.rule"),
        ({"field": "a", "rule": "min"}, "rules.0.value"),
        ({"field": "a", "rule": "max", "value": "x"}, "rules.0.value"),
        ({"field": "a", "rule": "min_length", "value": "1e999999999"}, "rules.0.value"),
        ({"field": "a", "rule": "pattern", "value": "("}, "rules.0.value"),
        ("required", "rules.0"),
    ],
)
def test_wrong_rules_are_refused_by_path(rule, path):
    with pytest.raises(InvalidError) as caught:
        schemas.read_rules([rule])
    assert [p.path for p in caught.value.problems] == [path]


def test_a_named_schema_is_found_by_slug_and_name(session, project):
    body = {
        "name": "Contact schema",
        "rules": [{"field": "name", "rule": "required"}, {"field": "email", "rule": "email"}],
        "json_schema": '{"type": "object", "properties": {"age": {"type": "integer"}, "name": {"minLength": 2}}}',
    }
    schema = schemas.create(session, body)
    session.commit()
    service = Service(session, project.id)
    assert schema.slug == "contact_schema"
    assert service.validate("Contact schema", {"name": "Ann", "email": "ann@example.com"}) == []
    wrong = service.validate("contact_schema", {"name": "", "email": "x", "age": "old"})
    assert [p["field"] for p in wrong] == ["name", "email", "age"]
    with pytest.raises(StepError, match=r"“contact_shema”.*Did you mean “contact_schema”"):
        service.validate("contact_shema", {})


def test_inline_rules_and_json_schemas(session, project):
    service = Service(session, project.id)
    assert service.validate([{"field": "a", "rule": "required"}], {})[0]["field"] == "a"
    assert service.validate({"rules": [{"field": "a", "rule": "required"}]}, {"a": 1}) == []
    json_schema = {
        "type": "object", "required": ["a"],
        "properties": {"a": {"type": "string", "pattern": "x+"}, "m": {"format": "email"}},
    }  # fmt: skip
    assert service.validate(json_schema, {"a": "xx"}) == []
    assert [p["field"] for p in service.validate(json_schema, {"a": "y", "m": "nobody"})] == ["a", "m"]
    assert service.validate(json_schema, {}) == [{"field": "", "message": "'a' is a required property."}]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "wrong"},
        {"$ref": "http://127.0.0.1/x"},
        {"$ref": "#"},
        {"properties": {"a": {"pattern": "(?=x)"}}},
        {"patternProperties": {"(a+)+b": {}}},
        [{"field": "a", "rule": "nonsense"}],
        [7],
    ],
)
def test_a_schema_that_cannot_be_used_fails_for_good(session, project, schema):
    with pytest.raises(StepError) as caught:
        Service(session, project.id).validate(schema, {"a": 1})
    assert caught.value.permanent


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"name": "", "rules": [{"field": "a", "rule": "required"}]}, "name"),
        ({"name": "x"}, "rules"),
        ({"name": "x", "json_schema": "{"}, "json_schema"),
        ({"name": "x", "json_schema": "[]"}, "json_schema"),
        ({"name": "x", "json_schema": '{"$ref": "file:///etc/passwd"}'}, "json_schema"),
    ],
)
def test_wrong_schemas_are_refused_by_path(session, project, body, path):
    with pytest.raises(InvalidError) as caught:
        schemas.create(session, body)
    assert [p.path for p in caught.value.problems] == [path]
