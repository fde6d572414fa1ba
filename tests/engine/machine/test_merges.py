"""What merges leave in the record, and what the results of parallel branches are after a crash."""

from __future__ import annotations

from typing import Any

import pytest

from flowapp.engine.store.control import decide
from flowapp.events.types import EXECUTION_FAILED
from flowapp.models import TEST, BranchCount, Event, Execution
from tests.engine.place import Place, World, _actions, place, step
from tests.engine.runtime.test_flow_branches import edges, real
from tests.engine.runtime.test_runner import Killed

__all__ = ["_actions", "place"]

BOTH = edges("a>b a>w b>m w>m m>z")
STEPS = [step("a"), step("b", value="b"), step("w", do="wait", until=60, value="w")]
WAITS_FIRST = [STEPS[0], STEPS[2], STEPS[1]]  # targets of one branch go by the order of the steps
ARRIVED = step("z", value="{{ steps.m.arrived }}")


def of(place: Place, execution_id: str, step_id: str) -> list[tuple[str, str, Any]]:
    return [(r.status, r.branch, r.output) for r in place.runs(execution_id) if r.step_id == step_id]


def test_each_arrival_has_its_attempt_and_the_first_one_the_result(place: Place) -> None:
    waiting = place.run([*STEPS, real("m", "merge"), ARRIVED], BOTH)
    assert [status for status, _, _ in of(place, waiting.id, "m")] == ["waiting"]
    done = place.wake(waiting.id, later=60)
    result = {"arrived": 2, "inputs": {"b": "b", "w": "w"}}
    assert of(place, done.id, "m") == [("completed", "next", result), ("completed", "", None)]
    assert done.output_data == 2


def test_who_comes_last_waits_for_nobody(place: Place) -> None:
    done = place.run([step("a"), step("b"), step("c"), real("m", "merge")], edges("a>b a>c b>m c>m"))
    assert [line.message for line in place.lines(done.id) if line.step_id == "m"] == [
        "Here; waiting for the other branches."
    ]


def test_a_late_arrival_ends_there_and_changes_no_result(place: Place) -> None:
    steps = [
        *STEPS,
        real("m", "merge", mode="first"),
        step("s", do="wait", until=600),
        step("z", value="{{ steps.m.inputs }}"),
    ]
    waiting = place.run(steps, edges("a>b a>w b>m w>m m>s s>z"))
    place.wake(waiting.id, later=60)
    assert [status for status, _, _ in of(place, waiting.id, "m")] == ["completed", "cancelled"]
    assert place.wake(waiting.id, later=600).output_data == {"b": "b"}, "the one that went through"


def test_two_alarms_at_once_where_the_first_lets_the_merge_pass(place: Place) -> None:
    """The merge's own patience is over at the very moment when the branch that it waits for ends elsewhere."""
    steps = [
        step("a"), step("b"), step("w", do="wait", until=60), step("if", do="branch", value="no"),
        real("m", "merge", timeout="60 seconds"), ARRIVED, step("t", value="too late"),
    ]  # fmt: skip
    waiting = place.run(steps, edges("a>w a>b b>m w>if if>m:yes m>z m>t:timeout"))
    assert len(place.timers(waiting.id)) == 2
    done = place.wake(waiting.id, later=60)
    assert (done.status, [r.status for r in place.runs(done.id) if r.step_id == "m"]) == ("completed", ["completed"])


def test_what_ended_last_counts_last_also_after_a_rest(place: Place) -> None:
    """The execution's output is what ended last, not what began last."""
    steps = [
        step("a"),
        step("w", do="wait", until=60, value="slept"),
        step("b", value="b"),
        step("v", do="wait", until=61),
    ]
    waiting = place.run(steps, edges("a>w a>b b>v"))
    place.wake(waiting.id, later=60)
    done = place.wake(waiting.id, later=1)
    assert (done.status, done.output_data) == ("completed", None), "the wait without a result ended last"
    waiting = place.run(steps[:3], edges("a>w a>b"))
    assert place.wake(waiting.id, later=60).output_data == "slept"


def test_an_attempt_whose_worker_died_does_not_hide_the_result_before_it(place: Place) -> None:
    """A step in a circle that counts up from its own last result, and dies twice on the way."""
    count = step("n", "idempotent", value="{{ (steps.n.result | default(0)) + 1 }}")
    again = {
        "step_id": "if", "name": "If", "action_type": "conditional",
        "params": {"conditions": {"field": "steps.n.result", "operator": "<", "value": 3}},
    }  # fmt: skip
    steps = [count, again, step("o", "idempotent"), step("z", value="{{ steps.n.result }}")]
    execution_id = place.begin(place.workflow(steps, edges("n>o o>if if>n:yes if>z:no")))

    def die(ctx: Any) -> None:
        if ctx.iteration == 1:
            raise Killed

    World.hooks["n"] = die
    for _ in range(2):
        with pytest.raises(Killed):
            place.wake(execution_id)
        place.later(11)
    World.hooks.clear()
    done = place.wake(execution_id)
    assert (done.status, done.output_data) == ("completed", 3)
    assert [output for status, _, output in of(place, done.id, "n") if status == "completed"] == [1, 2, 3]


