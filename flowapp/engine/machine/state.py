"""The state machine of an execution: pure. JSON in, JSON out; no clock, no chance, no I/O: those are passed in.

Nothing but `advance`, `ended`, and engine.machine.decisions for what people decide, changes a state or its tokens.

Outcomes (what happened):
    {"type": "started", "at"?: [step_id]}                        tokens on every start step
    {"type": "intent", "token"}                                  an attempt with an effect is about to run
    {"type": "done", "token", "branch"}                          the flow follows the branch
    {"type": "waiting", "token", "branch", "until"}              the token sleeps, then follows the branch
    {"type": "suspended", "token", "branch", "until", "accepts", "events", "same_entity"}
                                                                 it waits for a signal; at `until` it follows the branch
    {"type": "woken", "token"}                                   its time has come
    {"type": "looping", "token", "total", "at_once", "keep_going"}    the branch `each` runs for each item
    {"type": "joined", "token", "mode": all|first, "until"}      it arrived at a merge
    {"type": "goal", "token"}                                    done, and the goal is reached
    {"type": "jump", "step"}                                     everything is left, the flow goes on at a step
    {"type": "responded"}                                        the caller was answered
    {"type": "failed", "token", "permanent", "now", "jitter", "after"?, "busy"?, "advanced"?, "reason"?}    error edge, retry, continue,
                                                                 goto or stop; `after`: seconds that the other side asked to
                                                                 wait; `busy`: it had no time for this, so it is asked again
                                                                 whatever the policy, and the attempt does not count;
                                                                 `advanced`: it came further than the one before
    {"type": "interrupted", "token"}                             crashed inside an effect that may run twice: it does
    {"type": "uncertain", "token"}                               crashed inside an effect that must not run twice
    {"type": "stopped", "status"}                                a step ends the execution
    {"type": "admitted", "token"}                                the conditions of the edge that it came along hold
    {"type": "refused", "token"}                                 they do not: that edge is not followed
    A token that waits keeps `seq`, its attempt, and `result`, what its step gives then, of the outcome that has it wait.
Commands (what to do):
    {"do": "end", "status", "reason"?}         the execution has ended
    {"do": "item", "step", "loop", "index", "total", "frame", "error"?}    an item is through; with `error` it failed
    {"do": "looped", "loop", "token": Token, "held": Loop}    all items are
    {"do": "merged", "tokens": [Token], "branch"}    they came together; the first one goes on
    {"do": "late", "token": Token}             it came to a merge that somebody had passed, and ended there
    {"do": "dropped", "tokens": [Token]}       these were left where they were
"""

from __future__ import annotations

from collections.abc import Callable

from flowapp.engine.machine import merges, transitions
from flowapp.engine.machine.transitions import follow, move, place_new
from flowapp.engine.machine.types import SUSPENDED, Commands, End, Flow, Outcome, State, Token

MAX_RETRY_DELAY = 86_400.0
MAX_BUSY = 50  # attempts of one visit in a row that come no further
MAX_ADVANCED = 1000  # attempts of one visit, of which each comes a little further
BUSY_DELAY = 1.0
MAX_TOKENS = 10_000  # every change of a state costs what its tokens do
TIMED = ("waiting", "retry", SUSPENDED, "joined")


def new_state() -> State:
    """The state of an execution that has not started."""
    return {"tokens": {}, "visits": {}, "total": 0, "next": 1, "ok": 0, "failed": 0}


def advance(flow: Flow, state: State, outcome: Outcome) -> tuple[State, Commands]:
    """The state after `outcome`, and what is to be done about it. The given state is left as it is."""
    state = {**state, "tokens": {k: v.copy() for k, v in state["tokens"].items()}, "visits": dict(state["visits"])}
    if "loops" in state:
        state["loops"] = {k: {**v, "errors": list(v["errors"])} for k, v in state["loops"].items()}
    if "late" in state:
        state["late"] = dict(state["late"])
    commands = _HANDLERS[outcome["type"]](flow, state, outcome)
    if any(command["do"] == "end" for command in commands):
        return state, commands
    if any(token["status"] == "joined" for token in state["tokens"].values()):
        commands += merges.settle(flow, state)
    if not state["tokens"]:
        commands.append({"do": "end", "status": "goal_reached" if state.get("goal") else "completed"})
    elif state["total"] > flow.max_visits:
        reason = f"More than {flow.max_visits} steps: it runs in circles, or a loop is longer than “max_visits” allows."
        commands.append({"do": "end", "status": "failed", "reason": reason})
    elif len(state["tokens"]) > MAX_TOKENS:
        reason = (
            f"More than {MAX_TOKENS} branches at once: a circle parts again and again, or loops do too much “at once”."
        )
        commands.append({"do": "end", "status": "failed", "reason": reason})
    return state, commands


