"""Loops over lists: one by one, at once, in batches, in loops, with waits inside, and through crashes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.place import Place, World, _actions, place, step
from tests.engine.runtime.test_flow_branches import edges, ran, real

__all__ = ["_actions", "place"]

BODY = edges("l>b:each l>z:done")
Z = step("z", value="{{ steps.l.result }}")


def loop(**params: Any) -> dict[str, Any]:
    return real("l", "loop", **{"items": "{{ input.items }}", **params})


def test_the_body_runs_for_each_item_and_then_done(place: Place) -> None:
    done = place.run([loop(), step("b", value="{{ item }}:{{ index }}"), Z], BODY, {"items": ["x", "y"]})
    assert (done.status, ran(place, done)) == ("completed", ["l", "b", "b", "z"])
    assert done.output_data == {"count": 2, "ok": 2, "failed": 0, "results": ["x:0", "y:1"], "errors": []}
    assert [line.message for line in place.lines(done.id) if line.step_id == "l"] == [
        "Items: 2.", "Item 1 of 2 is through.", "Item 2 of 2 is through.",
    ]  # fmt: skip


def test_an_empty_list_is_done_at_once(place: Place) -> None:
    done = place.run([loop(), step("b"), Z], BODY, {"items": []})
    assert (done.status, ran(place, done), done.output_data["count"]) == ("completed", ["l", "z"], 0)


def test_the_body_may_lead_back_to_its_loop(place: Place) -> None:
    done = place.run([loop(), step("b", value="{{ item }}"), Z], [*BODY, *edges("b>l")], {"items": [1, 2, 3]})
    assert (done.status, done.output_data["results"]) == ("completed", [1, 2, 3])
    assert ran(place, done).count("l") == 1


def test_items_in_batches(place: Place) -> None:
    steps = [loop(batch_size=2), step("b", value="{{ item | length }}"), Z]
    done = place.run(steps, BODY, {"items": [1, 2, 3, 4, 5]})
    assert done.output_data["results"] == [2, 2, 1]


def test_a_few_items_at_once_and_never_more(place: Place) -> None:
    execution = place.run(
        [loop(at_once=2), step("b", do="wait", until=60, value="{{ item }}"), Z], BODY, {"items": [1, 2, 3, 4, 5]}
    )
    for begun in (2, 4, 5):
        assert ran(place, execution).count("b") == begun
        assert (execution.status, len(place.timers(execution.id))) == (
            "waiting",
            min(2, 5 - begun + 2, begun) if begun < 5 else 1,
        )
        held = next(iter(place.get(execution.id).state["loops"].values()))
        assert (held["total"], held["next"]) == (5, begun)
        place.later(60)
        place.runner.run(execution.id, place.org)
    done = place.get(execution.id)
    assert (done.status, done.output_data["results"]) == ("completed", [1, 2, 3, 4, 5])


def fails_at(*items: int) -> dict[str, Any]:
    """A step that fails for these items."""
    return real("b", "validate_data", data={"n": "{{ item }}"}, schema=[{"field": "n", "type": "number", "max": 2}])


def test_a_failing_item_ends_the_execution_unless_the_loop_keeps_going(place: Place) -> None:
    ask = real("if", "conditional", conditions=[{"field": "item", "operator": "==", "value": 2}])
    steps = [ask, real("f", "fail", message="not {{ item }}"), step("b", value="{{ item }}"), Z]
    ways = edges("l>if:each if>f:yes if>b:no l>z:done")
    stopped = place.run([loop(), *steps], ways, {"items": [1, 2, 3]})
    assert (stopped.status, stopped.error_message) == ("failed", "F: not 2")
    done = place.run([loop(on_item_error="continue"), *steps], ways, {"items": [1, 2, 3]})
    assert done.status == "completed"
    assert done.output_data == {
        "count": 3, "ok": 2, "failed": 1, "results": [1, None, 3], "errors": [{"index": 1, "error": "not 2"}],
    }  # fmt: skip
    warned = [line.message for line in place.lines(done.id) if line.level == "warning"]
    assert warned == ["Item 2 of 3 failed: not 2"]


def test_loops_in_loops_see_their_own_item_and_the_one_around(place: Place) -> None:
    inner = real("i", "loop", items="{{ item.lines }}")
    steps = [loop(), inner, step("b", value="{{ parent_item.name }}{{ item }}"), Z]
    data = {"items": [{"name": "x", "lines": [1, 2]}, {"name": "y", "lines": []}, {"name": "z", "lines": [3]}]}
    done = place.run(steps, edges("l>i:each i>b:each l>z:done"), data)
    assert done.status == "completed"
    assert [r["results"] for r in done.output_data["results"]] == [["x1", "x2"], [], ["z3"]]


def test_branches_inside_an_item_merge_inside_it(place: Place) -> None:
    steps = [
        loop(at_once=3),
        step("a"),
        step("b", do="wait", until=5, value="{{ item }}"),
        real("m", "merge"),
        step("c", value="{{ steps.b.result }}"),
        Z,
    ]
    execution = place.run(steps, edges("l>a:each l>b:each a>m b>m m>c l>z:done"), {"items": [1, 2, 3]})
    assert "c" not in ran(place, execution)
    place.later(5)
    place.runner.run(execution.id, place.org)
    done = place.get(execution.id)
    assert (done.status, done.output_data["results"]) == ("completed", [1, 2, 3])
    assert ran(place, done).count("c") == 3


def test_a_wait_inside_goes_on_with_the_same_item(place: Place) -> None:
    steps = [loop(), step("w", do="wait", until=3600), step("b", value="{{ item }}"), Z]
    execution = place.run(steps, edges("l>w:each w>b l>z:done"), {"items": ["x", "y"]})
    for at in range(2):
        assert ran(place, execution).count("b") == at
        place.later(3600)
        place.runner.run(execution.id, place.org)
    assert place.get(execution.id).output_data["results"] == ["x", "y"]


class Killed(BaseException):
    """Stands for kill -9."""


@pytest.mark.parametrize("kind", ["pure", "idempotent"])
def test_a_crash_in_the_middle_resumes_at_the_item(place: Place, kind) -> None:
    """The worker dies in item 3 of 5: what was committed is not done again."""
    steps = [loop(), step("b", kind, value="{{ item }}"), Z]
    execution_id = place.begin(place.workflow(steps, BODY), {"items": [1, 2, 3, 4, 5]})

    def die(ctx: Any) -> None:
        if ctx.iteration == 2:
            raise Killed

    World.hooks["b"] = die
    with pytest.raises(Killed):
        place.runner.run(execution_id, place.org)
    World.hooks.clear()
    World.calls.clear()
    place.later(11)
    place.make_runner("worker 2").run(execution_id, place.org)
    done = place.get(execution_id)
    assert (done.status, done.output_data["results"]) == ("completed", [1, 2, 3, 4, 5])
    again = [call[2] for call in World.calls if call[0] == "b"]
    assert again == ([0, 1, 2, 3, 4] if kind == "pure" else [2, 3, 4])


def test_a_thousand_items_stay_within_the_budget_of_visits(place: Place) -> None:
    done = place.run([loop(), step("b", value="{{ index }}"), Z], BODY, {"items": list(range(1000))})
    assert (done.status, done.output_data["ok"]) == ("completed", 1000)


def test_a_list_longer_than_the_budget_fails_before_its_first_item(place: Place) -> None:
    steps = [loop(), step("b"), step("c"), Z]
    flow = edges("l>b:each b>c l>z:done")
    stopped = place.run(steps, flow, {"items": list(range(30))}, config={"max_visits": 50})
    assert (stopped.status, ran(place, stopped)) == ("failed", ["l"])
    assert stopped.error_message == (
        "L: The list has 30 items, and each takes 2 steps: 60 in all. This execution can run 49 more (“Maximum steps "
        "per execution” is 50). No item was processed. Raise that number in the workflow's settings, or set a "
        "batch size in this step."
    )
    assert (
        place.run([loop(batch_size=2), *steps[1:]], flow, {"items": [*range(30)]}, config={"max_visits": 50}).status
        == "completed"
    )
    assert place.run(steps, flow, {"items": list(range(24))}, config={"max_visits": 50}).status == "completed"


def test_what_only_some_items_pass_is_no_reason_to_refuse(place: Place) -> None:
    asks = real("if", "conditional", conditions={"field": "item", "operator": ">", "value": 3})
    flow = edges("l>if:each if>b:yes b>c l>z:done")
    done = place.run([loop(), asks, step("b"), step("c"), Z], flow, {"items": [1, 2, 3, 4]}, config={"max_visits": 8})
    assert (done.status, ran(place, done).count("b")) == ("completed", 1)
