"""Merges, in the state machine (engine.machine.state). Pure.

A merge of `all` waits for every token of the same frame that can still arrive, so a branch that was not taken is not
waited for. A merge of the `first` lets one token through; those that could arrive later are marked `late` and end there.
Where merges wait for nothing but each other, the innermost and oldest of them gives in.
"""

from __future__ import annotations

from flowapp.engine.machine.transitions import be_late, follow, looping, remove
from flowapp.engine.machine.types import Commands, Flow, Outcome, State

Numbers = list[str]
Merge = tuple[str, str]  # step, frame


def arrive(flow: Flow, state: State, outcome: Outcome) -> Commands:
    """A token is at a merge."""
    number = outcome["token"]
    token = state["tokens"][number]
    if token["step"] in token.get("late", ()):
        return [{"do": "late", "token": token.copy()}, *remove(flow, state, number)]
    token["status"], token["until"] = "joined", outcome["until"]
    return _pass(flow, state, [number], "next", late=True) if outcome["mode"] == "first" else []


def expire(flow: Flow, state: State, number: str) -> Commands:
    """Its patience is over: who is there goes on along `timeout`."""
    token = state["tokens"][number]
    return _pass(flow, state, _merges(state)[token["step"], token.get("frame", "")], "timeout", late=True)


def settle(flow: Flow, state: State) -> Commands:
    """Lets merges pass that nothing more can arrive at."""
    commands: Commands = []
    while group := _ready(flow, state):
        commands += _pass(flow, state, group, "next", late=False)
    return commands


def _ready(flow: Flow, state: State) -> Numbers:
    merges = _merges(state)
    awaited = {merge: expected(flow, state, merge) for merge in merges}
    for merge, group in merges.items():
        if not awaited[merge]:
            return group
    stuck = _stuck(state, awaited)
    return merges[max(stuck, key=lambda merge: merge[1].count(":"))] if stuck else []


def _merges(state: State) -> dict[Merge, Numbers]:
    """The tokens that have joined, by the merge they are at and their frame, oldest first."""
    found: dict[Merge, Numbers] = {}
    for number, token in state["tokens"].items():
        if token["status"] == "joined":
            found.setdefault((token["step"], token.get("frame", "")), []).append(number)
    return found


def expected(flow: Flow, state: State, merge: Merge) -> Numbers:
    """Tokens elsewhere in the frame that can still arrive."""
    step, frame = merge
    around = looping(state, frame)
    return [
        n
        for n, t in state["tokens"].items()
        if t.get("frame", "") == frame
        and not (t["step"] == step and t["status"] == "joined")
        and (t["step"] == step or flow.leads(t["step"], step, around))
        and step not in t.get("late", ())
    ]


def _stuck(state: State, awaited: dict[Merge, Numbers]) -> list[Merge]:
    """The merges that nothing which still moves can reach."""
    tokens = state["tokens"]
    needs = {
        n: awaited[t["step"], t.get("frame", "")] if t["status"] == "joined" else _in_loop(state, t["loop"])
        for n, t in tokens.items()
        if t["status"] in ("joined", "looping")
    }
    moving = tokens.keys() - needs.keys()
    while more := {n for n, needed in needs.items() if n not in moving and not moving.isdisjoint(needed)}:
        moving |= more
    return list(
        dict.fromkeys(
            (tokens[n]["step"], tokens[n].get("frame", ""))
            for n in needs
            if n not in moving and tokens[n]["status"] == "joined"
        )
    )


def _in_loop(state: State, loop: str) -> Numbers:
    """The tokens in the items of a loop."""
    begin = f"{state['loops'][loop]['frame']}/{loop}:".lstrip("/")
    return [n for n, t in state["tokens"].items() if t.get("frame", "").startswith(begin)]


def _pass(flow: Flow, state: State, group: Numbers, branch: str, *, late: bool) -> Commands:
    """The first token goes on, the others end in it."""
    tokens = state["tokens"]
    first = tokens[group[0]]
    merge = first["step"], first.get("frame", "")
    for number in expected(flow, state, merge) if late else ():
        be_late(state, number, [*filter(None, tokens[number].get("late", ())), merge[0]])
    commands: Commands = [{"do": "merged", "tokens": [tokens[n].copy() for n in group], "branch": branch}]
    for number in group[1:]:
        del tokens[number]
    return commands + follow(flow, state, group[0], branch)
