"""What follows what: with edges and without, with loops, gotos and steps that nothing leads to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowapp.engine.graph.graph import Graph
from flowapp.engine.language.definition import Definition


def graph(steps: str, edges: str = "", **more: dict[str, Any]) -> Graph:
    """`graph("a b", "a-b a-no-b", a={"order": 2})`."""
    return Graph(
        Definition.model_validate(
            {
                "name": "Flow",
                "steps": [{"step_id": s, "action_type": "note", **more.get(s, {})} for s in steps.split()],
                "edges": [
                    {"source": e[0], "target": e[-1], **({"branch": e[1]} if len(e) == 3 else {})}
                    for e in (text.split("-") for text in edges.split())
                ],
            }
        )
    )


def test_without_edges_steps_follow_by_order():
    flow = graph("a b c", c={"order": 1}, a={"order": 2}, b={"order": 2})
    assert list(flow.steps) == ["c", "a", "b"]
    assert flow.linear
    assert flow.start == ["c"]
    assert [flow.next("c"), flow.next("a"), flow.next("b")] == [["a"], ["b"], []]
    assert flow.sources("a") == ["c"]
    assert flow.before("b") == {"c", "a"}
    assert flow.reachable() == {"a", "b", "c"}
    assert flow.topological() == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("branch", "found"),
    [("yes", ["b"]), ("done", ["b"]), ("variant A", ["b"]), ("no", []), ("error", []), ("timeout", []), ("each", [])],
)
def test_without_edges_some_branches_end_the_flow(branch, found):
    assert graph("a b").next("a", branch) == found


def test_with_edges_only_edges_count():
    flow = graph("a b c d", "a-yes-c a-no-d a-yes-b b-d c-d")
    assert flow.start == ["a"]
    assert flow.next("a", "yes") == ["b", "c"]
    assert flow.next("a", "no") == ["d"]
    assert flow.next("a") == []
    assert flow.next("nowhere") == []
    assert flow.sources("d") == ["a", "b", "c"]
    assert flow.before("d") == {"a", "b", "c"}
    assert dict(flow.branches("a")) == {"yes": ["b", "c"], "no": ["d"]}


def test_several_starts_but_not_what_nothing_is_connected_to():
    flow = graph("a b c d", "a-b c-b")
    assert flow.start == ["a", "c"]
    assert flow.reachable() == {"a", "b", "c"}
    assert flow.topological() == ["a", "c", "b", "d"]


def test_a_forgotten_chain_is_no_start():
    flow = graph("a b c d", "a-b c-d")
    assert flow.start == ["a"]
    assert flow.reachable() == {"a", "b"}
    assert graph("a b c d", "a-b c-d d-b").start == ["a", "c"]


def test_a_flow_that_begins_with_a_loop_starts_at_the_first_connected_step():
    flow = graph("x a b c", "a-b b-c c-a")
    assert flow.start == ["a"]
    assert flow.before("a") == {"a", "b", "c"}
    assert flow.loop("b") == {"a", "b", "c"}
    assert flow.topological() == ["a", "b", "c", "x"]


def test_a_step_that_polls_itself_is_a_start():
    flow = graph("a b", "a-no-a a-yes-b")
    assert flow.start == ["a"]
    assert flow.loop("a") == {"a"}
    assert flow.loop("b") == set()


def test_a_goto_target_is_no_start_and_runs_after_its_source():
    flow = graph("a b h i", "a-b h-i", a={"on_error": "goto", "goto_step": "h"})
    assert flow.start == ["a"]
    assert flow.before("i") == {"a", "h"}
    assert flow.sources("h") == []
    assert flow.reachable() == {"a", "b", "h", "i"}


def test_a_goto_that_is_not_used_leads_nowhere():
    flow = graph("a b", a={"goto_step": "a"})
    assert flow.loop("a") == set()
    retried = graph("a b", b={"on_error": "retry", "on_exhausted": "goto", "goto_step": "a"})
    assert retried.loop("a") == {"a", "b"}


def test_nothing_at_all():
    flow = graph("")
    assert (flow.start, flow.topological(), flow.reachable()) == ([], [], set())


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef")), unique=True, max_size=14))
def test_topological_order_holds_every_step_once_and_respects_what_is_not_a_loop(pairs):
    flow = graph("a b c d e f", " ".join(f"{source}-{target}" for source, target in pairs))
    order = flow.topological()
    assert sorted(order) == list("abcdef")
    for source, target in pairs:
        if source in flow.reachable() and source not in flow.loop(target):
            assert order.index(source) < order.index(target)
    assert set(flow.start) <= flow.reachable()
    assert bool(flow.start)
