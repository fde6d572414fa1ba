"""The flow steps of a canvas as other systems write them, with the real catalog."""

from __future__ import annotations

from typing import Any

import pytest

from flowapp import catalog
from flowapp.engine.graph.checks import check
from flowapp.engine.language.dialects import parse_body

PAID = {"operator": "AND", "conditions": [{"field": "contact.paid", "operator": "==", "value": True}]}


@pytest.fixture(autouse=True, scope="module")
def _catalog() -> None:
    catalog.load()


def node(node_type: str, configuration: Any = None, node_id: str = "n") -> dict[str, Any]:
    return {"node_id": node_id, "node_type": node_type, "label": "N", "configuration": configuration or {}}


@pytest.mark.parametrize(
    ("node_type", "configuration", "action_type", "params"),
    [
        ("condition", {"condition": PAID}, "conditional", {"conditions": PAID}),
        ("split", {}, "split", {}),
        ("ab_test", {"variants": [{"name": "A", "weight": 1}]}, "split", {"variants": [{"name": "A", "weight": 1}]}),
        ("goal", {"goal_value": 99.5}, "goal", {"value": 99.5}),
        ("wait_time", {"wait_type": "time", "wait_duration_hours": 48}, "wait_time", {"duration": "48 hours"}),
        ("wait_until", {"wait_type": "until", "date": "2026-12-24"}, "wait_until", {"until": "2026-12-24"}),
        ("wait_condition", {"wait_type": "condition", "condition": PAID, "wait_timeout_days": 3}, "wait_condition",
         {"conditions": PAID, "timeout": "3 days"}),
        ("wait", {"wait_type": "condition", "conditions": PAID}, "wait_condition", {"conditions": PAID}),
        ("wait", {"wait_type": "event", "kind": "url"}, "wait_event", {"kind": "url"}),
        ("WAIT", {"wait_duration_hours": 1}, "wait", {"duration": "1 hour"}),
        ("loop", {"list": "{{ input.x }}"}, "loop", {"items": "{{ input.x }}"}),
        ("sub_workflow", {"workflow_id": "Invoice"}, "run_workflow", {"workflow": "Invoice"}),
    ],
)  # fmt: skip
def test_nodes(node_type: str, configuration: Any, action_type: str, params: Any) -> None:
    definition, _ = parse_body({"name": "W", "nodes": [node(node_type, configuration)], "edges": []})
    (step,) = definition.canonical()["steps"]
    assert (step["action_type"], step["params"]) == (action_type, params)


def test_branches_keep_the_names_that_a_person_gave() -> None:
    nodes = [
        node("split", {"variants": [{"name": "New"}, {"name": "Old"}]}, "ab"),
        node("switch", {"value": "a", "cases": [{"name": "FR", "equals": "fr"}]}, "sw"),
        node("log", {"message": "x"}, "x"),
    ]
    edges = [
        {"source_node": "ab", "target_node": "sw", "condition_type": "New"},
        {"source_node": "ab", "target_node": "x", "condition_type": "Old"},
        {"source_node": "sw", "target_node": "x", "condition_type": "FR"},
        {"source_node": "sw", "target_node": "x", "condition_type": "DEFAULT"},
    ]
    definition, _ = parse_body({"name": "W", "nodes": nodes, "edges": edges})
    assert [edge.branch for edge in definition.edges] == ["New", "Old", "FR", "default"]
    assert check(definition)[0] == []
