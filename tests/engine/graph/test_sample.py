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


def with_step(action_type: str, params: dict[str, Any]) -> dict[str, Any]:
    definition = flow("a b", "a>b")
    definition["steps"][0] |= {"action_type": action_type, "params": params}
    return definition


def examples(action_type: str, **params: Any) -> dict[str, Any]:
    return offered("b", definition=with_step(action_type, params)).get("step a", {})


def test_a_transform_that_has_not_run_offers_what_it_would_make() -> None:
    made = examples(
        "transform_data",
        data="{{ input.x }}",
        operations=[
            {"op": "set", "field": "label", "value": "No. {{ item.id }}"},
            {"op": "pick", "fields": ["id", "label"]},
        ],
    )
    assert made["steps.a.result[0].id"] == 7
    assert made["steps.a.result[0].label"] == "No. 7"
    assert "steps.a.result[0].lines" not in made
    assert examples("transform_data", set={"total": 5, "first": "{{ input.x[0].id }}"})["steps.a.first"] == 7
    parsed = examples("transform_data", data="n;m\n1;2", operations=[{"op": "csv", "way": "parse", "separator": ";"}])
    assert parsed["steps.a.result[0].m"] in ("2", 2)


def test_what_a_transform_makes_of_an_example_is_known_to_the_next_one() -> None:
    definition = flow("a b c", "a>b b>c")
    definition["steps"][0] |= {"action_type": "transform_data", "params": {"set": {"total": 5}}}
    definition["steps"][1] |= {"action_type": "transform_data", "params": {"set": {"twice": "{{ steps.a.total * 2 }}"}}}
    assert offered("c", definition=definition)["step b"]["steps.b.twice"] == 10


def test_a_transform_that_cannot_be_made_of_the_examples_offers_its_result_as_a_whole() -> None:
    for params in ({"data": 5, "set": {"a": 1}}, {"operations": [{"op": "nothing"}]}, {"data": "{{ 1 / 0 }}"}):
        made = examples("transform_data", **params)
        assert list(made) == ["steps.a"]


def test_code_that_has_not_run_offers_the_names_that_it_writes() -> None:
    made = examples("custom_code", code="lines = input['x']\nresult = {'total': sum(lines), 'currency': 'EUR', 'n': 1}")
    assert {path: made[path] for path in made if path != "steps.a"} == {
        "steps.a.total": "…",
        "steps.a.currency": "EUR",
        "steps.a.n": 1,
    }
    assert examples("custom_code", code="return {'ok': True}")["steps.a.ok"] is True
    assert examples("custom_code", code="[{'id': 4}]")["steps.a.result[0].id"] == 4
    assert list(examples("custom_code", code="result = make()")) == ["steps.a"]
