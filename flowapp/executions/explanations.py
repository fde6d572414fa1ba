"""Why an execution did what it did: what a step looked at, what it waits for, why the whole of it waits or was skipped.

Texts are made by `say`: a page puts them into the reader's language. Rules are those of a condition's explanation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flowapp.catalog import ACTIONS, PastVisit, Reason
from flowapp.engine.machine.types import Token
from flowapp.engine.store.admission import gate_now
from flowapp.executions.timeline import StepVisit, explained
from flowapp.models import OPEN, Execution, StepRun, utcnow
from flowapp.texts import say

MOST_HOLDERS = 3


@dataclass(frozen=True, slots=True)
class Story:
    """What the reasons of a visit are read from: `names` of steps by id."""

    execution: Execution
    names: Mapping[str, str]

    @property
    def state(self) -> dict[str, Any]:
        return self.execution.state or {}

    def name(self, step_id: str) -> str:
        return self.names.get(step_id, step_id)

    def token(self, run: StepRun) -> Token | None:
        """The token that is still at this visit."""
        token: Token | None = self.state.get("tokens", {}).get(run.token)
        if token and (token["step"], token["iteration"]) == (run.step_id, run.iteration):
            return token.copy()
        return None


def of_visit(story: Story, visit: StepVisit) -> list[Reason]:
    """Why the visit ended as it did, or what it waits for."""
    token = story.token(visit.run) if story.execution.status in ("running", "waiting", "pending") else None
    spec = ACTIONS.get(visit.run.action_type)
    reasons = spec.explain(_past(story, visit.run, token)) if spec and spec.explain else []
    if not reasons and visit.run.explanation:
        reasons = [Reason(rules=visit.run.explanation)]
    shown = [replace(reason, rules=explained(reason.rules)) for reason in reasons]
    return shown + (_suspended(token) if token and token["status"] == "parked" else [])


def _past(story: Story, run: StepRun, token: Token | None) -> PastVisit:
    """The visit as its step type may explain it."""
    execution = story.execution
    loop = story.state.get("loops", {}).get(token.get("loop", "")) if token else None
    kept = token.get("result") if token else None
    arrived, under_way = _branches(story, run, token) if token and token["status"] == "joined" else ([], [])
    return PastVisit(
        run.step_id,
        execution.id,
        execution.contact_id or "",
        execution.trigger_entity_id,
        input=run.input if isinstance(run.input, dict) else {},
        output=run.output if isinstance(run.output, dict) else {},
        rules=run.explanation or [],
        kept=kept if isinstance(kept, dict) else {},
        arrived=[story.name(step_id) for step_id in arrived],
        under_way=[story.name(step_id) for step_id in under_way],
        loop=loop,
        name=story.name,
    )


def _branches(story: Story, run: StepRun, token: Token) -> tuple[list[str], list[str]]:
    """The steps from which branches have come to this merge, and those that others of its frame are at."""
    tokens = story.state["tokens"].values()
    here = [t for t in tokens if t["status"] == "joined" and t["step"] == run.step_id]
    away = [t for t in tokens if t not in here and t.get("frame", "") == token.get("frame", "")]
    return [t.get("from", "") for t in here], [t["step"] for t in away]


def items_of(frame: str) -> str:
    """Which items of which loops a visit belongs to, counted from 1: “2”, “2.5” for the fifth of an inner loop."""
    return ".".join(str(int(part.partition(":")[2]) + 1) for part in frame.split("/")) if frame else ""


def _suspended(token: Token) -> list[Reason]:
    accepts = token.get("accepts", ())
    if "approval" in accepts:
        return [Reason(say("Waiting for a person to approve or reject."))]
    if "resume" in accepts:
        return [Reason(say("Waiting for a call to its URL."))]
    if "child" in accepts:
        return [Reason(say("Waiting for the other workflow to end."))]
    events = ", ".join(token.get("events") or ())
    if not events:
        return []
    if token.get("same_entity"):
        return [
            Reason(say("Waiting for one of these events about the same contact or record: %(events)s.", events=events))
        ]
    return [Reason(say("Waiting for one of these events: %(events)s.", events=events))]


def of_execution(session: Session, execution: Execution) -> list[Reason]:
    """Why it has not begun, or never ran. Empty where there is nothing to explain."""
    if execution.status == "pending" and execution.held:
        return _held(session, execution)
    if execution.status == "pending" and execution.start_after and execution.start_after > utcnow():
        return [Reason(say("Waiting in case another start with the same key replaces it (debounce)."))]
    if execution.status != "skipped":
        return []
    why = (execution.context or {}).get("skipped_because")
    if isinstance(why, list):
        return [Reason(say("The conditions of its trigger were not met, so no step ran."), explained(why))]
    known = execution.error if execution.error_message == (why or execution.error_message) else str(why)
    return [Reason(known or say("No step ran."))]


def _held(session: Session, execution: Execution) -> list[Reason]:
    """The limit that holds it back, and the oldest of those that have the places."""
    gate = gate_now(session, execution.workflow_id, execution.version_id)
    before = (
        select(Execution)
        .where(Execution.concurrency_key == execution.concurrency_key, Execution.workflow_id == execution.workflow_id)
        .where(Execution.status.in_(OPEN), Execution.held.is_(False))
    )
    count = session.scalar(before.with_only_columns(func.count(Execution.id), maintain_column_froms=True)) or 0
    values = {"limit": (gate and gate.concurrency) or 0, "count": count}
    text = say(
        "Waiting for a free slot. Executions of this workflow: at most %(limit)s at once; %(count)s running now.",
        **values,
    )
    if execution.concurrency_key:
        text = say(
            "Waiting for a free slot. Executions of this workflow with the key “%(key)s”: at most "
            "%(limit)s at once; %(count)s running now.",
            key=execution.concurrency_key,
            **values,
        )
    holders = session.scalars(before.order_by(Execution.id).limit(MOST_HOLDERS))
    return [Reason(text), *(Reason(say("Running: %(id)s", id=one.id), execution_id=one.id) for one in holders)]
