"""Lanes of switches, splits, loops and parallel branches: how they are drawn, and how editing keeps them together."""

from __future__ import annotations

from typing import Any

import pytest

from flowapp import catalog
from flowapp.engine.graph import edit
from flowapp.engine.graph.outline import loose, outline, with_edges
from flowapp.engine.language.definition import Definition, parse
from tests.engine.graph.test_edit import shape

CASES = [{"name": "FR", "equals": "fr"}, {"name": "DE", "equals": "de"}]
TYPES = {
    "sw": ("switch", {"value": "input.x", "cases": CASES}),
    "ab": ("split", {}),
    "if": ("conditional", {"conditions": [{"field": "a", "operator": "exists"}]}),
    "l": ("loop", {"items": "{{ input.x }}"}),
    "k": ("loop", {"items": "{{ item }}"}),
    "m": ("merge", {}),
    "stop": ("stop", {}),
}


@pytest.fixture(autouse=True, scope="module")
def _catalog() -> None:
    catalog.load()


def step(step_id: str, **params: Any) -> dict[str, Any]:
    kind, given = TYPES.get(step_id, ("log", {"message": "x"}))
    made = {"step_id": step_id, "name": step_id, "action_type": kind, "params": given | params}
    return Definition.model_validate({"name": "x", "steps": [made]}).canonical()["steps"][0]


def flow(ids: str, edges: str = "") -> dict[str, Any]:
    """edges: "a>b sw>c:FR"."""
    steps = [{**step(s), "order": at} for at, s in enumerate(ids.split(), start=1)]
    written = []
    for edge in edges.split():
        ends, _, branch = edge.partition(":")
        source, target = ends.split(">")
        written.append({"source": source, "target": target, "branch": branch or "next"})
    return Definition.model_validate({"name": "w", "steps": steps, "edges": written}).canonical()


def drawn(definition: dict[str, Any]) -> str:
    parse(definition)
    return shape(outline(definition))


def test_a_switch_at_the_end_has_a_lane_for_each_case() -> None:
    w = edit.insert_after(flow("a"), step("sw"), "a")
    assert (drawn(w), w["edges"]) == ("a sw(FR: | DE: | default:)", [])
    w = edit.insert_after(w, step("b"), "sw", "FR")
    assert drawn(w) == "a sw(FR: b | DE: | default:)"
    w = edit.insert_after(w, step("c"), "sw", "default")
    assert drawn(w) == "a sw(FR: b | DE: | default: c)"
    assert loose(w) == []


def test_a_switch_in_the_middle_lets_every_case_go_on() -> None:
    w = edit.insert_after(flow("a b"), step("sw"), "a")
    assert drawn(w) == "a sw(FR: join | DE: join | default: join) b"
    w = edit.insert_after(w, step("c"), "sw", "DE")
    assert drawn(w) == "a sw(FR: join | DE: c join | default: join) b"
    assert drawn(edit.insert_before(flow("a b"), step("sw"), "a")) == "sw(FR: join | DE: join | default: join) a b"
    assert drawn(edit.insert_after(flow("a"), step("ab"))) == "ab(A: join | B: join) a"


def test_a_step_below_brings_the_lanes_together() -> None:
    w = flow("a sw b c", "a>sw sw>b:FR sw>c:DE")
    w = edit.insert_below(w, step("m"), "sw")
    assert drawn(w) == "a sw(FR: b join | DE: c join | default: join) m"
    w = flow("if b stop", "if>b:yes if>stop:no")
    assert drawn(edit.insert_below(w, step("z"), "if")) == "if(yes: b z | no: stop closed)"
    w = flow("sw if b c", "sw>if:FR if>b:yes if>c:no")
    assert (
        drawn(edit.insert_below(w, step("z"), "sw"))
        == "sw(FR: if(yes: b join | no: c join) join | DE: join | default: join) z"
    )


