"""The pure state machine: examples, and Hypothesis over random graphs and outcomes."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flowapp.engine import state as machine

BUDGET = 1000
POLICY = {"on_error": "stop", "on_exhausted": "stop", "goto_step": None, "retry_count": 2, "retry_delay": 10}


class Flow:
    """A graph written down by hand: {step: {branch: [targets]}}."""

    def __init__(self, edges: dict[str, dict[str, list[str]]], start: list[str], **policies: dict[str, Any]) -> None:
        self.edges, self.start, self.policies = edges, start, policies
        self.max_visits = BUDGET

    def next(self, step_id: str, branch: str) -> list[str]:
        return self.edges.get(step_id, {}).get(branch, [])

    def leads(self, step_id: str, target: str) -> bool:
        found, waiting = set(), [step_id]
        while waiting:
            for targets in self.edges.get(waiting.pop(), {}).values():
                waiting += [t for t in targets if t not in found]
                found.update(targets)
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
    state, effects = machine.advance(flow, state, {"type": "done", "token": "1", "branch": "next"})
    assert not effects
    assert state["tokens"]["1"]["step"] == "b"
    state, effects = machine.advance(flow, state, {"type": "done", "token": "1", "branch": "next"})
    assert effects == [{"do": "end", "status": "completed"}]
    assert (state["ok"], state["total"]) == (2, 2)


def test_several_edges_are_parallel_tokens_and_the_last_one_ends_it() -> None:
    flow = Flow({"a": {"next": ["b", "c"]}}, ["a"])
    state, _ = machine.advance(flow, begin(flow), {"type": "done", "token": "1", "branch": "next"})
    assert sorted(t["step"] for t in state["tokens"].values()) == ["b", "c"]
    state, effects = machine.advance(flow, state, {"type": "done", "token": "1", "branch": "next"})
    assert effects == []
    _, effects = machine.advance(flow, state, {"type": "done", "token": "2", "branch": "next"})
    assert effects == [{"do": "end", "status": "completed"}]


def test_retry_doubles_its_delay_then_gives_up() -> None:
    flow = Flow({}, ["a"], a={"on_error": "retry"})
    state, effects = machine.advance(flow, begin(flow), failed())
    assert (state["tokens"]["1"]["status"], state["tokens"]["1"]["until"]) == ("retry", 110.0)
    assert machine.due(state, 109.9) == []
    assert machine.due(state, 110.0) == ["1"]
    state, _ = machine.advance(flow, state, {"type": "woken", "token": "1"})
    assert (state["tokens"]["1"]["status"], state["tokens"]["1"]["attempt"]) == ("ready", 2)
    state, effects = machine.advance(flow, state, failed())
    assert state["tokens"]["1"]["until"] == 120.0
    state, _ = machine.advance(flow, state, {"type": "woken", "token": "1"})
    state, effects = machine.advance(flow, state, failed())
    assert effects == [{"do": "end", "status": "failed"}]
    assert state["failed"] == 1


def test_retry_waits_as_long_as_the_other_side_asks() -> None:
    flow = Flow({}, ["a"], a={"on_error": "retry"})
    state, _ = machine.advance(flow, begin(flow), {**failed(), "after": 120})
    assert state["tokens"]["1"]["until"] == 220.0


def test_a_permanent_failure_is_not_retried() -> None:
    flow = Flow({}, ["a"], a={"on_error": "retry"})
    _, effects = machine.advance(flow, begin(flow), failed(permanent=True))
    assert effects == [{"do": "end", "status": "failed"}]


def test_an_error_edge_wins_over_on_error() -> None:
    flow = Flow({"a": {"error": ["b"], "next": ["c"]}}, ["a"], a={"on_error": "continue"})
    state, effects = machine.advance(flow, begin(flow), failed())
    assert (effects, state["tokens"]["1"]["step"]) == ([], "b")


def test_continue_and_goto() -> None:
    flow = Flow({"a": {"next": ["b"]}}, ["a"], a={"on_error": "continue"})
    state, _ = machine.advance(flow, begin(flow), failed())
    assert state["tokens"]["1"]["step"] == "b"
    flow = Flow({"a": {"next": ["b"]}}, ["a"], a={"on_error": "goto", "goto_step": "z"})
    state, _ = machine.advance(flow, begin(flow), failed())
    assert state["tokens"]["1"]["step"] == "z"


def test_a_wait_follows_its_branch_when_its_time_comes() -> None:
    flow = Flow({"a": {"next": ["b"]}}, ["a"])
    state, effects = machine.advance(
        flow, begin(flow), {"type": "waiting", "token": "1", "branch": "next", "until": 500.0}
    )
    assert effects == []
    assert machine.next_ready(state) is None
    assert machine.alarms(state) == [("1", "wait", 500.0)]
    state, _ = machine.advance(flow, state, {"type": "woken", "token": "1"})
    assert state["tokens"]["1"] == {"step": "b", "status": "ready", "attempt": 1, "iteration": 0, "from": "a"}


def test_a_loop_counts_iterations_and_runs_into_the_budget() -> None:
    flow = Flow({"a": {"next": ["a"]}}, ["a"])
    state, effects = begin(flow), []
    for _ in range(BUDGET):
        state, effects = machine.advance(flow, state, {"type": "done", "token": "1", "branch": "next"})
    assert state["tokens"]["1"]["iteration"] == BUDGET
    assert effects[0]["status"] == "failed"


def test_stop_ends_every_token() -> None:
    flow = Flow({}, ["a", "b"])
    state, effects = machine.advance(flow, begin(flow), {"type": "stopped", "status": "cancelled"})
    assert [effect["do"] for effect in effects] == ["dropped", "end"]
    assert effects[-1]["status"] == "cancelled"
    assert state["tokens"] == {}


STEPS = ["a", "b", "c", "d"]
graphs = st.fixed_dictionaries(
    {
        s: st.fixed_dictionaries(
            {b: st.lists(st.sampled_from(STEPS), max_size=2, unique=True) for b in ("next", "error")}
        )
        for s in STEPS
    }
)
policies = st.fixed_dictionaries(
    {
        "on_error": st.sampled_from(["stop", "continue", "retry", "goto"]),
        "on_exhausted": st.sampled_from(["stop", "continue", "goto"]),
        "goto_step": st.sampled_from(STEPS),
        "retry_count": st.integers(0, 2),
    }
)
choices = st.lists(
    st.tuples(st.sampled_from(["done", "failed", "waiting", "permanent"]), st.integers(0, 5)), max_size=40
)


def model(flow: Flow, tokens: list[list[Any]], pick: int, what: str) -> str:
    """The naive model: a list of [step, attempt, status]; changes it, and says how the execution ended, if it did."""
    ready = [t for t in tokens if t[2] == "ready"]
    token = ready[0]
    step, attempt, _ = token

    def move(targets: list[str]) -> None:
        tokens.remove(token)
        tokens.extend([target, 1, "ready"] for target in targets)

    if what == "done":
        move(flow.next(step, "next"))
    elif what == "waiting":
        token[2] = "sleeping"
    else:
        policy = flow.policy(step)
        how = policy["on_error"]
        if how == "retry" and what == "failed" and attempt <= policy["retry_count"]:
            token[1], token[2] = attempt + 1, "retrying"
            return ""
        how = policy["on_exhausted"] if how == "retry" else how
        if flow.next(step, "error"):
            move(flow.next(step, "error"))
        elif how == "continue":
            move(flow.next(step, "next"))
        elif how == "goto":
            move([policy["goto_step"]])
        else:
            return "failed"
    return "" if tokens else "completed"


@settings(max_examples=300, deadline=None)
@given(graphs, policies, choices)
def test_it_agrees_with_a_naive_model(
    edges: dict[str, Any], policy: dict[str, Any], steps: list[tuple[str, int]]
) -> None:
    """Whatever happens, the steps with tokens on them, their attempts and the end are those of the naive model."""
    flow = Flow(edges, ["a"], **dict.fromkeys(STEPS, policy))
    state, naive = begin(flow), [["a", 1, "ready"]]
    for what, pick in steps:
        number = machine.next_ready(state)
        if number is None:
            for sleeper in machine.due(state, float("inf")):
                state, effects = machine.advance(flow, state, {"type": "woken", "token": sleeper})
            for token in list(naive):
                if token[2] == "sleeping":
                    naive.remove(token)
                    naive.extend([t, 1, "ready"] for t in flow.next(token[0], "next"))
                token[2] = "ready"
            if not naive:
                assert effects == [{"do": "end", "status": "completed"}]
                return
            continue
        step = state["tokens"][number]["step"]
        first = next(
            t for t in naive if t[2] == "ready" and t[0] == step and t[1] == state["tokens"][number]["attempt"]
        )
        naive.remove(first)
        naive.insert(0, first)
        outcome = {
            "done": {"type": "done", "token": number, "branch": "next"},
            "waiting": {"type": "waiting", "token": number, "branch": "next", "until": 1.0},
            "failed": failed(number),
            "permanent": failed(number, permanent=True),
        }[what]
        before = json.dumps(state)
        after, effects = machine.advance(flow, state, outcome)
        assert json.dumps(state) == before, "advance must not change the state it is given"
        assert json.loads(json.dumps(after)) == after, "the state must survive JSON"
        state = after
        ended = model(flow, naive, pick, what)
        assert [e["status"] for e in effects] == ([ended] if ended else [])
        if ended:
            return
        assert sorted((t["step"], t["attempt"] + (t["status"] == "retry")) for t in state["tokens"].values()) == sorted(
            (t[0], t[1]) for t in naive
        )
