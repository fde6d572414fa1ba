"""What the picker offers: items inside loops, the contact, earlier steps."""

from __future__ import annotations

from typing import Any

import pytest

from flowapp.catalog import ACTIONS, load
from flowapp.engine.graph.sample import before, values
from flowapp.engine.graph.suggestions import look_up, scope_of, suggestions
from tests.engine.graph.test_outline_lanes import _catalog, flow

__all__ = ["_catalog"]


def load_types() -> list[str]:
    load()
    return sorted(ACTIONS)


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
        "items": "(2)",
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


@pytest.mark.parametrize("result", ["its sample", [{"id": 7, "status": "new"}], "text", {"status": "new", "a b": 1}])
@pytest.mark.parametrize("kind", load_types())
def test_what_is_offered_gives_the_value_that_is_shown_not_the_wrapper_around_it(kind: str, result: Any) -> None:
    definition = with_step(kind, {})
    known = {"a": ACTIONS[kind].sample or {"id": 7} if result == "its sample" else result}
    scope = scope_of(definition, "b", DATA, known)
    offered_items = [item for group in values(definition, "b", DATA, known) for item in group.items]
    assert any(item["path"].startswith("steps.a") for item in offered_items)
    for item in offered_items:
        found = look_up(item["path"], scope)
        assert not (isinstance(found.value, dict) and {"result", "status", "error"} <= set(found.value)), item["path"]
        if found.known and item["path"] not in ("now", "timestamp"):
            assert item["whole"] == isinstance(found.value, dict | list), item["path"]
            assert item["whole"] or found.value == item["sample"], item["path"]


def test_a_field_called_status_is_the_answer_s_not_the_step_s() -> None:
    made = examples("send_webhook")
    assert made["steps.a.result.status"] == 200
    assert "steps.a.status" not in made
    assert made["steps.a.ok"] is True


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
        assert list(made) == ["steps.a.result"]


def test_code_that_has_not_run_offers_the_names_that_it_writes() -> None:
    made = examples("custom_code", code="lines = input['x']\nresult = {'total': sum(lines), 'currency': 'EUR', 'n': 1}")
    assert {path: made[path] for path in made if path != "steps.a.result"} == {
        "steps.a.total": "…",
        "steps.a.currency": "EUR",
        "steps.a.n": 1,
    }
    assert examples("custom_code", code="return {'ok': True}")["steps.a.ok"] is True
    assert examples("custom_code", code="[{'id': 4}]")["steps.a.result[0].id"] == 4
    assert list(examples("custom_code", code="result = make()")) == ["steps.a.result"]


def suggested(path: str, data: object) -> dict[str, str | None]:
    scope = scope_of(NESTED, None, data, {})
    return {one.usage: one.result for one in suggestions(look_up(path, scope))}


def test_filters_are_suggested_by_what_a_value_is_each_with_what_it_makes_of_it() -> None:
    data = {
        "day": "2026-03-31", "name": "Ann Lee", "n": 2.5, "tags": ["b", "a"], "ok": True,
        "lines": [{"what": "pen", "net price": 2.5}, {"what": "ink", "net price": 4}], "who": {"name": "Ann"},
    }  # fmt: skip
    assert suggested("input.day", data)["date('dd/MM/yyyy')"] == "31/03/2026"
    text = suggested("input.name", data)
    assert text["upper"] == "ANN LEE"
    assert not text.keys() & {"date('dd/MM/yyyy')", "round(2)", "join(', ')", "fromjson", "keys"}
    assert suggested("input.n", data).keys() >= {"round(2)", "int"}
    assert "upper" not in suggested("input.n", data)
    assert suggested("input.tags", data)["join(', ')"] == "b, a"
    assert suggested("input.tags", data)["sort"] == '["a", "b"]'
    lines = suggested("input.lines", data)
    assert lines["map('what')"] == '["pen", "ink"]'
    assert lines["sum('net price')"] == "6.5"
    assert suggested("input.who", data)["get('name')"] == "Ann"
    assert suggested("input.ok", data).keys() == {"string", "default('x')"}
    assert set(suggested("input.gone", data).values()) == {None}
    assert set(suggested("input.(", data).values()) == {None}


def test_no_secret_is_shown_by_a_filter() -> None:
    assert all("hunter2" not in str(result) for result in suggested("input.password", {"password": "hunter2"}).values())
    whole = look_up("input", scope_of(NESTED, None, {"password": "hunter2", "items": list(range(99))}, {}))
    assert "hunter2" not in whole.shown
    assert len(whole.shown) <= 200
