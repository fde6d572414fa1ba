"""Editing as a person thinks of it: lanes, joins, ends."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from flowapp.catalog import ACTIONS, Done, Params, action
from flowapp.engine.graph import edit
from flowapp.engine.graph.outline import Block, loose, outline, with_edges
from flowapp.engine.language.definition import Definition, parse
from flowapp.errors import ConflictError, NotFoundError


@pytest.fixture(autouse=True)
def _types(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("log", "conditional"):
        monkeypatch.setitem(ACTIONS, name, ACTIONS.get(name))
    for name, branches in (("log", ("next",)), ("conditional", ("yes", "no"))):
        action(
            name, label=name, description="", group="", icon="", effect="pure", params=Params, branches=branches
        )(lambda ctx, params: Done())  # fmt: skip


def step(step_id: str, order: int = 0) -> dict[str, Any]:
    kind = "conditional" if step_id.startswith("if") else "log"
    given = {"name": "x", "steps": [{"step_id": step_id, "name": step_id, "action_type": kind, "order": order}]}
    return Definition.model_validate(given).canonical()["steps"][0]


def flow(*ids: str, edges: str = "") -> dict[str, Any]:
    """edges: "a>b if>c:yes"."""
    steps = [step(s, at) for at, s in enumerate(ids, start=1)]
    written = []
    for edge in edges.split():
        ends, _, branch = edge.partition(":")
        source, target = ends.split(">")
        written.append({"source": source, "target": target, "branch": branch or "next"})
    return Definition.model_validate({"name": "w", "steps": steps, "edges": written}).canonical()


def shape(lane: list[Block]) -> str:
    """a if(yes: b | no: ) c"""
    words = []
    for block in lane:
        lanes = " | ".join(
            f"{x.branch}:{' ' + shape(x.blocks) if x.blocks else ''}{'' if x.end == 'end' else ' ' + x.end}"
            for x in block.lanes
        )
        words.append(f"{block.step_id}({lanes})" if lanes else block.step_id)
    return " ".join(words)


def drawn(definition: dict[str, Any]) -> str:
    Definition.model_validate(definition)
    return shape(outline(definition))


SPLIT = "a>if if>b:yes if>c:no b>d c>d"


def test_steps_in_order_need_no_edges() -> None:
    w = edit.insert_after(flow("a", "b"), step("c"), "a")
    assert (drawn(w), w["edges"]) == ("a c b", [])
    assert [s["order"] for s in w["steps"]] == [1, 2, 3]


def test_the_first_and_the_only_step() -> None:
    assert drawn(edit.insert_after(flow(), step("a"))) == "a"
    assert drawn(edit.insert_after(flow("a", "b"), step("c"))) == "c a b"
    assert drawn(edit.insert_before(flow("a", "b"), step("c"), "a")) == "c a b"
    assert drawn(edit.insert_after(flow("a"), step("b"), "a")) == "a b"


def test_a_condition_is_a_filter_until_its_other_lane_is_filled() -> None:
    w = edit.insert_after(flow("a", "b"), step("if"), "a")
    assert (drawn(w), w["edges"]) == ("a if(no:) b", [])
    w = edit.insert_after(w, step("c"), "if", "no")
    assert drawn(w) == "a if(yes: b | no: c)"
    assert set(with_edges(w)) == {("a", "if", "next"), ("if", "b", "yes"), ("if", "c", "no")}


def test_lanes_join_again() -> None:
    w = flow("a", "if", "b", "c", "d", edges=SPLIT)
    assert drawn(w) == "a if(yes: b join | no: c join) d"
    assert drawn(edit.insert_after(w, step("e"), "if", "yes")) == "a if(yes: e b join | no: c join) d"
    assert drawn(edit.insert_after(w, step("e"), "c")) == "a if(yes: b join | no: c e join) d"
    assert drawn(edit.insert_before(w, step("e"), "d")) == "a if(yes: b join | no: c join) e d"
    assert drawn(edit.connect(w, "c", "next", None)) == "a if(yes: b d | no: c)"


def test_connecting_the_end_of_a_lane_makes_a_join() -> None:
    w = flow("a", "if", "b", "c", edges="a>if if>b:yes b>c")
    assert drawn(w) == "a if(no:) b c"
    assert drawn(edit.connect(w, "if", "no", "c")) == "a if(yes: b join | no: join) c"


def test_removing_a_step_closes_the_gap() -> None:
    w = flow("a", "if", "b", "c", "d", edges=SPLIT)
    assert drawn(edit.remove(w, "a")) == "if(yes: b join | no: c join) d"
    assert drawn(edit.remove(w, "b")) == "a if(yes: join | no: c join) d"
    assert drawn(edit.remove(w, "d")) == "a if(yes: b | no: c)"
    assert drawn(edit.remove(flow("a", "b", "c"), "b")) == "a c"


def test_removing_a_condition_takes_its_other_lane_along_and_says_so() -> None:
    w = flow("a", "if", "b", "c", "c2", "d", edges="a>if if>b:yes if>c:no b>d c>c2 c2>d")
    assert edit.only_in_lanes(w, "if") == ["c", "c2"]
    assert drawn(edit.remove(w, "if")) == "a b d"
    assert edit.only_in_lanes(w, "b") == []


def test_removing_the_aim_of_a_goto_stops_there() -> None:
    w = flow("a", "b")
    w["steps"][0] |= {"on_error": "goto", "goto_step": "b"}
    assert edit.remove(w, "b")["steps"][0] | {"order": 1} == step("a", 1)


@pytest.mark.parametrize(
    ("step_id", "up", "expected"),
    [
        ("d", True, "a d if(yes: b | no: c)"),
        ("a", False, "if(yes: b join | no: c join) a d"),
        ("if", True, "if(yes: b join | no: c join) a d"),
        ("b", True, "a b if(yes: join | no: c join) d"),
        ("b", False, "a if(yes: join | no: c join) b d"),
    ],
)
def test_moving_past_a_split(step_id: str, up: bool, expected: str) -> None:
    assert drawn(edit.move(flow("a", "if", "b", "c", "d", edges=SPLIT), step_id, up=up)) == expected


def test_moving_in_order() -> None:
    w = flow("a", "b", "c")
    assert drawn(edit.move(w, "a", up=False)) == "b a c"
    assert drawn(edit.move(w, "b", up=False)) == "a c b"
    assert drawn(edit.move(w, "c", up=True)) == "a c b"
    assert edit.move(w, "c", up=True)["edges"] == []
    for step_id, up in (("a", True), ("c", False)):
        with pytest.raises(ConflictError):
            edit.move(w, step_id, up=up)


def test_moving_a_filter() -> None:
    w = flow("a", "if", "b")
    assert drawn(edit.move(w, "a", up=False)) == "if(no:) a b"
    assert drawn(edit.move(w, "if", up=True)) == "if(no:) a b"
    assert drawn(edit.move(w, "if", up=False)) == "a b if(no:)"


def test_a_split_that_does_not_join_stays_and_its_neighbour_goes_inside() -> None:
    w = flow("a", "if", "b", "c", edges="a>if if>b:yes if>c:no")
    assert drawn(edit.move(w, "a", up=False)) == "if(yes: a b | no: c)"
    assert drawn(edit.move(w, "if", up=True)) == "if(yes: a b | no: c)"
    with pytest.raises(ConflictError):
        edit.move(w, "if", up=False)


def test_dragging() -> None:
    w = flow("a", "b", "c", "d")
    assert drawn(edit.reorder(w, ["b", "c", "a", "d"])) == "b c a d"
    assert drawn(edit.reorder(w, ["d", "a", "b", "c"])) == "d a b c"
    assert drawn(edit.reorder(w, ["a", "b", "c", "d"])) == "a b c d"
    with pytest.raises(ConflictError):
        edit.reorder(w, ["a", "b"])
    split = flow("a", "if", "b", "c", "d", edges=SPLIT)
    assert drawn(edit.reorder(split, ["d", "a", "if"])) == "d a if(yes: b | no: c)"


def test_duplicates_follow_their_original() -> None:
    w = edit.duplicate(flow("a", "b"), "a", "a again")
    assert drawn(w) == "a a_again b"
    assert edit.free_step_id(w, "A again!") == "a_again_2"
    assert edit.free_step_id(w, "Éà 3") == "ea_3"
    assert edit.free_step_id(w, "3 times") == "step_3_times"
    assert edit.free_step_id(w, "…") == "step"


def test_loops_are_drawn_as_jumps_and_loose_steps_are_listed() -> None:
    w = flow("a", "if", "b", "x", edges="a>if if>b:yes if>a:no")
    assert drawn(w) == "a if(yes: b | no: jump)"
    assert outline(w)[1].lanes[1].target == "a"
    assert loose(w) == ["x"]


def test_nothing_is_changed_in_place_and_every_result_can_be_saved() -> None:
    w = flow("a", "if", "b", "c", "d", edges=SPLIT)
    before = deepcopy(w)
    for result in (
        edit.insert_after(w, step("e"), "a"), edit.remove(w, "if"), edit.move(w, "d", up=True),
        edit.connect(w, "b", "next", "c"), edit.duplicate(w, "if", "if2"),
    ):  # fmt: skip
        parse(result)
    assert w == before


def test_unknown_steps() -> None:
    with pytest.raises(NotFoundError):
        edit.remove(flow("a"), "z")
    with pytest.raises(NotFoundError):
        edit.move(flow("a"), "z", up=True)
    with pytest.raises(NotFoundError):
        edit.insert_after(flow("a"), step("b"), "z")


class CheckParams(Params):
    how: str = "fail"


def test_a_way_that_the_settings_rule_out_is_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    ways = {"branches": ("next", "bad"), "branch_if": {"bad": ("how", "branch")}}
    monkeypatch.setitem(ACTIONS, "check", replace(ACTIONS["log"], params=CheckParams, **ways))
    found = flow("a", "b")
    found["steps"][0]["action_type"] = "check"
    assert shape(outline(found)) == "a b"
    for how in ("branch", "{{ input.how }}"):
        found["steps"][0]["params"] = {"how": how}
        assert "bad:" in shape(outline(found))
