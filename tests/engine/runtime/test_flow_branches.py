"""Switches, splits, parallel branches and merges, and edges that go back, with the real runner and databases."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from flowapp.models import BranchCount
from tests.engine.place import Place, _actions, place, step

__all__ = ["_actions", "place"]


def edges(text: str) -> list[dict[str, str]]:
    """ "a>b if>c:yes"."""
    found = []
    for word in text.split():
        ends, _, branch = word.partition(":")
        source, target = ends.split(">")
        found.append({"source": source, "target": target, "branch": branch or "next"})
    return found


def real(step_id: str, action_type: str, **params: Any) -> dict[str, Any]:
    """A step of a real action."""
    more = {name: params.pop(name) for name in ("on_error", "goto_step") if name in params}
    return {"step_id": step_id, "name": step_id.title(), "action_type": action_type, "params": params, **more}


def ran(place: Place, execution: Any) -> list[str]:
    return [run.step_id for run in place.runs(execution.id)]


SWITCH = real(
    "sw", "switch", value="input.country",
    cases=[{"name": "France", "equals": "FR"}, {"name": "Rich", "conditions": [{"field": "sum", "operator": ">", "value": 9}]}],
)  # fmt: skip
CASES = edges("sw>fr:France sw>rich:Rich sw>other:default")


@pytest.mark.parametrize(
    ("data", "taken"),
    [
        ({"country": "FR", "sum": 10}, "fr"),
        ({"country": "US", "sum": 10}, "rich"),
        ({"country": "US", "sum": 1}, "other"),
    ],
)
def test_a_switch_takes_one_case_and_says_why(place: Place, data, taken) -> None:
    done = place.run([SWITCH, step("fr"), step("rich"), step("other")], CASES, data)
    assert ran(place, done) == ["sw", taken]
    why = place.runs(done.id)[0].explanation
    assert (why[0]["field"], why[0]["actual"], why[0]["result"]) == ("input.country", data["country"], taken == "fr")
    assert [rule["field"] for rule in why] == ["input.country"] + ([] if taken == "fr" else ["sum"])


def test_a_switch_without_edges_lets_every_case_go_on(place: Place) -> None:
    for country in ("FR", "US"):
        done = place.run([SWITCH, step("b")], None, {"country": country, "sum": 0})
        assert ran(place, done) == ["sw", "b"]


def test_a_split_is_sticky_and_counted_by_version(place: Place) -> None:
    steps = [
        real("ab", "split", variants=[{"name": "A", "weight": 1}, {"name": "B", "weight": 3}]),
        step("a"),
        step("b"),
    ]
    workflow_id = place.workflow(steps, edges("ab>a:A ab>b:B"))
    taken: Counter[str] = Counter()
    for contact in [f"deal {at}" for at in range(12)] * 2:
        execution_id = place.begin(workflow_id, entity=("deal", contact))
        place.runner.run(execution_id, place.org)
        taken[f"{contact} {place.runs(execution_id)[1].step_id}"] += 1
    assert set(taken.values()) == {2}, "each one took the same way both times"
    with place.session() as session:
        counted = {row.branch: row.count for row in session.query(BranchCount).filter_by(step_id="ab")}
    assert counted == Counter("A" if key.endswith(" a") else "B" for key in taken.elements())
    assert set(counted) == {"A", "B"}


PARALLEL = edges("a>b a>w b>m w>m m>z")
BRANCHES = [step("a"), step("b", value="b"), step("w", do="wait", until=60, value="w")]


def test_merge_of_all_waits_for_the_last(place: Place) -> None:
    execution = place.run([*BRANCHES, real("m", "merge"), step("z", value="{{ steps.m.inputs }}")], PARALLEL)
    assert execution.status == "waiting"
    assert sorted(ran(place, execution)) == ["a", "b", "m", "w"]
    place.later(60)
    place.runner.run(execution.id, place.org)
    done = place.get(execution.id)
    assert (done.status, done.output_data) == ("completed", {"b": "b", "w": "w"})
    assert sorted(ran(place, done)) == ["a", "b", "m", "m", "w", "z"], "z ran once"
    assert {run.status for run in place.runs(done.id)} == {"completed"}


def test_merge_of_the_first_goes_on_at_once_and_only_once(place: Place) -> None:
    execution = place.run([*BRANCHES, real("m", "merge", mode="first"), step("z")], PARALLEL)
    assert "z" in ran(place, execution)
    assert execution.status == "waiting"
    place.later(60)
    place.runner.run(execution.id, place.org)
    done = place.get(execution.id)
    assert done.status == "completed"
    assert ran(place, done).count("z") == 1


def test_merge_goes_on_along_timeout_with_who_is_there(place: Place) -> None:
    steps = [
        *BRANCHES,
        real("m", "merge", timeout="10 seconds"),
        step("z"),
        step("late", value="{{ steps.m.arrived }}"),
    ]
    execution = place.run(steps, [*PARALLEL, *edges("m>late:timeout")])
    assert execution.status == "waiting"
    place.later(11)
    place.runner.run(execution.id, place.org)
    assert ran(place, execution)[-1] == "late"
    assert place.runs(execution.id)[-1].output == 1
    place.later(60)
    place.runner.run(execution.id, place.org)
    done = place.get(execution.id)
    assert done.status == "completed"
    assert "z" not in ran(place, done)
    assert ran(place, done).count("late") == 1


@pytest.mark.parametrize("taken", [True, False])
def test_merge_does_not_wait_for_a_branch_that_was_not_taken(place: Place, taken) -> None:
    """a goes to b and to a condition; only its yes leads to the merge."""
    ask = real("if", "conditional", conditions=[{"field": "input.go", "operator": "==", "value": True}])
    steps = [step("a"), step("b"), ask, step("c"), real("m", "merge"), step("z", value="{{ steps.m.arrived }}")]
    done = place.run(steps, edges("a>b a>if b>m if>c:yes c>m m>z"), {"go": taken})
    assert (done.status, done.output_data) == ("completed", 2 if taken else 1)


def test_lanes_of_a_switch_join_in_a_merge_without_waiting(place: Place) -> None:
    steps = [SWITCH, step("fr"), step("rich"), step("other"), real("m", "merge"), step("z")]
    done = place.run(steps, [*CASES, *edges("fr>m rich>m other>m m>z")], {"country": "FR", "sum": 0})
    assert (done.status, ran(place, done)) == ("completed", ["sw", "fr", "m", "z"])


def test_an_edge_may_go_back_until_a_condition_lets_it_out(place: Place) -> None:
    ask = real("if", "conditional", conditions=[{"field": "steps.n.result", "operator": ">=", "value": 3}])
    count = step("n", value="{{ (steps.n.result | default(0)) + 1 }}")
    done = place.run([count, ask, step("z")], edges("n>if if>n:no if>z:yes"))
    assert (done.status, ran(place, done)) == ("completed", ["n", "if", "n", "if", "n", "if", "z"])
    assert [run.iteration for run in place.runs(done.id) if run.step_id == "n"] == [0, 1, 2]


def test_a_flow_in_circles_is_stopped_by_its_budget(place: Place) -> None:
    ask = real("if", "conditional", conditions=[{"field": "input.stop", "operator": "==", "value": True}])
    done = place.run([step("n"), ask, step("z")], edges("n>if if>n:no if>z:yes"), {}, config={"max_visits": 20})
    assert done.status == "failed"
    assert "circles" in done.error_message


def test_fail_follows_the_error_edge_or_what_the_step_says(place: Place) -> None:
    stops = place.run([real("f", "fail", message="No {{ input.x }}"), step("z")], None, {"x": "stock"})
    assert (stops.status, stops.error_message) == ("failed", "F: No stock")
    saved = place.run([real("f", "fail"), step("z")], edges("f>z:error"))
    assert (saved.status, ran(place, saved)) == ("completed", ["f", "z"])
    skips = place.run([real("f", "fail", on_error="continue"), step("z")])
    assert (skips.status, ran(place, skips)) == ("completed", ["f", "z"])
