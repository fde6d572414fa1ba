"""switch, split, merge, loop, goal, run_workflow, respond and fail: what each hands to the engine."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from flowapp.actions.flow.split import share
from flowapp.catalog import Branch, Done, Each, Fail, Goal, Join, Respond, Signal, Suspend, get_action
from tests.actions.conftest import NOW

BY_COUNTRY = [
    {"name": "France", "equals": "FR"},
    {"name": "Neighbours", "equals": ["DE", "BE"]},
    {"name": "Big", "conditions": [{"field": "amount", "operator": ">", "value": 1000}]},
]


@pytest.mark.parametrize(
    ("data", "case"),
    [
        ({"country": "FR", "amount": 9999}, "France"),
        ({"country": "BE", "amount": 1}, "Neighbours"),
        ({"country": "US", "amount": 1001}, "Big"),
        ({"country": "US", "amount": 1}, "default"),
        ({"amount": 1}, "default"),
    ],
)
@pytest.mark.parametrize("value", ["input.country", "{{ input.country }}", "country"])
def test_switch_takes_the_first_case_that_fits(run, data, case, value) -> None:
    outcome = run("switch", data, value=value, cases=BY_COUNTRY)
    assert isinstance(outcome, Branch)
    assert (outcome.name, outcome.result["case"]) == (case, case)


def test_switch_says_which_condition_said_what(run) -> None:
    told = run("switch", {"country": "US", "amount": 1001}, value="input.country", cases=BY_COUNTRY).result
    france, neighbours, big = told["explanation"]
    assert france["rules"] == [
        {"field": "input.country", "operator": "==", "value": "FR", "actual": "US", "result": False}
    ]
    assert (neighbours["case"], neighbours["fits"], neighbours["rules"][0]["operator"]) == ("Neighbours", False, "in")
    assert (big["fits"], big["rules"][0]["actual"]) == (True, 1001)
    missing = run("switch", {}, value="input.country", cases=BY_COUNTRY[:1]).result["explanation"]
    assert missing[0]["rules"][0]["note"] == "The field does not exist."


def test_the_value_of_a_case_may_be_an_expression(run) -> None:
    cases = [{"name": "same", "equals": "{{ input.other }}"}]
    assert run("switch", {"a": 3, "other": 3}, value="a", cases=cases).name == "same"


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"value": "a", "cases": []}, "cases"),
        ({"value": "a", "cases": [{"name": "x", "equals": 1}, {"name": "x ", "equals": 2}]}, "twice"),
        ({"value": "a", "cases": [{"name": "default", "equals": 1}]}, "is reserved"),
        ({"value": "a", "cases": [{"name": " ", "equals": 1}]}, "empty"),
        ({"value": "a", "cases": [{"name": "{{ input.a }}", "equals": 1}]}, "names are fixed"),
        ({"value": "a", "cases": [{"name": "x"}]}, "not both"),
        ({"value": "a", "cases": [{"name": "x", "equals": 1, "conditions": [{"field": "a"}]}]}, "not both"),
        ({"cases": [{"name": "x", "equals": 1}]}, "the value that the cases"),
    ],
)
def test_switches_that_cannot_be_meant(refused, params, told) -> None:
    assert told in refused("switch", **params).message


def test_the_branches_of_a_step_come_from_its_stored_params() -> None:
    switch, split = get_action("switch"), get_action("ab_test")
    assert switch.branches_of({"cases": BY_COUNTRY}) == ["France", "Neighbours", "Big", "default"]
    assert switch.branches_of({"cases": [{"name": 3}, None, {"name": ""}, {}]}) == ["default"]
    assert switch.branches_of({"cases": "{{ input.cases }}"}) == switch.branches_of({}) == ["default"]
    assert (split.type, split.branches_of({}), split.counted) == ("split", ["A", "B"], True)
    assert split.branches_of({"variants": [{"name": "new"}, {"name": "old", "weight": 9}]}) == ["new", "old"]


def test_a_branch_for_timeouts_is_there_only_with_a_timeout() -> None:
    for name in ("merge", "run_workflow", "goal"):
        assert get_action(name).branches_of({}) == ["next"]
        assert get_action(name).branches_of({"timeout": "2 days"}) == ["next", "timeout"]


def chosen(run: Any, **params: Any) -> Counter[str]:
    found: Counter[str] = Counter()
    for at in range(4000):
        run.contact_id = f"contact-{at}"
        found[run("split", **params).name] += 1
    return found


def test_split_follows_the_weights(run) -> None:
    halves = chosen(run)
    assert 1900 < halves["A"] < 2100
    assert halves.total() == 4000
    weighted = chosen(
        run, variants=[{"name": "new", "weight": 1}, {"name": "old", "weight": 9}, {"name": "off", "weight": 0}]
    )
    assert 340 < weighted["new"] < 460
    assert set(weighted) == {"new", "old"}


def test_split_sends_a_contact_the_same_way_each_time(run) -> None:
    run.contact_id, run.entity = "ada", ("deal", "9")
    first = run("split")
    assert all(run("split") == first for _ in range(3))
    assert first.result == {"variant": first.name}
    assert first.name == ("A" if share("ada", "step") < 0.5 else "B")
    by_deal = {share(f"deal-{at}", "step") < 0.5 for at in range(20)}
    assert by_deal == {True, False}


@pytest.mark.parametrize(
    ("variants", "told"),
    [
        ([{"name": "A", "weight": 0}, {"name": "B", "weight": 0}], "add up to 0"),
        ([{"name": "A"}, {"name": "A"}], "twice"),
        ([{"name": "A", "weight": -1}], "weight"),
        ([], "one entry"),
    ],
)
def test_splits_that_cannot_be_meant(refused, variants, told) -> None:
    assert told in refused("split", variants=variants).message


def test_merge_waits_for_all_or_the_first(run) -> None:
    assert run("merge") == Join("all", None)
    assert run("join", mode="first") == Join("first", None)
    assert run("merge", timeout="2 hours") == Join("all", NOW + timedelta(hours=2))


def test_loop_takes_a_list(run) -> None:
    assert run("loop", {"x": [1, 2]}, items="{{ input.x }}") == Each([1, 2], 1, False)
    assert run("for_each", items=[1, 2, 3], batch_size=2, at_once=5, on_item_error="continue") == Each(
        [[1, 2], [3]], 5, True
    )
    assert run("loop", {"x": {"a": 1}}, items="{{ input.x }}") == Each([{"key": "a", "value": 1}])
    assert run("loop", {"x": None}, items="{{ input.x }}") == Each([])


@pytest.mark.parametrize(("items", "entries"), [("red", ["red"]), (5, [5]), ('["a", 1]', ["a", 1]), ("", [])])
def test_a_loop_over_a_single_value_has_one_item(run, items, entries) -> None:
    assert run("loop", items=items) == Each(entries)


PAID = [{"field": "contact.paid", "operator": "==", "value": True}]


def test_goal_is_reached_by_coming_or_by_its_conditions(run) -> None:
    assert run("goal", name="Sold", value="129.90") == Goal({"reached": True, "name": "Sold", "value": 129.9})
    assert run("goal", {"n": 2}, value="{{ input.n }}").result == {"reached": True, "name": "Step", "value": 2}
    assert run("goal", {"contact": {"paid": True}}, conditions=PAID) == Goal(
        {"reached": True, "name": "Step", "value": None}
    )


def test_a_goal_that_is_not_met_lets_go_on_or_waits_for_the_contact(run) -> None:
    unmet = {"reached": False, "name": "Step", "value": None}
    assert run("goal", {}, conditions=PAID) == Done(unmet)
    run.contact_id = "ada"
    waits = run("goal", {}, conditions=PAID, unmet="wait", timeout="3 days")
    assert isinstance(waits, Suspend)
    assert (waits.events, waits.accepts, waits.until) == (("contact.*",), ("event",), NOW + timedelta(days=3))
    assert (waits.same_entity, waits.result) == (True, unmet)


def test_nobody_to_wait_for_is_an_error(refused) -> None:
    assert "no contact" in refused("goal", {}, conditions=PAID, unmet="wait").message


class Started:
    """Records what is started; every visit's execution has the same id."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any, bool]] = []

    def start(self, workflow: str, input_data: Any, *, wait: bool) -> str:
        self.calls.append((workflow, input_data, wait))
        return "child-1"


