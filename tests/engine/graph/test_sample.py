"""What the picker offers: items inside loops, the contact, earlier steps."""

from __future__ import annotations

from typing import Any

from flowapp.engine.graph.sample import before, values
from tests.engine.graph.test_outline_lanes import _catalog, flow

__all__ = ["_catalog"]

NESTED = flow("a l k b c z", "a>l l>k:each k>b:each k>c:done l>z:done")
DATA = {"x": [{"id": 7, "lines": ["p", "q"]}, {"id": 8}]}


def offered(step_id: str | None, results: Any = None, definition: Any = None) -> dict[str, dict[str, Any]]:
    groups = values(definition or NESTED, step_id, DATA, results or {})
    return {f"{g.kind} {g.name}".strip(): {item["path"]: item["sample"] for item in g.items} for g in groups}


def test_inside_a_loop_there_is_the_item() -> None:
    found = offered("k")
    assert found["loop l"] == {
        "item": None,
        "item.id": 7,
        "item.lines": "(2)",
        "item.lines[0]": "p",
        "index": 0,
        "items": None,
    }
    assert next(iter(found)) == "loop l", "what is nearest comes first"
    assert not any(key.startswith("loop") for key in offered("z"))
    assert not any(key.startswith("loop") for key in offered("a"))


def test_inside_two_loops_there_is_the_item_around_too() -> None:
    definition = {**NESTED, "steps": [dict(s) for s in NESTED["steps"]]}
    definition["steps"][2]["params"] = {"items": "{{ item.lines }}"}
    found = offered("b", definition=definition)
    assert found["loop k"]["item"] == "p"
    assert found["loop l"]["parent_item.id"] == 7
    batches = {**definition, "steps": [dict(s) for s in definition["steps"]]}
    batches["steps"][1]["params"] = {"items": "{{ input.x }}", "batch_size": 2}
    assert offered("k", definition=batches)["loop l"]["item"] == "(2)"


def test_items_may_come_from_a_step_that_ran() -> None:
    definition = {**NESTED, "steps": [dict(s) for s in NESTED["steps"]]}
    definition["steps"][1]["params"] = {"items": "{{ steps.a.result }}"}
    assert offered("k", {"a": [5, 6]}, definition)["loop l"]["item"] == 5
    assert offered("k", {}, definition)["loop l"] == {"item": None, "index": 0, "items": None}


def test_contact_and_resume_url_are_offered_where_they_are_there() -> None:
    assert offered("a")["contact"]["contact.email"] == "ada@example.com"
    assert "resume_url" in offered("a")["general"]
    assert "resume_url" not in offered(None)["general"]


def test_steps_inside_a_loop_are_not_offered_outside_of_it() -> None:
    back = flow("a l b z", "a>l l>b:each b>l l>z:done")
    assert before(back, "z") == ["a", "l"]
    assert set(before(back, "b")) == {"a", "l", "b"}
