"""Moving tokens along edges, into the items of loops, and out of them, for the state machine (engine.machine.state). Pure."""

from __future__ import annotations

from flowapp.engine.machine.types import Command, Commands, Flow, Loop, Outcome, State, Token

MAX_ERRORS = 100
INSIDE = [""]  # late because its loop is: no merge of its own frame has passed over it


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
    if edge:
        token["edge"] = edge
    state["tokens"][number] = token
    if late:
        be_late(state, number, late)


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


def be_late(state: State, number: str, merges: list[str]) -> None:
    """Marks a token that a merge has passed over, and those in the items of its loop: they change no result.

    Where it stands is noted for as long as its results are read: from that visit on, what it gives is late.
    """
    token = state["tokens"][number]
    if "late" not in token:
        noted = state.setdefault("late", {})
        frame = token.get("frame", "")
        noted[frame] = {number: [token["step"], token["iteration"], merges == INSIDE], **noted.get(frame, {})}
    token["late"] = merges
    if token["status"] == "looping":
        for inside in _tokens_in(state, _items(state, token)):
            be_late(state, inside, state["tokens"][inside].get("late", INSIDE))


def is_late(token: Token) -> bool:
    """Whether a merge of the token's own frame has passed over it."""
    return token.get("late", INSIDE) != INSIDE


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
    if _tokens_in(state, f"{frame}/"):
        return []
    loop, _index = innermost(frame)
    state["loops"][loop]["ok"] += 1
    return [_through(state, frame), *_go_on(flow, state, loop)]


def catch(flow: Flow, state: State, number: str, error: str) -> Commands | None:
    """A step failed for good. Inside a loop that keeps going its item ends as failed, and a branch that a merge has passed over
    ends by itself: the first of these that lies around it. None: neither does."""
    failed = token = state["tokens"][number]
    while not is_late(token):
        frame = token.get("frame", "")
        if not frame:
            return None
        loop, _index = innermost(frame)
        if state["loops"][loop]["keep_going"]:
            return _fail_item(flow, state, frame, failed, error)
        number = state["loops"][loop]["token"]
        token = state["tokens"][number]
    dropped = [] if token is failed else [*_clear(state, _items(state, token), failed), token]
    if token is not failed:
        del state["loops"][token["loop"]]
    return [*_dropped(dropped), *remove(flow, state, number)]


def _fail_item(flow: Flow, state: State, frame: str, failed: Token, error: str) -> Commands:
    loop, index = innermost(frame)
    held = state["loops"][loop]
    dropped = _dropped(_clear(state, f"{frame}/", failed))
    held["failed"] += 1
    if len(held["errors"]) < MAX_ERRORS:
        held["errors"].append({"index": index, "error": error})
    return [*dropped, {**_through(state, frame), "error": error}, *_go_on(flow, state, loop)]


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
    if not token.get("late"):
        _forget_late(state, _items(state, token))
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
    late = INSIDE if state["tokens"][held["token"]].get("late") else None
    for target in targets:
        edge = "each" if target in flow.guarded(held["step"], "each") else ""
        place_new(state, target, came_from=held["step"], frame=frame, late=late, edge=edge)


def _running(held: Loop) -> int:
    return held["next"] - held["ok"] - held["failed"]


def _items(state: State, token: Token) -> str:
    """How the frames of what is in the items of a token's loop begin."""
    return f"{state['loops'][token['loop']]['frame']}/{token['loop']}:".lstrip("/")


def _tokens_in(state: State, begin: str) -> list[str]:
    """Numbers of the tokens whose frame begins so, each part of it with its slash."""
    return [number for number, token in state["tokens"].items() if f"{token.get('frame', '')}/".startswith(begin)]


def _clear(state: State, begin: str, failed: Token) -> list[Token]:
    """Takes tokens and loops away, by how their frame begins. The tokens but the one that failed."""
    tokens = [state["tokens"].pop(number) for number in _tokens_in(state, begin)]
    for loop, held in list(state["loops"].items()):
        if f"{held['frame']}/".startswith(begin):
            del state["loops"][loop]
    return [token for token in tokens if token is not failed]


def _dropped(tokens: list[Token]) -> Commands:
    return [{"do": "dropped", "tokens": tokens}] if tokens else []


def _forget_late(state: State, begin: str) -> None:
    """Of items that are through nothing is read any more."""
    for frame in [frame for frame in state.get("late", ()) if f"{frame}/".startswith(begin)]:
        del state["late"][frame]