def test_renamed_cases_keep_their_lanes() -> None:
    w = flow("sw b c d", "sw>b:FR sw>c:DE b>d c>d sw>d:default")
    renamed = [{"name": "France", "equals": "fr"}, CASES[1]]
    assert drawn(edit.change(w, step("sw", cases=renamed))) == "sw(France: b join | DE: c join | default: join) d"
    more = [*CASES, {"name": "BE", "equals": "be"}]
    assert drawn(edit.change(w, step("sw", cases=more))) == "sw(FR: b join | DE: c join | BE: join | default: join) d"
    assert drawn(edit.change(edit.change(w, step("sw", cases=more)), step("sw"))) == drawn(w)
    fewer = edit.change(w, step("sw", cases=CASES[:1]))
    assert "DE: c" in drawn(fewer), "what stands in a lane is not lost"
    same = edit.change(w, step("sw", value="input.y"))
    assert (same["edges"], same["steps"][0]["params"]["value"]) == (w["edges"], "input.y")


def test_new_cases_of_a_flow_without_edges() -> None:
    w = edit.insert_after(flow("a b"), step("sw"), "a")
    more = [*CASES, {"name": "BE", "equals": "be"}]
    assert drawn(edit.change(w, step("sw", cases=more))) == "a sw(FR: join | DE: join | BE: join | default: join) b"


def test_a_loop_has_its_body_as_a_lane_and_goes_on_behind_it() -> None:
    w = edit.insert_after(flow("a b"), step("l"), "a")
    assert drawn(w) == "a l(each: item) b"
    w = edit.insert_after(w, step("c"), "l", "each")
    assert drawn(w) == "a l(each: c item) b"
    assert drawn(edit.insert_after(w, step("d"), "c")) == "a l(each: c d item) b"
    assert drawn(edit.insert_after(w, step("d"), "l", "done")) == "a l(each: c item) d b"
    assert set(with_edges(w)) == {("a", "l", "next"), ("l", "c", "each"), ("l", "b", "done")}


def test_a_body_that_leads_back_to_its_loop() -> None:
    w = flow("l b c z", "l>b:each b>c c>l l>z:done")
    assert drawn(w) == "l(each: b c item) z"
    assert drawn(edit.insert_after(w, step("d"), "c")) == "l(each: b c d item) z"
    assert drawn(flow("l b", "l>b:each b>l")) == "l(each: b item)"


def test_lanes_inside_a_body() -> None:
    w = flow("l if b c z", "l>if:each if>b:yes if>c:no l>z:done")
    assert drawn(w) == "l(each: if(yes: b item | no: c item) closed) z"
    assert drawn(edit.insert_below(w, step("d"), "if")) == "l(each: if(yes: b join | no: c join) d item) z"
    assert (
        drawn(flow("l if b z", "l>if:each if>b:yes b>l if>l:no l>z:done"))
        == "l(each: if(yes: b item | no: item) closed) z"
    )
    assert drawn(flow("l k b c z", "l>k:each k>b:each k>c:done l>z:done")) == "l(each: k(each: b item) c item) z"


def test_parallel_branches() -> None:
    w = edit.insert_after(flow("a b c"), step("d"), "a", parallel=True)
    assert drawn(w) == "a(next: b c | next: d)"
    assert [lane.parallel for lane in outline(w)[0].lanes] == [True, True]
    assert drawn(edit.insert_below(w, step("m"), "a")) == "a(next: b c join | next: d join) m"


def test_a_step_that_ends_the_flow_has_no_way_on() -> None:
    w = edit.insert_after(flow("a b"), step("stop"), "a")
    assert (drawn(w), loose(w)) == ("a stop", ["b"])
    assert outline(w)[1].through == ""


def test_removing_a_loop_takes_its_body_along() -> None:
    w = flow("a l b z", "a>l l>b:each b>l l>z:done")
    assert edit.only_in_lanes(w, "l") == ["b"]
    assert drawn(edit.remove(w, "l")) == "a z"
    assert drawn(edit.remove(w, "b")) == "a l(each: item) z"


def test_moving_around_lanes() -> None:
    w = flow("a sw z", "a>sw sw>z:FR sw>z:DE sw>z:default")
    assert drawn(edit.move(w, "sw", up=False)) == "a z sw(FR: | DE: | default:)"
    assert drawn(edit.move(w, "sw", up=True)) == "sw(FR: join | DE: join | default: join) a z"
    w = flow("a l b z", "a>l l>b:each l>z:done")
    assert drawn(edit.move(w, "l", up=False)) == "a z l(each: b item)"
    assert drawn(edit.move(w, "b", up=True)) == "a b l(each: item) z"
