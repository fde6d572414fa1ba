"""The pure state machine: examples. tests/engine/test_state_model.py drives it at random."""

from __future__ import annotations

from typing import Any

import pytest

from flowapp.engine.machine import state as machine

BUDGET = 1000
POLICY = {"on_error": "stop", "on_exhausted": "stop", "goto_step": None, "retry_count": 2, "retry_delay": 10}


class Flow:
    """A graph written down by hand: {step: {branch: [targets]}}."""

    def __init__(self, edges: dict[str, dict[str, list[str]]], start: list[str], **policies: dict[str, Any]) -> None:
        self.edges, self.start, self.policies = edges, start, policies
        self.max_visits = BUDGET

    def next(self, step_id: str, branch: str) -> list[str]:
        return self.edges.get(step_id, {}).get(branch, [])

    def guarded(self, _step_id: str, _branch: str) -> frozenset[str]:
        return frozenset()

    def leads(self, step_id: str, target: str, around: frozenset[str]) -> bool:
        found: set[str] = set()
        waiting = [step_id]
        while waiting:
            for targets in self.edges.get(waiting.pop(), {}).values():
                new = [t for t in targets if t not in found and t not in around]
                waiting += new
                found.update(new)
        return target in found

    def policy(self, step_id: str) -> dict[str, Any]:
        return {**POLICY, **self.policies.get(step_id, {})}


def begin(flow: Flow) -> machine.State:
    return machine.advance(flow, machine.new_state(), {"type": "started"})[0]


def failed(token: str = "1", permanent: bool = False, jitter: float = 0.0) -> machine.Outcome:
    return {"type": "failed", "token": token, "permanent": permanent, "now": 100.0, "jitter": jitter}


def test_a_chain_ends_completed_and_counts_its_steps() -> None:
    flow = Flow({"a": {"next": ["b"]}}, ["a"])
    state = begin(flow)
    state, commands = machine.advance(flow, state, {"type": "done", "token": "1", "branch": "next"})
    assert not commands
    assert state["tokens"]["1"]["step"] == "b"
    state, commands = machine.advance(flow, state, {"type": "done", "token": "1", "branch": "next"})
    assert commands == [{"do": "end", "status": "completed"}]
    assert (state["ok"], state["total"]) == (2, 2)


def test_several_edges_are_parallel_tokens_and_the_last_one_ends_it() -> None:
    flow = Flow({"a": {"next": ["b", "c"]}}, ["a"])
    state, _ = machine.advance(flow, begin(flow), {"type": "done", "token": "1", "branch": "next"})
    assert sorted(t["step"] for t in state["tokens"].values()) == ["b", "c"]
    state, commands = machine.advance(flow, state, {"type": "done", "token": "1", "branch": "next"})
    assert commands == []
    _, commands = machine.advance(flow, state, {"type": "done", "token": "2", "branch": "next"})
    assert commands == [{"do": "end", "status": "completed"}]


def test_retry_doubles_its_delay_then_gives_up() -> None:
    flow = Flow({}, ["a"], a={"on_error": "retry"})
    state, commands = machine.advance(flow, begin(flow), failed())
    assert (state["tokens"]["1"]["status"], state["tokens"]["1"]["until"]) == ("retry", 110.0)
    assert machine.due(state, 109.9) == []
    assert machine.due(state, 110.0) == ["1"]
    state, _ = machine.advance(flow, state, {"type": "woken", "token": "1"})
    assert (state["tokens"]["1"]["status"], state["tokens"]["1"]["attempt"]) == ("ready", 2)
    state, commands = machine.advance(flow, state, failed())
    assert state["tokens"]["1"]["until"] == 120.0
    state, _ = machine.advance(flow, state, {"type": "woken", "token": "1"})
    state, commands = machine.advance(flow, state, failed())
    assert commands == [{"do": "end", "status": "failed"}]
    assert state["failed"] == 1


def test_retry_waits_as_long_as_the_other_side_asks() -> None:
    flow = Flow({}, ["a"], a={"on_error": "retry"})
    state, _ = machine.advance(flow, begin(flow), {**failed(), "after": 120})
    assert state["tokens"]["1"]["until"] == 220.0