def ended(state: State, status: End) -> tuple[State, Commands]:
    """The state of an execution that has ended, and what is to be done about the tokens that were left.

    A failed one can go on where it stands (engine.machine.decisions): what waits there is kept.
    """
    left = state["tokens"]
    if status == "failed":
        return {**state, "tokens": {}, "stopped": left}, []
    return {**state, "tokens": {}}, [{"do": "dropped", "tokens": list(left.values())}] if left else []


def next_number(state: State) -> str:
    """The number that the next token or loop gets."""
    return str(state["next"])


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
        (n, "retry" if t["status"] == "retry" else "wait", until)
        for n, t in state["tokens"].items()
        if t["status"] in TIMED and (until := t.get("until")) is not None
    ]


def _started(flow: Flow, state: State, outcome: Outcome) -> Commands:
    for step_id in outcome.get("at") or flow.start:
        place_new(state, step_id)
    return []


def _intent(_flow: Flow, state: State, outcome: Outcome) -> Commands:
    state["tokens"][outcome["token"]]["status"] = "running"
    return []


def _done(flow: Flow, state: State, outcome: Outcome) -> Commands:
    return _through(flow, state, outcome["token"], outcome["branch"])


def _through(flow: Flow, state: State, number: str, branch: str) -> Commands:
    state["ok"] += 1
    return follow(flow, state, number, branch)


def _waiting(_flow: Flow, state: State, outcome: Outcome) -> Commands:
    token = state["tokens"][outcome["token"]]
    token["status"], token["until"], token["branch"] = "waiting", outcome["until"], outcome["branch"]
    _keep(token, outcome)
    return []


def _keep(token: Token, outcome: Outcome) -> None:
    """What the attempt that waits needs to be known by, and gives when its time comes."""
    if "seq" in outcome:
        token["seq"] = outcome["seq"]
    if "result" in outcome:
        token["result"] = outcome["result"]


def _suspended(_flow: Flow, state: State, outcome: Outcome) -> Commands:
    token = state["tokens"][outcome["token"]]
    token["status"], token["until"], token["branch"] = SUSPENDED, outcome["until"], outcome["branch"]
    token["accepts"], token["events"] = outcome["accepts"], outcome.get("events", [])
    token["same_entity"] = outcome.get("same_entity", True)
    _keep(token, outcome)
    return []


def _woken(flow: Flow, state: State, outcome: Outcome) -> Commands:
    number = outcome["token"]
    token = state["tokens"].get(number)
    if token is None or token["status"] not in TIMED:  # it went on, or ended, since it was seen to be due
        return []
    if token["status"] == "retry":
        token["status"], token["attempt"] = "ready", token["attempt"] + 1
        del token["until"]
        return []
    if token["status"] == "joined":
        return merges.expire(flow, state, number)
    return _through(flow, state, number, token["branch"])


def _looping(flow: Flow, state: State, outcome: Outcome) -> Commands:
    _keep(state["tokens"][outcome["token"]], outcome)
    return transitions.begin(flow, state, outcome["token"], outcome)


def _joined(flow: Flow, state: State, outcome: Outcome) -> Commands:
    state["ok"] += 1
    _keep(state["tokens"][outcome["token"]], outcome)
    return merges.arrive(flow, state, outcome)


def _goal(flow: Flow, state: State, outcome: Outcome) -> Commands:
    state["goal"] = True
    return _through(flow, state, outcome["token"], "next")


def _jump(_flow: Flow, state: State, outcome: Outcome) -> Commands:
    left = list(state["tokens"].values())
    state["tokens"] = {}
    state.pop("loops", None)
    place_new(state, outcome["step"])
    return [{"do": "dropped", "tokens": left}]


