"""Moving tokens along edges, into the items of loops, and out of them, for the state machine (engine.machine.state). Pure."""

from __future__ import annotations

from flowapp.engine.machine.types import Command, Commands, Flow, Loop, Outcome, State, Token

MAX_ERRORS = 100


def place(
    state: State,
    number: str,
    step_id: str,
    *,
    came_from: str = "",
    frame: str = "",
    late: list[str] | None = None,
    edge: str = "",
) -> None:
    """Puts a token on a step. `edge`: the branch of an edge with conditions that it comes along."""
    visits = state["visits"].get(step_id, 0)
    state["visits"][step_id] = visits + 1
    state["total"] += 1
    token: Token = {"step": step_id, "status": "ready", "attempt": 1, "iteration": visits}
    if came_from:
        token["from"] = came_from
    if frame:
        token["frame"] = frame
    if late:
        token["late"] = late
    if edge:
        token["edge"] = edge
    state["tokens"][number] = token


def place_new(
    state: State,
    step_id: str,
    *,
    came_from: str = "",
    frame: str = "",
    late: list[str] | None = None,
    edge: str = "",
) -> None:
    """Puts a new token on a step."""
    place(state, str(state["next"]), step_id, came_from=came_from, frame=frame, late=late, edge=edge)
    state["next"] += 1


def follow(flow: Flow, state: State, number: str, branch: str) -> Commands:
    """Moves a token along every edge of a branch; without any it ends."""
    return move(flow, state, number, flow.next(state["tokens"][number]["step"], branch), branch)


def move(flow: Flow, state: State, number: str, targets: list[str], branch: str = "") -> Commands:
    """Moves a token to every target: the first keeps its number, the others are new; none: it ends.

    `branch`: of the edges that lead there; without one it jumps. A token that comes back to the loop whose item it is in has finished the item.
    """
    token = state["tokens"][number]
    step_id, frame, late = token["step"], token.get("frame", ""), token.get("late")
    if frame:
        around = looping(state, frame)
        targets = [target for target in targets if target not in around]
    if not targets:
        return remove(flow, state, number)
    guarded = flow.guarded(step_id, branch)
    edges = [branch if target in guarded else "" for target in targets]
    place(state, number, targets[0], came_from=step_id, frame=frame, late=late, edge=edges[0])
    for target, edge in zip(targets[1:], edges[1:], strict=True):
        place_new(state, target, came_from=step_id, frame=frame, late=late, edge=edge)
    return []


def remove(flow: Flow, state: State, number: str) -> Commands:
    """Ends a token; with the last one of a loop's item the item is through."""
    frame = state["tokens"].pop(number).get("frame", "")
    return left(flow, state, frame) if frame else []


def begin(flow: Flow, state: State, number: str, outcome: Outcome) -> Commands:
    """The token stays at the loop's step while the branch `each` runs for its items."""
    token = state["tokens"][number]
    token["status"] = "looping"
    loop = str(state["next"])
    state["next"] += 1
    token["loop"] = loop
    state.setdefault("loops", {})[loop] = {
        "step": token["step"],
        "token": number,
        "frame": token.get("frame", ""),
        "total": outcome["total"],
        "next": 0,
        "at_once": max(1, outcome["at_once"]),
        "keep_going": outcome["keep_going"],
        "ok": 0,
        "failed": 0,
        "errors": [],
    }
    return _go_on(flow, state, loop)


def left(flow: Flow, state: State, frame: str) -> Commands:
    """A token of this frame ended: where it was the last one, the item is through."""
    if _tokens_in(state, frame):
        return []
    loop, _index = innermost(frame)
    state["loops"][loop]["ok"] += 1
    return [_through(state, frame), *_go_on(flow, state, loop)]


def catch(flow: Flow, state: State, token: Token, error: str) -> Commands | None:
    """A step failed for good inside a loop that keeps going: its item ends as failed. None: no such loop around it."""
    frame = token.get("frame", "")
    while frame:
        loop, index = innermost(frame)
        held = state["loops"][loop]
        if held["keep_going"]:
            dropped = _clear(state, frame, token)
            held["failed"] += 1
            if len(held["errors"]) < MAX_ERRORS:
                held["errors"].append({"index": index, "error": error})
            return [*dropped, {**_through(state, frame), "error": error}, *_go_on(flow, state, loop)]
        frame = frame.rpartition("/")[0]
    return None


def looping(state: State, frame: str) -> frozenset[str]:
    """The steps of the loops that a frame is in."""
    return frozenset(state["loops"][entry.partition(":")[0]]["step"] for entry in frame.split("/") if entry)


def innermost(frame: str) -> tuple[str, int]:
    """Loop and index of a frame's last part."""
    loop, _, index = frame.rpartition("/")[2].partition(":")
    return loop, int(index)


def _go_on(flow: Flow, state: State, loop: str) -> Commands:
    """Begins as many items as may run; after the last one the flow goes on along `done`."""
    held = state["loops"][loop]
    around = {held["step"], *looping(state, held["frame"])}
    targets = [target for target in flow.next(held["step"], "each") if target not in around]
    if not targets:
        held["ok"], held["next"] = held["total"] - held["failed"], held["total"]
    while held["next"] < held["total"] and _running(held) < held["at_once"]:
        _enter(flow, state, loop, held, targets)
    if held["next"] < held["total"] or _running(held):
        return []
    token = state["tokens"][held["token"]]
    done: Command = {"do": "looped", "loop": loop, "token": token.copy(), "held": held}
    del state["loops"][loop]
    state["ok"] += 1
    return [done, *follow(flow, state, held["token"], "done")]


def _through(state: State, frame: str) -> Command:
    loop, index = innermost(frame)
    held = state["loops"][loop]
    return {"do": "item", "step": held["step"], "loop": loop, "index": index, "total": held["total"], "frame": frame}


def _enter(flow: Flow, state: State, loop: str, held: Loop, targets: list[str]) -> None:
    frame = f"{held['frame']}/{loop}:{held['next']}".lstrip("/")
    held["next"] += 1
    for target in targets:  # merges that are late are those of the loop's own frame
        edge = "each" if target in flow.guarded(held["step"], "each") else ""
        place_new(state, target, came_from=held["step"], frame=frame, edge=edge)


def _running(held: Loop) -> int:
    return held["next"] - held["ok"] - held["failed"]


def _tokens_in(state: State, frame: str) -> list[str]:
    """Numbers of the tokens in this item, those in loops inside it included."""
    inside = f"{frame}/"
    return [
        n for n, t in state["tokens"].items() if t.get("frame", "") == frame or t.get("frame", "").startswith(inside)
    ]


def _clear(state: State, frame: str, failed: Token) -> Commands:
    tokens = [state["tokens"].pop(number) for number in _tokens_in(state, frame)]
    inside = f"{frame}/"
    for loop, held in list(state["loops"].items()):
        if held["frame"] == frame or held["frame"].startswith(inside):
            del state["loops"][loop]
    left_over = [token for token in tokens if token is not failed]
    return [{"do": "dropped", "tokens": left_over}] if left_over else []
