"""The state machine of an execution: pure. JSON in, JSON out; no clock, no chance, no I/O: those are passed in.

State: {"tokens": {"1": Token}, "visits": {step_id: count}, "total": visits so far, "next": number of the next token or
loop, "ok": steps done, "failed": steps failed, "loops"?: {number: Loop} (engine.machine.transitions), "goal"?: true}.
Token: {"step", "status", "attempt", "iteration", "until"?, "branch"?, "frame"?, "from"?, "late"?}.
    status   ready | running | waiting | retry | uncertain | parked | joined (at a merge) | looping
    until    epoch in seconds when a waiting, retrying, parked or joined token goes on; None or absent: not by time
    branch   along which it goes on then
    frame    the items of loops that it is in, "3:0/5:2": item 2 of loop 5 inside item 0 of loop 3
    from     the step that it came from
    late     merges that somebody passed first: it ends there

Outcomes (what happened):
    {"type": "started", "at"?: [step_id]}                        tokens on every start step
    {"type": "intent", "token"}                                  an attempt with an effect is about to run
    {"type": "done", "token", "branch"}                          the flow follows the branch
    {"type": "waiting", "token", "branch", "until"}              the token sleeps, then follows the branch
    {"type": "parked", "token", "branch", "until", "accepts"}    it waits for a signal; at `until` it follows the branch
    {"type": "woken", "token"}                                   its time has come
    {"type": "looping", "token", "total", "at_once", "keep_going"}    the branch `each` runs for each item
    {"type": "joined", "token", "mode": all|first, "until"}      it arrived at a merge
    {"type": "goal", "token"}                                    done, and the goal is reached
    {"type": "jump", "step"}                                     everything is left, the flow goes on at a step
    {"type": "failed", "token", "permanent", "now", "jitter", "after"?}    error edge, retry, continue, goto or stop;
                                                                 `after`: seconds that the other side asked to wait
    {"type": "uncertain", "token"}                               crashed inside an effect that must not run twice
    {"type": "stopped", "status"}                                a step ends the execution
Effects (what to do):
    {"do": "end", "status", "reason"?}         the execution has ended
    {"do": "item", "step", "loop", "index", "total", "frame", "error"?}    an item is through; with `error` it failed
    {"do": "looped", "loop", "token": Token, "held": Loop}    all items are
    {"do": "merged", "tokens": [Token], "branch"}    they came together; the first one goes on
    {"do": "late", "token": Token}             it came to a merge that somebody had passed, and ended there
    {"do": "dropped", "tokens": [Token]}       these were left where they were
"""

from __future__ import annotations

from flowapp.engine.machine import merges, transitions
from flowapp.engine.machine.transitions import follow, move
from flowapp.engine.machine.types import Effects, Flow, Outcome, State, Token, place

MAX_RETRY_DELAY = 86_400.0
MAX_TOKENS = 10_000  # every change of a state costs what its tokens do
TIMED = ("waiting", "retry", "parked", "joined")


def new_state() -> State:
    """The state of an execution that has not started."""
    return {"tokens": {}, "visits": {}, "total": 0, "next": 1, "ok": 0, "failed": 0}


def advance(flow: Flow, state: State, outcome: Outcome) -> tuple[State, Effects]:
    """The state after `outcome`, and what is to be done about it. The given state is left as it is."""
    state = {**state, "tokens": {k: dict(v) for k, v in state["tokens"].items()}, "visits": dict(state["visits"])}
    if "loops" in state:
        state["loops"] = {k: {**v, "errors": list(v["errors"])} for k, v in state["loops"].items()}
    effects = _HANDLERS[outcome["type"]](flow, state, outcome)
    if any(effect["do"] == "end" for effect in effects):
        return state, effects
    effects += merges.settle(flow, state)
    if not state["tokens"]:
        effects.append({"do": "end", "status": "goal_reached" if state.get("goal") else "completed"})
    elif state["total"] > flow.max_visits:
        reason = f"More than {flow.max_visits} steps: it runs in circles, or a loop is longer than “max_visits” allows."
        effects.append({"do": "end", "status": "failed", "reason": reason})
    elif len(state["tokens"]) > MAX_TOKENS:
        reason = (
            f"More than {MAX_TOKENS} branches at once: a circle parts again and again, or loops do too much “at once”."
        )
        effects.append({"do": "end", "status": "failed", "reason": reason})
    return state, effects


def next_ready(state: State) -> str | None:
    """The token to run next: the oldest that is ready."""
    for number, token in state["tokens"].items():
        if token["status"] == "ready":
            return str(number)
    return None


def due(state: State, now: float) -> list[str]:
    """Tokens whose time has come."""
    return [n for n, _, until in alarms(state) if until <= now]


