"""What the parts of the state machine (engine.machine.state) share: its types, and putting a token on a step. Pure."""

from __future__ import annotations

from typing import Any, Protocol

State = dict[str, Any]
Token = dict[str, Any]
Outcome = dict[str, Any]
Effects = list[dict[str, Any]]


class Flow(Protocol):
    """What the machine must know of a definition (engine.runtime.program.Program has it)."""

    start: list[str]
    max_visits: int

    def next(self, step_id: str, branch: str) -> list[str]: ...

    def policy(self, step_id: str) -> dict[str, Any]: ...

    def leads(self, step_id: str, target: str, around: frozenset[str]) -> bool:
        """Whether the flow can come from a step to another, or back to the same one, without passing a step of `around`:
        the loops inside whose items it stays."""
        ...


def place(state: State, number: str, step_id: str, came: Token) -> None:
    """Puts a token on a step, in the frame of the one that it `came` as."""
    visits = state["visits"].get(step_id, 0)
    state["visits"][step_id] = visits + 1
    state["total"] += 1
    token: Token = {"step": step_id, "status": "ready", "attempt": 1, "iteration": visits}
    if came:
        token["from"] = came["step"]
    for name in ("frame", "late"):
        if came.get(name):
            token[name] = came[name]
    state["tokens"][number] = token
