"""Taking up an execution that began earlier: what its steps gave, what its dead worker left, what has come for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flowapp.engine.language.conditions import evaluate
from flowapp.engine.language.scope import Scope
from flowapp.engine.machine import state as machine
from flowapp.engine.runtime.results import around
from flowapp.engine.runtime.visit_context import scope
from flowapp.errors import FlowError

if TYPE_CHECKING:
    from flowapp.engine.runtime.run import Run

DIED = (
    "The worker began this step and never wrote down how it ended: it died, or could not reach the database for longer than "
    "its lease."
)
UNCERTAIN = "Nobody knows whether the step took effect: send it again, or treat it as done."


def take_up(run: Run) -> None:
    """Takes up results; settles attempts whose worker died; reads the signals that a waiting token may be there for."""
    open_runs = _remember(run)
    for number, token in list(run.state["tokens"].items()):
        run.current = token["step"]
        if token["status"] == "running":
            _settle(run, number, open_runs.get(number))
    if any(token["status"] == "parked" for token in run.state["tokens"].values()) or run.program.goals:
        run.inbox.fill(run.journal.signals(run.row["id"]))
        run.record.batch.consumed += run.inbox.taken()
        _jump_to_goal(run)


def _remember(run: Run) -> dict[str, Mapping[str, Any]]:
    """What the steps gave. Returns the attempts that were begun and not ended, by token."""
    open_runs: dict[str, Mapping[str, Any]] = {}
    loops = {loop["token"]: number for number, loop in run.state.get("loops", {}).items()}
    rows = run.journal.results(run.row["id"])
    last = {_attempt(row): row["seq"] for row in rows}
    again = {_attempt(token) for token in run.state["tokens"].values() if token["status"] == "ready"}
    broken: dict[str, bool] = {}  # by frame: whether what ended there last failed for good
    for past in sorted(rows, key=lambda row: row["ended_seq"] or row["seq"]):
        frame, step_id, status = past["frame"], past["step_id"], past["status"]
        if status == "running":
            open_runs[past["token"]] = past
        elif status == "waiting" and past["token"] in loops:
            run.memory.begin_loop(loops[past["token"]], past["output"]["items"])
        elif status == "completed":
            run.memory.keep(frame, step_id, past["output"], "completed")
            broken.update(dict.fromkeys(around(frame), False))
        elif status == "failed" and last[_attempt(past)] == past["seq"] and _attempt(past) not in again:
            run.memory.keep(frame, step_id, None, "failed", past["error_message"])
            known = step_id in run.program.graph.steps  # it may be gone, when a newer version goes on
            broken.update(dict.fromkeys(around(frame), known and machine.stops(run.program, step_id)))
    _end_items(run, broken)
    return open_runs


def _attempt(of: Mapping[str, Any]) -> tuple[str, int, int]:
    """Step, iteration and attempt of a row or a token. A failed attempt that was made again, or is to be, counts for
    nothing: its worker died, or a person said resend."""
    return of.get("step_id") or of["step"], of["iteration"], of["attempt"]


def _end_items(run: Run, broken: Mapping[str, bool]) -> None:
    """Lets go of what steps gave in items that are through."""
    inside = {part for token in run.state["tokens"].values() for part in around(token.get("frame", ""))}
    for frame in sorted(broken.keys() - inside - {""}, key=len):
        if frame in run.memory.results:
            run.memory.end_item(frame, failed=broken[frame])


def _settle(run: Run, number: str, past: Mapping[str, Any] | None) -> None:
    """An attempt was begun and never ended: its worker died. Run it again, or let a person decide."""
    step = run.program.step(run.state["tokens"][number]["step"])
    why = run.row.get("error_message") or DIED  # said by whoever had to end the worker (engine.store.rescue)
    if step.spec.effect == "once" and past is not None:
        run.record.end_earlier(past, "uncertain", f"{why} {UNCERTAIN}")
        run.advance({"type": "uncertain", "token": number})
        return
    if past is not None:
        run.record.end_earlier(past, "failed", f"{why} It runs again.")
    run.state["tokens"][number]["status"] = "ready"


def _jump_to_goal(run: Run) -> None:
    """A contact anywhere in the workflow jumps to a goal whose conditions came true."""
    if run.state.get("goal") or not run.program.goals:
        return
    outside = scope(run, {})
    for step_id in run.program.goals:
        if _holds(run, step_id, outside) and not any(
            token["step"] == step_id for token in run.state["tokens"].values()
        ):
            run.record.line(step_id, "info", "The goal's conditions came true: the flow jumps to it.", None)
            run.advance({"type": "jump", "step": step_id})
            return


def _holds(run: Run, step_id: str, known: Scope) -> bool:
    try:
        return evaluate(run.program.step(step_id).definition.params["conditions"], known)[0]
    except FlowError as error:
        run.record.line(step_id, "warning", f"The goal's conditions cannot be told: {error.message}", None)
        return False
