"""The state machine of an execution: pure. JSON in, JSON out; no clock, no chance, no I/O: those are passed in.

State: {"tokens": {"1": Token}, "visits": {step_id: count}, "total": visits so far, "next": next token's number,
"ok": steps done, "failed": steps failed}.
Token: {"step", "status": ready|running|waiting|retry|uncertain, "attempt", "iteration", "until"?, "branch"?}.
`until` is an epoch in seconds: when a waiting or retrying token goes on.

Outcomes (what happened):
    {"type": "started"}                                          tokens on every start step
    {"type": "intent", "token"}                                  an attempt with an effect is about to run
    {"type": "done", "token", "branch"}                          the flow follows the branch
    {"type": "waiting", "token", "branch", "until"}              the token sleeps, then follows the branch
    {"type": "woken", "token"}                                   its time has come
    {"type": "failed", "token", "permanent", "now", "jitter", "after"?}    error edge, retry, continue, goto or stop;
                                                                 `after`: seconds that the other side asked to wait
    {"type": "uncertain", "token"}                               crashed inside an effect that must not run twice
    {"type": "stopped", "status"}                                a step ends the execution
Effects (what to do): {"do": "end", "status", "reason"?}.
"""

from __future__ import annotations

from typing import Any, Protocol

State = dict[str, Any]
Outcome = dict[str, Any]
Effects = list[dict[str, Any]]

VISIT_BUDGET = 10_000
MAX_RETRY_DELAY = 86_400.0


class Flow(Protocol):
    """What the machine must know of a definition (engine.graph.Graph has it)."""

    start: list[str]

    def next(self, step_id: str, branch: str) -> list[str]: ...

    def policy(self, step_id: str) -> dict[str, Any]: ...


def new_state() -> State:
    """The state of an execution that has not started."""
    return {"tokens": {}, "visits": {}, "total": 0, "next": 1, "ok": 0, "failed": 0}


def advance(flow: Flow, state: State, outcome: Outcome) -> tuple[State, Effects]:
    """The state after `outcome`, and what is to be done about it. The given state is left as it is."""
    state = {**state, "tokens": {k: dict(v) for k, v in state["tokens"].items()}, "visits": dict(state["visits"])}
    effects = _HANDLERS[outcome["type"]](flow, state, outcome)
    if not effects and not state["tokens"]:
        effects = [{"do": "end", "status": "completed"}]
    if not effects and state["total"] > VISIT_BUDGET:
        effects = [
            {"do": "end", "status": "failed", "reason": f"More than {VISIT_BUDGET} steps: the flow runs in circles."}
        ]
    return state, effects


def next_ready(state: State) -> str | None:
    """The token to run next: the oldest that is ready."""
    for number, token in state["tokens"].items():
        if token["status"] == "ready":
            return str(number)
    return None


def due(state: State, now: float) -> list[str]:
    """Tokens whose time has come."""
    return [n for n, t in state["tokens"].items() if t["status"] in ("waiting", "retry") and t["until"] <= now]


def alarms(state: State) -> list[tuple[str, str, float]]:
    """(token, kind, epoch) of every token that must be woken."""
    return [
        (n, "retry" if t["status"] == "retry" else "wait", t["until"])
        for n, t in state["tokens"].items()
        if t["status"] in ("waiting", "retry")
    ]


def _place(state: State, number: str, step_id: str) -> None:
    visits = state["visits"].get(step_id, 0)
    state["visits"][step_id] = visits + 1
    state["total"] += 1
    state["tokens"][number] = {"step": step_id, "status": "ready", "attempt": 1, "iteration": visits}


def _follow(flow: Flow, state: State, number: str, branch: str) -> None:
    """Moves a token along every edge of a branch: the first keeps its number, the others are new; none: it ends."""
    targets = flow.next(state["tokens"][number]["step"], branch)
    if not targets:
        del state["tokens"][number]
        return
    _place(state, number, targets[0])
    for target in targets[1:]:
        _place(state, str(state["next"]), target)
        state["next"] += 1


def _started(flow: Flow, state: State, _outcome: Outcome) -> Effects:
    for step_id in flow.start:
        _place(state, str(state["next"]), step_id)
        state["next"] += 1
    return []


def _intent(_flow: Flow, state: State, outcome: Outcome) -> Effects:
    state["tokens"][outcome["token"]]["status"] = "running"
    return []


def _done(flow: Flow, state: State, outcome: Outcome) -> Effects:
    state["ok"] += 1
    _follow(flow, state, outcome["token"], outcome["branch"])
    return []


def _waiting(_flow: Flow, state: State, outcome: Outcome) -> Effects:
    token = state["tokens"][outcome["token"]]
    token.update(status="waiting", until=outcome["until"], branch=outcome["branch"])
    return []


def _woken(flow: Flow, state: State, outcome: Outcome) -> Effects:
    token = state["tokens"][outcome["token"]]
    if token["status"] == "retry":
        token.update(status="ready", attempt=token["attempt"] + 1)
        del token["until"]
        return []
    return _done(flow, state, {"token": outcome["token"], "branch": token["branch"]})


def _failed(flow: Flow, state: State, outcome: Outcome) -> Effects:
    number = outcome["token"]
    token = state["tokens"][number]
    policy = flow.policy(token["step"])
    how = policy["on_error"]
    if how == "retry":
        if not outcome["permanent"] and token["attempt"] <= policy["retry_count"]:
            delay = retry_delay(policy["retry_delay"], token["attempt"], outcome["jitter"])
            delay = max(delay, min(outcome.get("after", 0), MAX_RETRY_DELAY))
            token.update(status="retry", until=outcome["now"] + delay)
            return []
        how = policy["on_exhausted"]
    state["failed"] += 1
    # Retrying does not leave the step; where the flow leaves it, an error edge wins over stop, continue and goto.
    if flow.next(token["step"], "error"):
        _follow(flow, state, number, "error")
    elif how == "continue":
        _follow(flow, state, number, "next")
    elif how == "goto":
        _place(state, number, policy["goto_step"])
    else:
        return [{"do": "end", "status": "failed"}]
    return []


def retry_delay(base: float, attempt: int, jitter: float) -> float:
    """Seconds before the next attempt: base · 2^(attempt-1), plus up to a fifth (jitter in 0..1), at most a day."""
    return float(min(base * 2.0 ** (attempt - 1), MAX_RETRY_DELAY) * (1.0 + 0.2 * jitter))


def _uncertain(_flow: Flow, state: State, outcome: Outcome) -> Effects:
    state["tokens"][outcome["token"]]["status"] = "uncertain"
    return []


def _stopped(_flow: Flow, state: State, outcome: Outcome) -> Effects:
    state["ok" if outcome["status"] == "completed" else "failed"] += 1
    state["tokens"].clear()
    return [{"do": "end", "status": outcome["status"]}]


_HANDLERS = {
    "started": _started,
    "intent": _intent,
    "done": _done,
    "waiting": _waiting,
    "woken": _woken,
    "failed": _failed,
    "uncertain": _uncertain,
    "stopped": _stopped,
}
