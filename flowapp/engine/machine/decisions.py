"""What people decide about where an execution stands: an uncertain step, and running again from the step that failed. Pure."""

from __future__ import annotations

from typing import Any, Literal

from flowapp.engine.machine.types import SUSPENDED, State, Token

StepVisit = tuple[str, str, int]  # token, step, iteration
_ASKED_ANEW = {"approval", "child"}  # what was asked for was asked on behalf of the old execution


def settled(
    state: State, number: str, decision: Literal["resend", "done"], *, result: Any = None, seq: int = 0
) -> State | None:
    """The state once a person has said what became of an uncertain step: it runs again, or its attempt `seq` gave `result`.

    None where nothing is uncertain there.
    """
    token = state["tokens"].get(number)
    if token is None or token["status"] != "uncertain":
        return None
    if decision == "resend":
        token = {**token, "status": "ready"}
    else:
        token = {**token, "status": "waiting", "until": 0, "branch": "next", "result": result, "seq": seq}
    return {**state, "tokens": {**state["tokens"], number: token}}


def resumed(state: State) -> tuple[State, set[StepVisit]] | None:
    """The state with which a failed execution goes on, and the visits that begin anew. None where it did not stop at a step.

    One visit failed for good, and is made again. The budget of visits is a new one.
    """
    stopped = state.get("stopped")
    if not stopped:
        return None
    again = {number: token for number, token in stopped.items() if not _waits_on(token)}
    tokens = {**stopped, **{number: _anew(token) for number, token in again.items()}}
    state = {**state, "tokens": tokens, "total": len(tokens), "failed": max(0, state["failed"] - 1)}
    del state["stopped"]
    return state, {(number, token["step"], token["iteration"]) for number, token in again.items()}


def _waits_on(token: Token) -> bool:
    """Whether it waits on, as it did in the old execution; else its visit begins anew."""
    if token["status"] == SUSPENDED:
        return not _ASKED_ANEW & set(token["accepts"])
    return token["status"] in ("waiting", "joined", "looping", "uncertain")


def _anew(token: Token) -> Token:
    """The same place in the graph and its loops, at the first attempt."""
    anew: Token = {"step": token["step"], "iteration": token["iteration"], "status": "ready", "attempt": 1}
    if "frame" in token:
        anew["frame"] = token["frame"]
    if "from" in token:
        anew["from"] = token["from"]
    if "late" in token:
        anew["late"] = token["late"]
    return anew