def test_what_waits_when_a_step_ends_the_execution_is_cancelled(place: Place) -> None:
    done = place.run([*WAITS_FIRST, step("s", do="stop", value=1)], edges("a>w a>b b>s"))
    assert (done.status, place.timers(done.id)) == ("completed", [])
    assert [status for status, _, _ in of(place, done.id, "w")] == ["cancelled"]


def test_what_waits_when_the_execution_fails_can_go_on_in_a_retry(place: Place) -> None:
    done = place.run([*WAITS_FIRST, step("f", do="fail", value="no")], edges("a>w a>b b>f"))
    assert (done.status, [status for status, _, _ in of(place, done.id, "w")]) == ("failed", ["waiting"])
    assert sorted(token["step"] for token in done.state["stopped"].values()) == ["f", "w"]


# --- running to a step, pinned results


def run_to(place: Place, steps: list[Any], path: str, **options: Any) -> str:
    return place.begin(place.workflow(steps, edges(path)), {"items": [1, 2]}, more={"options": options})


def test_a_run_to_a_wait_ends_when_the_wait_is_over(place: Place) -> None:
    execution_id = run_to(place, [step("w", do="wait", until=60, value=7), step("z")], "w>z", run_to="w")
    assert place.wake(execution_id).status == "waiting"
    done = place.wake(execution_id, later=60)
    assert (done.status, done.output_data, [c[0] for c in World.calls]) == ("completed", 7, ["w"])


def test_a_run_to_a_loop_ends_after_its_last_item(place: Place) -> None:
    steps = [real("l", "loop", items="{{ input.items }}"), step("b", value="{{ item }}"), step("z")]
    done = place.wake(run_to(place, steps, "l>b:each l>z:done", run_to="l"))
    assert (done.status, done.output_data["results"], [c[0] for c in World.calls]) == ("completed", [1, 2], ["b", "b"])


def test_a_run_to_a_merge_ends_when_it_has_been_passed(place: Place) -> None:
    execution_id = run_to(place, [*STEPS, real("m", "merge"), step("z")], "a>b a>w b>m w>m m>z", run_to="m")
    done = place.wake(place.wake(execution_id).id, later=60)
    assert (done.status, done.output_data["arrived"]) == ("completed", 2)
    assert "z" not in [c[0] for c in World.calls]


def test_a_run_to_a_step_leaves_no_attempt_open(place: Place) -> None:
    execution_id = run_to(place, [*WAITS_FIRST, step("z")], "a>w a>b b>z", run_to="b")
    done = place.wake(execution_id)
    assert (done.status, place.timers(execution_id)) == ("completed", [])
    assert [status for status, _, _ in of(place, done.id, "w")] == ["cancelled"]


def test_a_pinned_step_does_not_run_and_a_pinned_loop_is_done(place: Place) -> None:
    steps = [
        step("a", "once"), real("l", "loop", items="{{ input.items }}"), step("b"), step("z", value="{{ steps.l.count }}{{ steps.a.result }}"),
    ]  # fmt: skip
    done = place.wake(run_to(place, steps, "a>l l>b:each l>z:done", pins={"a": "!", "l": {"count": 5}}))
    assert (done.status, done.output_data, [c[0] for c in World.calls]) == ("completed", "5!", ["z"])
    assert [(r.step_id, r.source) for r in place.runs(done.id)] == [("a", "pinned"), ("l", "pinned"), ("z", "")]


def test_a_service_that_asks_to_be_left_alone_is(place: Place) -> None:
    steps = [step("a", "once", do="busy", value=600, on_error="retry", retry_count=1, retry_delay=30)]
    waiting = place.run(steps)
    assert [(t.due_at - place.time).total_seconds() for t in place.timers(waiting.id)] == [600]


def test_a_test_run_counts_for_nothing(place: Place) -> None:
    """No branch is counted for the split's statistics, and nobody is told of its failure."""
    variants = [{"name": "A", "weight": 1}, {"name": "B", "weight": 1}]
    steps = [real("sp", "split", variants=variants), step("f", do="fail", value="no")]
    path = edges("sp>f:A sp>f:B")
    for test, count in ((True, 0), (False, 1)):
        execution_id = place.begin(place.workflow(steps, path), trigger_type=TEST if test else "manual")
        assert place.wake(execution_id).status == "failed"
        with place.session() as session:
            assert session.query(BranchCount).count() == count
            assert session.query(Event).filter_by(type=EXECUTION_FAILED).count() == count


# --- late branches: inside loops, and those that fail


def late_in_a_loop(late: list[Any], way: str, **more: Any) -> tuple[list[Any], Any]:
    """In each item `b` goes through the merge at once, and what is `late` comes after it."""
    steps = [
        real("l", "loop", items=["x", "y"], **more),
        step("a"),
        step("b", value="{{ item }}"),
        real("m", "merge", mode="first"),
        step("r", value="{{ item ~ '!' }}"),
        *late,
        step("z", value="{{ steps.l.results }}"),
    ]
    return steps, edges(f"l>a:each a>b b>m m>r l>z:done {way}")


