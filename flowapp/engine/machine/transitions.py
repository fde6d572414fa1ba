"""Moving tokens along edges, into the items of loops, and out of them, for the state machine (engine.machine.state). Pure.

Loop: {"step", "token", "frame": that of its token, "total", "next": index of the next item, "at_once", "keep_going",
"ok", "failed", "errors": [{"index", "error"}] of the first failed items}. The items themselves are with the step's
attempt, not here: the state is written often. `next` stands in the state, so a loop goes on at the item where it stopped.
"""

from __future__ import annotations

from typing import Any

from flowapp.engine.machine.types import Effects, Flow, Outcome, State, Token, place

MAX_ERRORS = 100


def follow(flow: Flow, state: State, number: str, branch: str) -> Effects:
    """Moves a token along every edge of a branch; without any it ends."""
    return move(flow, state, number, flow.next(state["tokens"][number]["step"], branch))


def move(flow: Flow, state: State, number: str, targets: list[str]) -> Effects:
    """Moves a token to every target: the first keeps its number, the others are new; none: it ends.

    A token that comes back to the loop whose item it is in has finished the item.
    """
    came = state["tokens"][number]
    frame = came.get("frame", "")
    if frame:
        around = looping(state, frame)
        targets = [target for target in targets if target not in around]
    if not targets:
        return remove(flow, state, number)
    place(state, number, targets[0], came)
    for target in targets[1:]:
        place(state, str(state["next"]), target, came)
        state["next"] += 1
    return []


def remove(flow: Flow, state: State, number: str) -> Effects:
    """Ends a token; with the last one of a loop's item the item is through."""
    frame = state["tokens"].pop(number).get("frame", "")
    return left(flow, state, frame) if frame else []


def begin(flow: Flow, state: State, number: str, outcome: Outcome) -> Effects:
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


def left(flow: Flow, state: State, frame: str) -> Effects:
    """A token of this frame ended: where it was the last one, the item is through."""
    if _tokens_in(state, frame):
        return []
    loop, _index = innermost(frame)
    state["loops"][loop]["ok"] += 1
    return [_through(state, frame), *_go_on(flow, state, loop)]


def catch(flow: Flow, state: State, token: Token, error: str) -> Effects | None:
    """A step failed for good inside a loop that keeps going: its item ends as failed. None: no such loop around it."""
    frame = token.get("frame", "")
    while frame:
        loop, index = innermost(frame)
        held = state["loops"][loop]
        if held["keep_going"]:
            dropped = _clear(state, frame, token)
            held["failed"] += 1
            held["errors"] = [*held["errors"], {"index": index, "error": error}][:MAX_ERRORS]
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


def _go_on(flow: Flow, state: State, loop: str) -> Effects:
    """Begins as many items as may run; after the last one the flow goes on along `done`."""
    held = state["loops"][loop]
    around = {held["step"], *looping(state, held["frame"])}
    targets = [target for target in flow.next(held["step"], "each") if target not in around]
    if not targets:
        held["ok"], held["next"] = held["total"] - held["failed"], held["total"]
    while held["next"] < held["total"] and _running(held) < held["at_once"]:
        _enter(state, loop, held, targets)
    if held["next"] < held["total"] or _running(held):
        return []
    token = state["tokens"][held["token"]]
    done = {"do": "looped", "loop": loop, "token": dict(token), "held": held}
    del state["loops"][loop]
    state["ok"] += 1
    return [done, *follow(flow, state, held["token"], "done")]


def _through(state: State, frame: str) -> dict[str, Any]:
    loop, index = innermost(frame)
    held = state["loops"][loop]
    return {"do": "item", "step": held["step"], "loop": loop, "index": index, "total": held["total"], "frame": frame}


def _enter(state: State, loop: str, held: dict[str, Any], targets: list[str]) -> None:
    frame = f"{held['frame']}/{loop}:{held['next']}".lstrip("/")
    held["next"] += 1
    came = {"step": held["step"], "frame": frame}  # merges that are late are those of the loop's own frame
    for target in targets:
        place(state, str(state["next"]), target, came)
        state["next"] += 1


def _running(held: dict[str, Any]) -> int:
    return int(held["next"] - held["ok"] - held["failed"])


def _tokens_in(state: State, frame: str) -> list[str]:
    """Numbers of the tokens in this item, those in loops inside it included."""
    inside = f"{frame}/"
    return [
        n for n, t in state["tokens"].items() if t.get("frame", "") == frame or t.get("frame", "").startswith(inside)
    ]


def _clear(state: State, frame: str, failed: Token) -> Effects:
    tokens = [state["tokens"].pop(number) for number in _tokens_in(state, frame)]
    inside = f"{frame}/"
    for loop, held in list(state["loops"].items()):
        if held["frame"] == frame or held["frame"].startswith(inside):
            del state["loops"][loop]
    left_over = [token for token in tokens if token is not failed]
    return [{"do": "dropped", "tokens": left_over}] if left_over else []