def test_a_service_without_time_is_asked_again_whatever_the_policy() -> None:
    """The attempts do not count: what the policy allows is left for real failures. At some time there is an end."""
    flow = Flow({}, ["a"], a={"on_error": "stop"})
    state = begin(flow)
    for delay in (1.0, 2.0, 4.0):
        state, commands = machine.advance(flow, state, {**failed(), "busy": True})
        assert (commands, state["tokens"]["1"]["status"], state["tokens"]["1"]["until"]) == ([], "retry", 100.0 + delay)
        state, _ = machine.advance(flow, state, {"type": "woken", "token": "1"})
    state, _ = machine.advance(flow, state, {**failed(), "busy": True, "after": 300})
    assert state["tokens"]["1"]["until"] == 400.0
    retrying = Flow({}, ["a"], a={"on_error": "retry"})
    state, _ = machine.advance(retrying, {**state, "tokens": {"1": {**state["tokens"]["1"], "attempt": 5}}}, failed())
    assert state["tokens"]["1"]["until"] == 110.0, "the first attempt that counts"
    state["tokens"]["1"] = {**state["tokens"]["1"], "busy": machine.MAX_BUSY, "idle": machine.MAX_BUSY}
    _, commands = machine.advance(flow, state, {**failed(), "busy": True})
    assert commands == [{"do": "end", "status": "failed"}]


def test_attempts_that_come_further_are_asked_again_more_often_and_not_for_ever() -> None:
    flow = Flow({}, ["a"], a={"on_error": "stop"})
    state, busy = begin(flow), {**failed(), "busy": True}
    state["tokens"]["1"]["busy"] = machine.MAX_BUSY  # counted by the release before
    _, commands = machine.advance(flow, state, busy)
    assert commands == [{"do": "end", "status": "failed"}]
    state, commands = machine.advance(flow, state, {**busy, "advanced": True})
    assert (commands, state["tokens"]["1"]["until"]) == ([], 101.0), "as after the first one"
    state, _ = machine.advance(flow, state, {"type": "woken", "token": "1"})
    state, commands = machine.advance(flow, state, busy)
    assert (commands, state["tokens"]["1"]["until"]) == ([], 102.0)
    state["tokens"]["1"]["busy"] = machine.MAX_ADVANCED
    _, commands = machine.advance(flow, state, {**busy, "advanced": True})
    assert commands == [{"do": "end", "status": "failed"}]


def test_a_permanent_failure_is_not_retried() -> None:
    flow = Flow({}, ["a"], a={"on_error": "retry"})
    _, commands = machine.advance(flow, begin(flow), failed(permanent=True))
    assert commands == [{"do": "end", "status": "failed"}]


def test_an_error_edge_wins_over_on_error() -> None:
    flow = Flow({"a": {"error": ["b"], "next": ["c"]}}, ["a"], a={"on_error": "continue"})
    state, commands = machine.advance(flow, begin(flow), failed())
    assert (commands, state["tokens"]["1"]["step"]) == ([], "b")


def test_continue_and_goto() -> None:
    flow = Flow({"a": {"next": ["b"]}}, ["a"], a={"on_error": "continue"})
    state, _ = machine.advance(flow, begin(flow), failed())
    assert state["tokens"]["1"]["step"] == "b"
    flow = Flow({"a": {"next": ["b"]}}, ["a"], a={"on_error": "goto", "goto_step": "z"})
    state, _ = machine.advance(flow, begin(flow), failed())
    assert state["tokens"]["1"]["step"] == "z"


def test_a_wait_follows_its_branch_when_its_time_comes() -> None:
    flow = Flow({"a": {"next": ["b"]}}, ["a"])
    state, commands = machine.advance(
        flow, begin(flow), {"type": "waiting", "token": "1", "branch": "next", "until": 500.0}
    )
    assert commands == []
    assert machine.next_ready(state) is None
    assert machine.alarms(state) == [("1", "wait", 500.0)]
    state, _ = machine.advance(flow, state, {"type": "woken", "token": "1"})
    assert state["tokens"]["1"] == {"step": "b", "status": "ready", "attempt": 1, "iteration": 0, "from": "a"}


def test_a_loop_counts_iterations_and_runs_into_the_budget() -> None:
    flow = Flow({"a": {"next": ["a"]}}, ["a"])
    state, commands = begin(flow), []
    for _ in range(BUDGET):
        state, commands = machine.advance(flow, state, {"type": "done", "token": "1", "branch": "next"})
    assert state["tokens"]["1"]["iteration"] == BUDGET
    assert commands[0]["status"] == "failed"


def test_stop_ends_every_token() -> None:
    flow = Flow({}, ["a", "b"])
    state, commands = machine.advance(flow, begin(flow), {"type": "stopped", "status": "cancelled"})
    assert [command["do"] for command in commands] == ["dropped", "end"]
    assert commands[-1]["status"] == "cancelled"
    assert state["tokens"] == {}


