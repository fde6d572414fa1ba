"""Schemas that are written, or data that is sent, to hold a worker or the web process: each ends soon, and says why."""

from __future__ import annotations

import json
import threading
import time

import pytest

from flowapp.data.rule_checks import SchemaRule
from flowapp.data.schema_rules import check, check_each
from flowapp.errors import StepError
from flowapp.security import helpers, json_schema
from flowapp.security.helpers import OverBudgetError, pool
from tests.support.cost import at_most, processor_seconds

BOTH = {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}
DOUBLING = {
    "$ref": "#/$defs/d0",
    "$defs": {f"d{at}": {"anyOf": [{"$ref": f"#/$defs/d{at + 1}"}] * 2} for at in range(60)}
    | {"d60": {"type": "null"}},
}
HOSTILE = {
    "a schema that is itself, twice": (BOTH, {}),
    "definitions that double each other": (DOUBLING, 1),
    "twice itself at each item": (
        {"type": "array", "items": {"anyOf": [{"$ref": "#"}] * 4}},
        [[[[[[[[[[[[[[1]]]]]]]]]]]]]],
    ),
    "a dynamic reference": ({"$dynamicAnchor": "a", "oneOf": [{"$dynamicRef": "#a"}, {"$dynamicRef": "#a"}]}, 1),
}


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    """A second of processor time is enough to see that it is a limit."""
    monkeypatch.setattr(pool._helpers, "seconds", 1)
    json_schema._fault.cache_clear()
    pool.call(int)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_schema_without_an_end(name) -> None:
    """One of these reached 9.3 GB."""
    schema, data = HOSTILE[name]
    with at_most(seconds=60, memory=50):
        with pytest.raises(StepError, match=r"processor time|MiB of memory|cannot be applied") as caught:
            json_schema.apply(schema, [data])
        assert caught.value.permanent
    assert json_schema.apply({"type": "string"}, [1]) == [[{"field": "", "message": "1 is not of type 'string'."}]]


@pytest.mark.parametrize(
    "schema",
    [
        {"required": [{} for _ in range(60_000)]},
        {"type": ["string", *({"a": at} for at in range(20_000))]},
        {"enum": [{"a": at} for at in range(20_000)]},
        {"properties": {str(at): {"type": "wrong"} for at in range(8_000)}},
        {"allOf": [{"pattern": "(a{9}b?){9}" * 9} for _ in range(2_000)]},
        json.loads('{"not":' * 900 + "{}" + "}" * 900),
    ],
    ids=["required", "type", "enum", "many faults", "patterns", "deep"],
)
def test_reading_a_schema(schema) -> None:
    with at_most(seconds=60, memory=60):
        try:
            assert isinstance(json_schema.fault(schema), str)
        except OverBudgetError as error:
            assert "processor time" in error.message or "memory" in error.message


def test_unique_items_take_time_in_proportion() -> None:
    """3,000 objects took 14 seconds."""
    schema = {"type": "array", "uniqueItems": True}

    def seconds(count: int) -> float:
        rows = [{"id": at, "name": f"n{at}", "tags": ["a", {"b": at}]} for at in range(count)]
        assert json_schema.find_problems(schema, [rows]) == [[]]
        return processor_seconds(lambda: json_schema.find_problems(schema, [rows]))

    with at_most(seconds=10, memory=60):  # about 0.1
        assert json_schema.apply(schema, [[{"id": at} for at in range(3_000)]]) == [[]]
    assert seconds(12_000) < 2.5 * max(seconds(6_000), 0.05)


@pytest.mark.parametrize(
    ("items", "unique"),
    [
        ([], True), ([1, 2], True), ([1, 1.0], False), ([1, True], True), ([0, False, None, ""], True),
        ([{"a": 1}, {"a": True}], True), ([{"a": 1, "b": [2]}, {"b": [2.0], "a": 1}], False), ([[1], [1]], False),
        ([[1, 2], [2, 1]], True), (["a", "a"], False), ([{}, []], True), ([[["truth", True]], [True]], True),
    ],
)  # fmt: skip
def test_what_is_unique(items, unique) -> None:
    assert (json_schema.find_problems({"uniqueItems": True}, [items]) == [[]]) == unique


