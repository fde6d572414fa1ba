"""Loops across rests and crashes: where they resume, and what their result is in the end."""

from __future__ import annotations

from typing import Any

import pytest

from flowapp.models import Execution
from tests.engine.place import Place, World, _actions, place, step
from tests.engine.runtime.test_flow_branches import edges, real

__all__ = ["_actions", "place"]

PATH = edges("l>b:each b>w l>z:done")
Z = step("z", value="{{ steps.l.result }}")
ITEMS = {"items": ["x", "bad", "y", "z"]}


def loop(**params: Any) -> dict[str, Any]:
    return real("l", "loop", items="{{ input.items }}", **params)


def finish(place: Place, execution_id: str) -> Execution:
    """Rings until it has ended, each time a new worker that has to read everything anew."""
    for number in range(30):
        place.runner = place.make_runner(f"worker {number}")
        execution = place.wake(execution_id, later=60)
        if execution.status not in ("pending", "running", "waiting"):
            return execution
    raise AssertionError("it does not end")


def body(rest: bool) -> list[dict[str, Any]]:
    """Each item passes through `b`, which fails for the item "bad"; then it rests, or not."""
    check = step("b", value="{{ item }}{{ index }}")
    return [check, step("w", do="wait", until=30 if rest else 0, value="{{ steps.b.result }}"), Z]


@pytest.mark.parametrize("at_once", [1, 3])
@pytest.mark.parametrize("keeps", ["stop", "continue"])
def test_resting_changes_nothing_in_the_result(place: Place, at_once: int, keeps: str) -> None:
    def fail(ctx: Any) -> None:
        if ctx.render("{{ item }}") == "bad" and keeps == "continue":
            raise ValueError("bad")

    World.hooks["b"] = fail
    results = []
    for rest in (False, True):
        workflow = place.workflow([loop(at_once=at_once, on_item_error=keeps), *body(rest)], PATH)
        results.append(finish(place, place.begin(workflow, ITEMS)).output_data)
    assert results[0] == results[1]
    assert results[0]["results"] == ["x0", None if keeps == "continue" else "bad1", "y2", "z3"]
    assert (results[0]["ok"], results[0]["failed"]) == ((3, 1) if keeps == "continue" else (4, 0))


def test_a_failed_item_has_no_result_also_where_it_began_well(place: Place) -> None:
    """Its first step gave something, its last one failed; then the loop rests and another worker goes on."""
    steps = [loop(on_item_error="continue"), step("b", value="good"), step("f"), step("w", do="wait", until=30), Z]

    def fail(ctx: Any) -> None:
        if ctx.render("{{ index }}") == 1:
            raise ValueError("no")

    World.hooks["f"] = fail
    execution_id = place.begin(place.workflow(steps, edges("l>b:each b>f f>w l>z:done")), {"items": [1, 2, 3]})
    assert finish(place, execution_id).output_data["results"] == [None, None, None]
    steps[3] = step("w", do="wait", until=30, value="slept")
    execution_id = place.begin(place.workflow(steps, edges("l>b:each b>f f>w l>z:done")), {"items": [1, 2, 3]})
    assert finish(place, execution_id).output_data["results"] == ["slept", None, "slept"]


def test_an_item_whose_failing_step_is_let_pass_keeps_its_result(place: Place) -> None:
    steps = [
        loop(),
        step("b", value="{{ item }}"),
        step("f", do="fail", value="no", on_error="continue"),
        step("w", do="wait", until=5),
        Z,
    ]
    workflow = place.workflow(steps, edges("l>b:each l>w:each b>f l>z:done"))
    done = finish(place, place.begin(workflow, {"items": [1, 2]}))
    assert (done.output_data["failed"], done.output_data["ok"]) == (0, 2)


def test_a_loop_in_a_loop_rests_and_resumes(place: Place) -> None:
    steps = [
        real("o", "loop", items="{{ input.rows }}", on_item_error="continue"), real("i", "loop", items="{{ item }}"),
        step("w", do="wait", until=10, value="{{ parent_item | length }}:{{ item }}"),
        step("f", value="{{ steps.w.result }}"),
        step("s", value="{{ steps.i.results | join('+') }}"), step("z", value="{{ steps.o.result }}"),
    ]  # fmt: skip

    def fail(ctx: Any) -> None:
        if ctx.render("{{ item }}") == "no":
            raise ValueError("no")

    World.hooks["f"] = fail
    workflow = place.workflow(steps, edges("o>i:each i>w:each w>f i>s:done o>z:done"))
    rows = [["a", "b"], ["c", "no", "never"], [], ["d"]]
    done = finish(place, place.begin(workflow, {"rows": rows}))
    assert done.output_data["results"] == ["2:a+2:b", None, "", "1:d"]
    assert (done.output_data["ok"], done.output_data["failed"]) == (3, 1)
    assert [e["index"] for e in done.output_data["errors"]] == [1]
    statuses = [(r.step_id, r.status) for r in place.runs(done.id) if r.step_id in ("o", "i")]
    assert statuses.count(("i", "cancelled")) == 1, "the loop that was left in the item that failed"
    assert statuses.count(("i", "completed")) == 3


def test_the_loops_attempt_holds_its_items_while_it_runs_and_its_result_in_the_end(place: Place) -> None:
    execution_id = place.begin(place.workflow([loop(), *body(True)], PATH), {"items": [1, 2]})
    place.wake(execution_id)
    (running,) = [r for r in place.runs(execution_id) if r.step_id == "l"]
    assert (running.status, running.output) == ("waiting", {"items": [1, 2]})
    finish(place, execution_id)
    (done,) = [r for r in place.runs(execution_id) if r.step_id == "l"]
    assert (done.status, done.branch, done.output["count"]) == ("completed", "done", 2)


def test_lines_of_the_loop_stand_under_its_step(place: Place) -> None:
    done = place.run([loop(), step("b"), Z], edges("l>b:each l>z:done"), {"items": [1, 2]})
    assert [line.message for line in place.lines(done.id) if line.step_id == "l"] == [
        "Items: 2.", "Item 1 of 2 is through.", "Item 2 of 2 is through.",
    ]  # fmt: skip


def test_an_item_that_fails_without_words_has_failed(place: Place) -> None:
    steps = [loop(on_item_error="continue"), step("b", do="fail", value=""), Z]
    done = place.run(steps, edges("l>b:each l>z:done"), {"items": [1]})
    assert (done.output_data["failed"], done.output_data["results"]) == (1, [None])
    assert [line.message for line in place.lines(done.id) if line.step_id == "l"][-1].startswith("Item 1 of 1 failed")
