"""The strict doubles of `make test` take nothing that the vendors' published descriptions do not name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.support.servers.prism import described, nested, operation_of, schema_of, without_base

DESCRIBED = sorted(path.parent.name for path in Path("tests/connectors").glob("*/openapi.yaml"))
NOT_DESCRIBED = {("slack", "POST /services/T1/B1/s3cr3t"): "incoming webhooks are in no description of Slack's"}
NAMES = {"file": "string"}  # the double's word for what a description calls something else


def calls(connector: str) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Each call of the double, and what the description says of it."""
    double = yaml.safe_load((Path("tests/connectors") / connector / "api.yaml").read_text(encoding="utf-8"))
    description = described(connector)
    for call, said in double["calls"].items():
        if (connector, call) not in NOT_DESCRIBED:
            method, _, path = call.partition(" ")
            yield call, said, operation_of(description, method, without_base(description, path))


def kinds(schema: dict[str, Any]) -> set[str]:
    """The types that a schema takes; empty: any."""
    choices = [kinds(one) for one in schema.get("anyOf", ())]
    return set().union(*choices) if all(choices) and choices else {schema["type"]} if "type" in schema else set()


def test_each_vendor_that_publishes_a_description_is_here() -> None:
    assert {"slack", "stripe", "twilio", "telegram", "llm"} <= set(DESCRIBED)


@pytest.mark.parametrize("connector", DESCRIBED)
def test_the_double_asks_for_no_less_and_takes_no_more(connector: str) -> None:
    wrong = []
    for call, said, operation in calls(connector):
        known, required = _fields(said, operation)
        given = _given(said)
        wrong += [f"{call}: {name} is not described" for name in given if name not in known]
        wrong += [
            f"{call}: {name} is of another type"
            for name, kind in given.items()
            if said.get("in", "json") == "json"
            and kinds(known.get(name, {})) - {"any"}
            and not _fits(kind, known[name])
        ]
        wrong += [f"{call}: {name} is required" for name in required - _required(said)]
    assert wrong == []


def _fields(said: dict[str, Any], operation: dict[str, Any]) -> tuple[dict[str, Any], set[str]]:
    if said.get("in") == "query":
        parameters = [one for one in operation["parameters"] if one["in"] == "query"]
        return {one["name"]: one["schema"] for one in parameters}, {
            one["name"] for one in parameters if one["required"]
        }
    schema = schema_of(operation)
    return schema.get("properties", {}), set(schema.get("required", ()))


def _given(said: dict[str, Any]) -> dict[str, str]:
    """The outermost names of the double's fields, with their types."""
    return {name: said["fields"].get(name, "array") for name in nested([(n, "") for n in said.get("fields", {})])}


def _required(said: dict[str, Any]) -> set[str]:
    return set(nested([(name, "") for name in said.get("required", ())]))


def _fits(kind: str, schema: dict[str, Any]) -> bool:
    return NAMES.get(kind, kind) in kinds(schema) or (kind == "integer" and "number" in kinds(schema))


@pytest.mark.parametrize("field", ["items[0][prize]", "metadata[plan][0]", "cuppon"])
def test_a_wrong_name_inside_is_seen_too(field: str) -> None:
    """What the comparison rests on: the description of a form closes its objects, also the inner ones."""
    schema = schema_of(operation_of(described("stripe"), "post", "/v1/subscriptions"))
    assert not _takes(schema, nested([("customer", "cus_1"), (field, "x")]))
    assert _takes(schema, nested([("customer", "cus_1"), ("items[0][price]", "x"), ("metadata[plan]", "pro")]))


def _takes(schema: dict[str, Any], value: Any) -> bool:
    return bool(jsonschema.Draft7Validator(schema).is_valid(value))