def test_patterns_over_many_items() -> None:
    rules = [SchemaRule(f"f{at}", "pattern", "a{0,20}" * 20 + "b") for at in range(50)]
    items = [{f"f{at}": "a" * 390 + "b" for at in range(50)}] * 200
    with at_most(seconds=60, memory=60):  # about 0.3
        assert check_each(rules, items) == [[]] * 200


def test_a_choice_of_many() -> None:
    words = [f"w{at}" for at in range(50_000)]
    with at_most(seconds=20, memory=100):  # about 0.2
        assert check([SchemaRule("x", "one_of", words)], {"x": words}) == []
        assert check([SchemaRule("x", "email")], {"x": "a@" + "b." * 500_000 + "com"}) != []
        assert check([SchemaRule("x", "max", 5)], {"x": "9" * 1_000_000}) != []


def test_a_step_that_is_hostile_holds_nobody_else_up() -> None:
    """18 executions of it took all 16 worker threads."""
    ended = []

    def hostile() -> None:
        with helpers.within(30), pytest.raises(StepError):
            json_schema.apply(BOTH, [{}])
        ended.append("hostile")

    threads = [threading.Thread(target=hostile) for _ in range(8)]
    for thread in threads:
        thread.start()
    with at_most(seconds=10, memory=50):  # about 0.001
        assert check([SchemaRule("a", "required"), SchemaRule("b", "pattern", "[a-z]+")], {"a": 1, "b": "abc"}) == []
        assert json_schema.apply({"properties": {"a": {"type": "string"}}}, [{"a": "x"}]) == [[]]
        assert len(ended) < 8
    for thread in threads:
        thread.join()
    assert len(ended) == 8


SMALL = {
    "type": "object",
    "required": ["email"],
    "properties": {"email": {"type": "string", "format": "email"}, "age": {"type": "integer", "minimum": 0}},
    "additionalProperties": {"anyOf": [{"type": "string"}, {"items": {"type": "number"}}]},
}


def test_what_is_small_costs_no_process(monkeypatch) -> None:
    monkeypatch.setattr(helpers, "call", None)
    rules = [
        SchemaRule("email", "required"),
        SchemaRule("email", "email"),
        SchemaRule("name", "pattern", "[a-z]+"),
        SchemaRule("age", "min", 3),
    ]
    assert json_schema.fault(SMALL) == ""
    began = time.process_time()
    for _ in range(100):
        assert json_schema.apply(SMALL, [{"email": "a@b.c", "age": 3, "x": [1, 2]}]) == [[]]
        assert check(rules, {"email": "ann@example.com", "name": "ann", "age": 4}) == []
        assert len(check_each(rules, [{"email": "ann@example.com", "name": "ann", "age": 4}] * 20)) == 20
    assert time.process_time() - began < 5  # about 0.15


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/a", "$defs": {"a": {}}}, {"unevaluatedProperties": False}, {"uniqueItems": True},
        {"properties": {"a": {"pattern": "a"}}}, {"allOf": [{"not": {"$dynamicRef": "#"}}]}, {"format": "regex"},
        {"enum": list(range(2000))}, {"dependentSchemas": {"a": {}}}, {"$id": "x"}, {"items": [{}]}, {"prefixItems": [{}]},
    ],
)  # fmt: skip
def test_what_is_not_plain_goes_to_a_helper(schema, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(helpers, "call", lambda function, *_: asked.append(function) or "")
    json_schema.apply(schema, [{"a": "a"}])
    json_schema.fault(schema)
    assert asked == [json_schema.find_problems, json_schema.find_fault]
    json_schema._fault.cache_clear()


def test_small_schemas_meet_large_data_in_a_helper(monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(helpers, "call", lambda function, *_: asked.append(function))
    json_schema.apply(SMALL, [{"email": "a"}] * 200)
    json_schema.apply(SMALL, ["a" * 50_000])
    assert asked == [json_schema.find_problems] * 2


@pytest.mark.parametrize("ref", ["#/enum/0", "#/enum/x", "#/required/x", "#/enum/7"])
def test_a_reference_to_what_is_no_schema_is_told(ref) -> None:
    with pytest.raises(StepError, match="cannot be applied") as caught:
        json_schema.apply({"$ref": ref, "enum": [1], "required": ["x"]}, [{}])
    assert caught.value.permanent