LATE = [step("w", do="wait", until=60, value="late"), step("v", value="very late")]
LATE_WAY = "a>w w>v v>m"


@pytest.mark.parametrize("at_once", [1, 2])
def test_a_late_branch_changes_no_result_of_its_item(place: Place, at_once: int) -> None:
    done = place.run(*late_in_a_loop(LATE, LATE_WAY, at_once=at_once))
    for _ in range(2):
        done = place.wake(done.id, later=60)
    assert (done.status, done.output_data) == ("completed", ["x!", "y!"])


def test_after_a_crash_a_late_branch_has_changed_nothing_either(place: Place) -> None:
    """A worker that reads what happened knows which branches were late."""
    late = [*LATE, step("o", "once")]
    execution = place.run(*late_in_a_loop(late, "a>w w>v v>o o>m"))

    def die(ctx: Any) -> None:
        World.hooks.clear()
        raise Killed

    World.hooks["o"] = die
    with pytest.raises(Killed):
        place.wake(execution.id, later=60)
    place.later(11)
    waiting = place.wake(execution.id)
    assert waiting.status == "waiting"
    (uncertain,) = [run for run in place.runs(execution.id) if run.status == "uncertain"]
    with place.session() as session:
        decide(session, session.get_one(Execution, execution.id), uncertain.seq, "done", result="late too")
        session.commit()
    place.wake(execution.id)
    done = place.wake(execution.id, later=60)
    assert (done.status, done.output_data) == ("completed", ["x!", "y!"])


def test_after_a_rest_a_late_branch_is_not_the_output(place: Place) -> None:
    steps = [step("a"), step("w", do="wait", until=60, value="late"), step("b", value="b"),
             real("m", "merge", mode="first"), step("r", value="mine"), step("v", do="wait", until=60)]  # fmt: skip
    waiting = place.run(steps, edges("a>b a>w b>m w>v v>m m>r"))
    place.wake(waiting.id, later=60)
    assert place.wake(waiting.id, later=60).output_data == "mine"


@pytest.mark.parametrize("around", ["none", "loop"])
@pytest.mark.parametrize("merge", [{"mode": "first"}, {"timeout": "30 seconds"}])
def test_a_late_branch_that_fails_fails_nothing_else(place: Place, merge: dict[str, str], around: str) -> None:
    steps = [
        step("a"), step("b"), real("m", "merge", **merge), step("r", value="good"),
        step("w", do="wait", until=60), step("f", do="fail", value="too late"), step("v", do="wait", until=90),
    ]  # fmt: skip
    ways = edges("a>b a>w b>m w>f f>m m>r m>r:timeout r>v")
    if around == "loop":
        steps, ways = [real("l", "loop", items=[1, 2], at_once=2), *steps], [*ways, *edges("l>a:each")]
    execution = place.run(steps, ways)
    for _ in range(4):
        execution = place.wake(execution.id, later=30)
    assert execution.status == "completed", execution.error_message
    said = [line.message for line in place.lines(execution.id) if line.step_id == "f"]
    assert any("went on without" in line for line in said)
    if around == "loop":
        assert [(r.output["ok"], r.output["failed"]) for r in place.runs(execution.id) if r.step_id == "l"] == [(2, 0)]


def test_a_loop_on_a_late_branch_ends_with_its_first_failure(place: Place) -> None:
    steps = [
        step("a"), step("b"), real("m", "merge", mode="first"), step("r", value="good"),
        step("w", do="wait", until=60), real("l", "loop", items=[1, 2, 3], at_once=2), step("p"), step("v", do="wait", until=60),
        step("f", do="fail", value="no"), step("k", do="wait", until=200),
    ]  # fmt: skip
    execution = place.run(steps, edges("a>b a>w b>m m>r w>l l>p:each p>v p>f l>m:done r>k"))
    waiting = place.wake(execution.id, later=60)
    assert (waiting.status, sorted(token["step"] for token in waiting.state["tokens"].values())) == ("waiting", ["k"])
    assert [s for s, _, _ in of(place, waiting.id, "l")] == ["cancelled"]
    assert place.wake(execution.id, later=140).status == "completed"


def test_what_runs_in_a_loop_on_a_late_branch_is_not_the_output(place: Place) -> None:
    steps = [
        step("a"), step("b"), real("m", "merge", mode="first"), step("r", value="good"),
        step("w", do="wait", until=60), real("l", "loop", items=[1, 2]), step("p", value="late"), step("v", do="wait", until=60),
    ]  # fmt: skip
    execution = place.run(steps, edges("a>b a>w b>m m>r w>l l>p:each p>v l>m:done"))
    for _ in range(3):
        execution = place.wake(execution.id, later=60)
    assert (execution.status, execution.output_data) == ("completed", "good")