def stops(flow: Flow, step_id: str) -> bool:
    """Whether a failure of this step for good ends more than its token: the item it is in, or the execution."""
    policy = flow.policy(step_id)
    how = policy["on_exhausted"] if policy["on_error"] == "retry" else policy["on_error"]
    return how == "stop" and not flow.next(step_id, "error")


def _failed(flow: Flow, state: State, outcome: Outcome) -> Commands:
    number = outcome["token"]
    token = state["tokens"][number]
    policy = flow.policy(token["step"])
    how, busy = policy["on_error"], token.get("busy", 0)
    idle = 0 if outcome.get("advanced") else token.get("idle", busy)
    if outcome.get("busy") and idle < MAX_BUSY and busy < MAX_ADVANCED:
        token["busy"], token["idle"] = busy + 1, idle + 1
        return _retry(token, outcome, BUSY_DELAY, min(idle + 1, 6))
    if how == "retry":
        if not outcome["permanent"] and token["attempt"] - busy <= policy["retry_count"]:
            return _retry(token, outcome, policy["retry_delay"], token["attempt"] - busy)
        how = policy["on_exhausted"]
    state["failed"] += 1
    # Retrying does not leave the step; where the flow leaves it, an error edge wins over stop, continue and goto.
    if flow.next(token["step"], "error"):
        return follow(flow, state, number, "error")
    if how == "continue":
        state["error"] = outcome.get("reason", "")
        return follow(flow, state, number, "next")
    if how == "goto" and policy["goto_step"] is not None:
        return move(flow, state, number, [policy["goto_step"]])
    caught = transitions.catch(flow, state, number, outcome.get("error", ""))
    return [{"do": "end", "status": "failed"}] if caught is None else caught


def _retry(token: Token, outcome: Outcome, base: float, attempt: int) -> Commands:
    """The token is ready again after a while: at least as long as the other side asked for."""
    delay = retry_delay(base, attempt, outcome["jitter"])
    delay = max(delay, min(outcome.get("after", 0.0), MAX_RETRY_DELAY))
    token["status"], token["until"] = "retry", outcome["now"] + delay
    return []


def retry_delay(base: float, attempt: int, jitter: float) -> float:
    """Seconds before the next attempt: base · 2^(attempt-1), plus up to a fifth (jitter in 0..1), at most a day."""
    return float(min(base * 2.0 ** (attempt - 1), MAX_RETRY_DELAY) * (1.0 + 0.2 * jitter))


def _responded(_flow: Flow, state: State, _outcome: Outcome) -> Commands:
    state["responded"] = True
    return []


def _interrupted(_flow: Flow, state: State, outcome: Outcome) -> Commands:
    state["tokens"][outcome["token"]]["status"] = "ready"
    return []


def _uncertain(_flow: Flow, state: State, outcome: Outcome) -> Commands:
    state["tokens"][outcome["token"]]["status"] = "uncertain"
    return []


def _stopped(_flow: Flow, state: State, outcome: Outcome) -> Commands:
    state["ok" if outcome["status"] == "completed" else "failed"] += 1
    left = [token for number, token in state["tokens"].items() if number != outcome.get("token")]
    state["tokens"].clear()
    dropped: Commands = [{"do": "dropped", "tokens": left}] if left else []
    return [*dropped, {"do": "end", "status": outcome["status"]}]


def _admitted(_flow: Flow, state: State, outcome: Outcome) -> Commands:
    del state["tokens"][outcome["token"]]["edge"]
    return []


def _refused(flow: Flow, state: State, outcome: Outcome) -> Commands:
    return transitions.remove(flow, state, outcome["token"])


_HANDLERS: dict[str, Callable[[Flow, State, Outcome], Commands]] = {
    "started": _started,
    "intent": _intent,
    "done": _done,
    "waiting": _waiting,
    "suspended": _suspended,
    "woken": _woken,
    "looping": _looping,
    "joined": _joined,
    "goal": _goal,
    "jump": _jump,
    "responded": _responded,
    "failed": _failed,
    "interrupted": _interrupted,
    "uncertain": _uncertain,
    "stopped": _stopped,
    "admitted": _admitted,
    "refused": _refused,
}