def test_run_workflow_waits_for_the_end_of_what_it_started(run) -> None:
    run.workflows = Started()
    waits = run("sub_workflow", {"a": 1}, workflow="Invoice", input={"n": "{{ input.a }}"}, timeout="1 hour")
    assert isinstance(waits, Suspend)
    assert (waits.accepts, waits.until) == (("child",), NOW + timedelta(hours=1))
    assert run.workflows.calls == [("Invoice", {"n": 1}, True)]
    ended = {"execution_id": "child-1", "status": "completed", "output": {"n": 2}, "error": ""}
    run.signal = Signal("child", ended)
    done = {"execution_id": "child-1", "status": "completed", "output": {"n": 2}}
    assert run("run_workflow", workflow="Invoice") == Done(done)
    run.signal = Signal("child", {**ended, "status": "failed", "error": "No stock"})
    failed = run("run_workflow", workflow="Invoice")
    assert isinstance(failed, Fail)
    assert failed.message == "The workflow that it ran ended as failed: No stock"
    run.signal = Signal("child", {**ended, "execution_id": "an earlier one"})
    assert isinstance(run("run_workflow", workflow="Invoice"), Suspend)


def test_run_workflow_may_go_on_at_once(run) -> None:
    run.workflows = Started()
    outcome = run("execute_workflow", {"x": [1]}, workflow="Invoice", input="{{ input.x }}", wait=False)
    assert outcome == Done({"execution_id": "child-1", "status": "pending", "output": None})
    assert run.workflows.calls == [("Invoice", [1], False)]


def test_respond_answers_with_status_headers_and_body(run) -> None:
    assert run("respond") == Respond(200, {}, None)
    outcome = run("respond", {"id": 7}, status=201, headers={"X-Id": "{{ input.id }}"}, body={"id": "{{ input.id }}"})
    assert outcome == Respond(201, {"X-Id": "7"}, {"id": 7})


@pytest.mark.parametrize(
    "params", [{"status": 99}, {"headers": {"X-A": "a\r\nSet-Cookie: b"}}, {"headers": {"X A": "a"}}]
)
def test_answers_that_cannot_be_sent(refused, params) -> None:
    assert refused("respond", **params).permanent


def test_fail_fails_for_good(refused) -> None:
    error = refused("fail", {"why": "no stock"}, message="{{ input.why }}")
    assert (error.message, error.permanent) == ("no stock", True)
