"""Resuming an execution that began earlier: what its steps gave, what its dead worker left, whether a goal was reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from operator import itemgetter
from typing import cast

from flowapp.engine.language.conditions import evaluate
from flowapp.engine.language.scope import Scope
from flowapp.engine.machine import state as machine
from flowapp.engine.machine.types import SUSPENDED, Outcome, State, Token
from flowapp.engine.runtime.program import Program
from flowapp.engine.runtime.received_signals import ReceivedSignals
from flowapp.engine.runtime.visit_context import Results, VisitContext, around
from flowapp.engine.store.journal import Journal
from flowapp.engine.store.rows import PastRun
from flowapp.errors import FlowError
from flowapp.texts import join, restored, say

Visit = tuple[str, int, int]  # step, iteration, attempt
Line = tuple[str, str, str]  # step, level, message

DIED = say(
    "The worker began this step and never wrote down how it ended: it died, or could not reach the database for longer than "
    "its lease."
)
UNCERTAIN = say("Nobody knows whether the step took effect: send it again, or treat it as done.")
AGAIN = say("It runs again.")


@dataclass(slots=True)
class Resumed:
    """What a resuming worker has to know and to do: the attempts to end as (row, status, error), what the log says, and what
    the state machine is to take in."""

    results: Results
    signals: ReceivedSignals
    ended: list[tuple[PastRun, str, str]]
    lines: list[Line]
    outcomes: list[Outcome]


def resume(context: VisitContext, state: State, journal: Journal) -> Resumed:
    """Recalls results; settles attempts whose worker died; reads the signals that somebody may wait for."""
    program, row = context.program, context.row
    results, open_runs = _recall(program, state, journal.results(row["id"]))
    resumed = Resumed(results, ReceivedSignals(), [], [], [])
    reason = restored(row["error_message"], row["error_parts"]) or DIED
    for number, token in state["tokens"].items():
        if token["status"] == "running":
            _settle(resumed, program, number, token, open_runs.get(number), reason)
    if program.goals or any(token["status"] == SUSPENDED for token in state["tokens"].values()):
        resumed.signals = ReceivedSignals(journal.signals(row["id"]))
    if program.goals and not state.get("goal"):
        goal, resumed.lines = _reached_goal(program, state, context.scope(results, ""))
        resumed.outcomes += [{"type": "jump", "step": goal}] if goal else []
    return resumed


def _settle(resumed: Resumed, program: Program, number: str, token: Token, past: PastRun | None, reason: str) -> None:
    """An attempt was begun and never ended: its worker died. It runs again, or a person decides."""
    once = past is not None and program.step(token["step"]).spec.effect == "once"
    if past is not None:
        resumed.ended.append(
            (past, "uncertain" if once else "failed", join(" ", (reason, UNCERTAIN if once else AGAIN)))
        )
    resumed.outcomes.append({"type": "uncertain" if once else "interrupted", "token": number})


def _recall(program: Program, state: State, rows: Sequence[PastRun]) -> tuple[Results, dict[str, PastRun]]:
    """What the steps gave, by the rows of their attempts; and the attempts that were begun and not ended, by token."""
    results, open_runs = Results(), dict[str, PastRun]()
    loops = {loop["token"]: number for number, loop in state.get("loops", {}).items()}
    last = {_attempt(row): row["seq"] for row in rows}
    again = {(t["step"], t["iteration"], t["attempt"]) for t in state["tokens"].values() if t["status"] == "ready"}
    since = _late_since(state, rows)
    broken: dict[str, bool] = {}  # by frame: whether what ended there last failed for good
    for past in sorted(rows, key=lambda row: row["ended_seq"] or row["seq"]):
        frame, step_id, status = past["frame"], past["step_id"], past["status"]
        if status == "running":
            open_runs[past["token"]] = past
        elif status == "waiting" and past["token"] in loops:
            results.begin_loop(loops[past["token"]], cast(dict[str, list[object]], past["output"])["items"])
        elif status == "completed":
            results.keep(frame, step_id, past["output"], "completed", late=past["seq"] >= since.get(past["token"], inf))
            broken.update(dict.fromkeys(around(frame), False))
        elif status == "failed" and last[_attempt(past)] == past["seq"] and _attempt(past) not in again:
            results.keep(frame, step_id, None, "failed", past["error_message"])
            known = step_id in program.graph.steps  # it may be gone, when a newer version goes on
            ends = around(frame) if past["seq"] < since.get(past["token"], inf) else _in_late_loops(state, frame)
            broken.update(dict.fromkeys(ends, known and machine.stops(program, step_id)))
    _end_items(results, state, broken)
    return results, open_runs


def _late_since(state: State, rows: Sequence[PastRun]) -> dict[str, int]:
    """By token: the first attempt of the visit at which a merge passed over it. From there on it gives no item its result."""
    noted = {number: visit for tokens in state.get("late", {}).values() for number, visit in tokens.items()}
    of_visit = [row for row in rows if noted.get(row["token"], [])[:2] == [row["step_id"], row["iteration"]]]
    return {row["token"]: row["seq"] for row in sorted(of_visit, key=itemgetter("seq"), reverse=True)}


def _in_late_loops(state: State, frame: str) -> list[str]:
    """What the failure of a late step can end: the items inside a loop on a late branch; nothing around that."""
    late = state.get("late", {})
    return [part for part in around(frame) if any(is_inside for _, _, is_inside in late.get(part, {}).values())]


def _attempt(row: PastRun) -> Visit:
    """A failed attempt that was made again, or is to be, counts for nothing: its worker died, or a person said resend."""
    return row["step_id"], row["iteration"], row["attempt"]


def _end_items(results: Results, state: State, broken: Mapping[str, bool]) -> None:
    """Lets go of what steps gave in items that are through."""
    inside = {part for token in state["tokens"].values() for part in around(token.get("frame", ""))}
    for frame in sorted(broken.keys() - inside - {""}, key=len):
        if frame in results.results:
            results.end_item(frame, failed=broken[frame])


def _reached_goal(program: Program, state: State, scope: Scope) -> tuple[str, list[Line]]:
    """The goal whose conditions have come true while nobody stands there, if there is one; and what to say about goals."""
    lines: list[Line] = []
    here = {token["step"] for token in state["tokens"].values()}
    for step_id, conditions in program.goals.items():
        try:
            holds = evaluate(conditions, scope)[0]
        except FlowError as error:
            lines.append(
                (step_id, "warning", say("The goal's conditions cannot be told: %(error)s", error=error.message))
            )
            continue
        if holds and step_id not in here:
            return step_id, [*lines, (step_id, "info", say("The goal's conditions came true: the flow jumps to it."))]
    return "", lines