def test_a_token_that_went_on_before_it_could_be_woken_is_left_alone() -> None:
    """Two alarms are due at once; the first lets the merge pass that the second one is at."""
    flow = Flow({"a": {"next": ["end"]}, "m": {"next": ["z"]}, "end": {"next": ["m"]}}, ["m", "a"])
    state = begin(flow)
    state, _ = machine.advance(flow, state, {"type": "joined", "token": "1", "mode": "all", "until": 50.0})
    state, _ = machine.advance(flow, state, {"type": "waiting", "token": "2", "branch": "no such", "until": 50.0})
    assert machine.due(state, 50.0) == ["1", "2"]
    state, commands = machine.advance(flow, state, {"type": "woken", "token": "2"})
    assert [e["do"] for e in commands] == ["merged"]
    after, commands = machine.advance(flow, state, {"type": "woken", "token": "1"})
    assert (after, commands) == (state, [])


def test_merges_that_wait_for_each_other_inside_an_item_give_in() -> None:
    """The loop's own token stands still meanwhile: it must not count as one that moves."""
    flow = Flow({"l": {"each": ["m", "n"]}, "m": {"next": ["n"]}, "n": {"next": ["m"], "timeout": ["z"]}}, ["l"])
    state, _ = machine.advance(
        flow, begin(flow), {"type": "looping", "token": "1", "total": 1, "at_once": 1, "keep_going": False}
    )
    one, other = [n for n, t in state["tokens"].items() if t["status"] == "ready"]
    state, commands = machine.advance(flow, state, {"type": "joined", "token": one, "mode": "all", "until": None})
    assert commands == []
    state, commands = machine.advance(flow, state, {"type": "joined", "token": other, "mode": "all", "until": None})
    assert [e["do"] for e in commands] == ["merged"]
    assert machine.next_ready(state) == one


def test_a_merge_in_a_loop_waits_for_nothing_that_would_have_to_begin_the_next_item() -> None:
    """A side branch leads to the merge only through the loop itself: it cannot arrive in this item."""
    flow = Flow({"l": {"each": ["m", "side"]}, "m": {"next": ["l"]}, "side": {"next": ["l"]}}, ["l"])
    state, _ = machine.advance(
        flow, begin(flow), {"type": "looping", "token": "1", "total": 1, "at_once": 1, "keep_going": False}
    )
    number = next(n for n, t in state["tokens"].items() if t["step"] == "m")
    _, commands = machine.advance(flow, state, {"type": "joined", "token": number, "mode": "all", "until": None})
    assert [e["do"] for e in commands] == ["merged"]


def test_a_loop_does_not_begin_the_loop_around_it_anew() -> None:
    flow = Flow({"outer": {"each": ["inner"]}, "inner": {"each": ["outer"], "done": []}}, ["outer"])
    looping = {"type": "looping", "total": 2, "at_once": 1, "keep_going": False}
    state, _ = machine.advance(flow, begin(flow), {**looping, "token": "1"})
    inner = machine.next_ready(state)
    state, commands = machine.advance(flow, state, {**looping, "token": inner})
    assert [e["do"] for e in commands] == ["looped", "item"]
    assert state["loops"].keys() == {"2"}


def test_a_merge_inside_a_loop_is_not_late_because_of_one_outside() -> None:
    """The merge is passed outside while a loop is on its way to it; inside the loop's items it is another one."""
    flow = Flow({"l": {"each": ["m"], "done": ["m"]}}, ["l", "m"])
    looping = {"type": "looping", "total": 2, "at_once": 1, "keep_going": False}
    state, _ = machine.advance(flow, begin(flow), {**looping, "token": "1"})
    first = {"type": "joined", "mode": "first", "until": None}
    state, _ = machine.advance(flow, state, {**first, "token": "2"})
    assert state["tokens"]["1"]["late"] == ["m"]
    for _item in range(2):
        inside = machine.next_ready(state)
        assert inside is not None
        assert "m" not in state["tokens"][inside]["late"]
        state, commands = machine.advance(flow, state, {**first, "token": inside})
        assert commands[0]["do"] == "merged"
    state, commands = machine.advance(flow, state, {**first, "token": "1"})
    assert [e["do"] for e in commands] == ["late", "end"]


def test_branches_that_part_again_and_again_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "MAX_TOKENS", 50)
    flow = Flow({"a": {"next": ["b", "c"]}, "b": {"next": ["a"]}, "c": {"next": ["a"]}}, ["a"])
    state, commands = begin(flow), []
    while not commands:
        token = machine.next_ready(state)
        state, commands = machine.advance(flow, state, {"type": "done", "token": token, "branch": "next"})
    assert commands[-1]["status"] == "failed"
    assert commands[-1]["reason"].startswith("More than 50 branches at once")
    assert len(state["tokens"]) == 51
