"""Taking up an execution that began earlier: what its steps gave, what its dead worker left, what has come for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowapp.engine.run import Run

UNCERTAIN = "The worker died while this step was running. Nobody knows whether it took effect: send it again, or treat it as done."


def take_up(run: Run) -> None:
    """Takes up results; settles attempts whose worker died; reads the signals that a waiting token may be there for."""
    open_runs = _remember(run)
    for number, token in list(run.state["tokens"].items()):
        run.current = token["step"]
        if token["status"] == "running":
            _settle(run, number, open_runs.get(number))
    if any(token["status"] == "parked" for token in run.state["tokens"].values()) or run.program.goals:
        run.inbox.fill(run.journal.signals(run.row["id"]))
        _jump_to_goal(run)


def _remember(run: Run) -> dict[str, Mapping[str, Any]]:
    """What the steps gave. Returns the attempts that were begun and not ended, by token."""
    open_runs: dict[str, Mapping[str, Any]] = {}
    loops = {loop["token"]: number for number, loop in run.state.get("loops", {}).items()}
    inside = [token.get("frame", "") for token in run.state["tokens"].values()]
    for past in run.journal.results(run.row["id"]):
        if past["status"] == "running":
            open_runs[past["token"]] = past
        elif past["status"] == "waiting" and past["token"] in loops:
            run.memory.begin_loop(loops[past["token"]], past["output"]["items"])
        elif past["status"] == "completed":
            run.memory.keep(past["frame"], past["step_id"], past["output"], "completed")
        elif past["status"] == "failed":
            run.memory.keep(past["frame"], past["step_id"], None, "failed", past["error_message"])
    for frame in [f for f in run.memory.results if f and not any(i == f or i.startswith(f"{f}/") for i in inside)]:
        if frame in run.memory.results:
            run.memory.end_item(frame)
    return open_runs


def _settle(run: Run, number: str, past: Mapping[str, Any] | None) -> None:
    """An attempt was begun and never ended: its worker died. Run it again, or let a person decide."""
    step = run.program.step(run.state["tokens"][number]["step"])
    if step.spec.effect == "once" and past is not None:
        run.record.end_earlier(past, "uncertain", UNCERTAIN)
        run.advance({"type": "uncertain", "token": number})
        return
    if past is not None:
        run.record.end_earlier(past, "failed", "The worker died while this step was running; it runs again.")
    run.state["tokens"][number]["status"] = "ready"


def _jump_to_goal(run: Run) -> None:
    """A contact anywhere in the workflow jumps to a goal whose conditions came true."""
    from flowapp.engine.condition import evaluate

    if run.state.get("goal") or not run.program.goals:
        return
    scope = run.scope({})
    for step_id in run.program.goals:
        met, _why = evaluate(run.program.step(step_id).definition.params["conditions"], scope)
        if met and not any(token["step"] == step_id for token in run.state["tokens"].values()):
            run.record.line(step_id, "info", "The goal's conditions came true: the flow jumps to it.", None)
            run.advance({"type": "jump", "step": step_id})
            return