def alarms(state: State) -> list[tuple[str, str, float]]:
    """(token, kind, epoch) of every token that must be woken."""
    return [
        (n, "retry" if t["status"] == "retry" else "wait", t["until"])
        for n, t in state["tokens"].items()
        if t["status"] in TIMED and t.get("until") is not None
    ]


def _started(flow: Flow, state: State, outcome: Outcome) -> Effects:
    for step_id in outcome.get("at") or flow.start:
        place(state, str(state["next"]), step_id, {})
        state["next"] += 1
    return []


def _intent(_flow: Flow, state: State, outcome: Outcome) -> Effects:
    state["tokens"][outcome["token"]]["status"] = "running"
    return []


def _done(flow: Flow, state: State, outcome: Outcome) -> Effects:
    state["ok"] += 1
    return follow(flow, state, outcome["token"], outcome["branch"])


def _waiting(_flow: Flow, state: State, outcome: Outcome) -> Effects:
    token = state["tokens"][outcome["token"]]
    token.update(status="waiting", until=outcome["until"], branch=outcome["branch"])
    return []


def _parked(_flow: Flow, state: State, outcome: Outcome) -> Effects:
    state["tokens"][outcome["token"]].update(
        status="parked", until=outcome["until"], branch=outcome["branch"], accepts=outcome["accepts"]
    )
    return []


def _woken(flow: Flow, state: State, outcome: Outcome) -> Effects:
    number = outcome["token"]
    token = state["tokens"].get(number)
    if token is None or token["status"] not in TIMED:  # it went on, or ended, since it was seen to be due
        return []
    if token["status"] == "retry":
        token.update(status="ready", attempt=token["attempt"] + 1)
        del token["until"]
        return []
    if token["status"] == "joined":
        return merges.expire(flow, state, number)
    return _done(flow, state, {"token": number, "branch": token["branch"]})


def _looping(flow: Flow, state: State, outcome: Outcome) -> Effects:
    return transitions.begin(flow, state, outcome["token"], outcome)


def _joined(flow: Flow, state: State, outcome: Outcome) -> Effects:
    state["ok"] += 1
    return merges.arrive(flow, state, outcome)


def _goal(flow: Flow, state: State, outcome: Outcome) -> Effects:
    state["goal"] = True
    return _done(flow, state, {"token": outcome["token"], "branch": "next"})


def _jump(_flow: Flow, state: State, outcome: Outcome) -> Effects:
    left: list[Token] = list(state["tokens"].values())
    state["tokens"] = {}
    state.pop("loops", None)
    place(state, str(state["next"]), outcome["step"], {})
    state["next"] += 1
    return [{"do": "dropped", "tokens": left}]


def stops(flow: Flow, step_id: str) -> bool:
    """Whether a failure of this step for good ends more than its token: the item it is in, or the execution."""
    policy = flow.policy(step_id)
    how = policy["on_exhausted"] if policy["on_error"] == "retry" else policy["on_error"]
    return how == "stop" and not flow.next(step_id, "error")


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
        return follow(flow, state, number, "error")
    if how == "continue":
        return follow(flow, state, number, "next")
    if how == "goto":
        return move(flow, state, number, [policy["goto_step"]])
    caught = transitions.catch(flow, state, token, outcome.get("error", ""))
    return [{"do": "end", "status": "failed"}] if caught is None else caught


def retry_delay(base: float, attempt: int, jitter: float) -> float:
    """Seconds before the next attempt: base · 2^(attempt-1), plus up to a fifth (jitter in 0..1), at most a day."""
    return float(min(base * 2.0 ** (attempt - 1), MAX_RETRY_DELAY) * (1.0 + 0.2 * jitter))


def _uncertain(_flow: Flow, state: State, outcome: Outcome) -> Effects:
    state["tokens"][outcome["token"]]["status"] = "uncertain"
    return []


def _stopped(_flow: Flow, state: State, outcome: Outcome) -> Effects:
    state["ok" if outcome["status"] == "completed" else "failed"] += 1
    left = [token for number, token in state["tokens"].items() if number != outcome.get("token")]
    state["tokens"].clear()
    dropped = [{"do": "dropped", "tokens": left}] if left else []
    return [*dropped, {"do": "end", "status": outcome["status"]}]


_HANDLERS = {
    "started": _started,
    "intent": _intent,
    "done": _done,
    "waiting": _waiting,
    "parked": _parked,
    "woken": _woken,
    "looping": _looping,
    "joined": _joined,
    "goal": _goal,
    "jump": _jump,
    "failed": _failed,
    "uncertain": _uncertain,
    "stopped": _stopped,
}
