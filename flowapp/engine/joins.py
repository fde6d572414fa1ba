"""Merges, in the state machine (engine.state). Pure.

A merge of `all` waits for every token of the same frame that can still arrive, so a branch that was not taken is not
waited for. A merge of the `first` lets one token through; those that could arrive later are marked `late` and end there.
"""

from __future__ import annotations

from flowapp.engine.moves import follow, remove
from flowapp.engine.tokens import Effects, Flow, Outcome, State

Numbers = list[str]


def arrive(flow: Flow, state: State, outcome: Outcome) -> Effects:
    """A token is at a merge."""
    number = outcome["token"]
    token = state["tokens"][number]
    if token["step"] in token.get("late", ()):
        gone = [{"do": "merged", "tokens": [dict(token)], "branch": ""}]
        return gone + remove(flow, state, number)
    token.update(status="joined", until=outcome["until"])
    return _pass(flow, state, [number], "next", late=True) if outcome["mode"] == "first" else []


def expire(flow: Flow, state: State, number: str) -> Effects:
    """Its patience is over: who is there goes on along `timeout`."""
    return _pass(flow, state, _group(state, number), "timeout", late=True)


def settle(flow: Flow, state: State) -> Effects:
    """Lets merges pass that nothing more can arrive at."""
    effects: Effects = []
    while group := _ready(flow, state):
        effects += _pass(flow, state, group, "next", late=False)
    return effects


def _ready(flow: Flow, state: State) -> Numbers:
    joined = [number for number, token in state["tokens"].items() if token["status"] == "joined"]
    for number in joined:
        if not _awaited(flow, state, number):
            return _group(state, number)
    if joined and len(joined) == len(state["tokens"]):
        return _group(state, joined[0])  # merges that wait for each other: the oldest gives in
    return []


def _group(state: State, number: str) -> Numbers:
    """The tokens that are at the same merge in the same frame."""
    one = state["tokens"][number]
    place = one["step"], one.get("frame", "")
    return [
        n for n, t in state["tokens"].items() if t["status"] == "joined" and (t["step"], t.get("frame", "")) == place
    ]


def _awaited(flow: Flow, state: State, number: str) -> Numbers:
    """Tokens elsewhere in the frame that can still arrive."""
    one = state["tokens"][number]
    step, frame = one["step"], one.get("frame", "")
    return [
        n
        for n, t in state["tokens"].items()
        if t.get("frame", "") == frame
        and not (t["step"] == step and t["status"] == "joined")
        and (t["step"] == step or flow.leads(t["step"], step))
        and step not in t.get("late", ())
    ]


def _pass(flow: Flow, state: State, group: Numbers, branch: str, *, late: bool) -> Effects:
    """The first token goes on, the others end in it."""
    tokens = state["tokens"]
    step = tokens[group[0]]["step"]
    for number in _awaited(flow, state, group[0]) if late else ():
        tokens[number]["late"] = [*tokens[number].get("late", ()), step]
    effects: Effects = [{"do": "merged", "tokens": [dict(tokens[n]) for n in group], "branch": branch}]
    for number in group[1:]:
        del tokens[number]
    return effects + follow(flow, state, group[0], branch)
