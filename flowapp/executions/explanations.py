"""Why an execution did what it did: what a step looked at, what it waits for, why the whole of it waits or was skipped.

Texts are made by `say`: a page puts them into the reader's language. Rules are those of a condition's explanation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flowapp.actions.flow.split import DEFAULT, share
from flowapp.engine.store.admission import gate_of
from flowapp.executions.timeline import StepVisit, explained
from flowapp.models import OPEN, Execution, StepRun, utcnow
from flowapp.texts import say

Json = dict[str, Any]
MOST_ERRORS = 10
MOST_HOLDERS = 3


@dataclass(frozen=True, slots=True)
class Reason:
    """One sentence; with `rules` what conditions saw, `result` whether they held, `at` a time that goes with it."""

    text: str = ""
    rules: list[Json] = field(default_factory=list)
    result: bool | None = None
    execution_id: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """What the reasons of a visit are read from: `names` of steps by id."""

    execution: Execution
    names: Mapping[str, str]

    @property
    def state(self) -> Json:
        return self.execution.state or {}

    def name(self, step_id: str) -> str:
        return self.names.get(step_id, step_id)

    def token(self, run: StepRun) -> Json | None:
        """The token that is still at this visit."""
        token = self.state.get("tokens", {}).get(run.token)
        if token and (token["step"], token["iteration"]) == (run.step_id, run.iteration):
            return dict(token)
        return None


def of_visit(story: Story, visit: StepVisit) -> list[Reason]:
    """Why the visit ended as it did, or what it waits for."""
    token = story.token(visit.run) if story.execution.status in ("running", "waiting", "pending") else None
    tell = _BY_TYPE.get(visit.run.action_type)
    reasons = tell(story, visit.run, token) if tell else []
    if not reasons and visit.run.explanation:
        reasons = [Reason(rules=explained(visit.run.explanation))]
    return reasons + (_parked(token) if token and token["status"] == "parked" else [])


def items_of(frame: str) -> str:
    """Which items of which loops a visit belongs to, counted from 1: “2”, “2.5” for the fifth of an inner loop."""
    return ".".join(str(int(part.partition(":")[2]) + 1) for part in frame.split("/")) if frame else ""


def _switch(_story: Story, run: StepRun, _token: Json | None) -> list[Reason]:
    output = run.output if isinstance(run.output, dict) else {}
    cases = output.get("explanation") if isinstance(output.get("explanation"), list) else []
    reasons = [
        Reason(say("Case “%(name)s”", name=str(case["case"])), explained(case["rules"]), bool(case["fits"]))
        for case in cases or ()
    ]
    if output.get("case") == "default":
        reasons.append(Reason(say("No case matches, so it takes “Otherwise”.")))
    return reasons


def _split(story: Story, run: StepRun, _token: Json | None) -> list[Reason]:
    output = run.output if isinstance(run.output, dict) else {}
    given = run.input.get("variants") if isinstance(run.input, dict) else None
    variants = given or [{"name": variant.name, "weight": variant.weight} for variant in DEFAULT]
    total = sum(float(variant.get("weight", 1)) for variant in variants)
    if not output.get("variant") or not total:
        return []
    execution = story.execution
    subject = execution.contact_id or execution.trigger_entity_id or execution.id
    position, below, low, high = share(subject, run.step_id) * 100, 0.0, 0.0, 0.0
    for variant in variants:
        part = float(variant.get("weight", 1)) / total * 100
        if variant["name"] == output["variant"]:
            low, high = below, below + part
        below += part
    who = say("its contact") if execution.contact_id else say("its subject")
    if subject == execution.id:
        who = say("this execution")
    values = {
        "who": who,
        "position": f"{position:.2f}",
        "name": output["variant"],
        "low": f"{low:g}",
        "high": f"{high:g}",
    }
    return [
        Reason(
            say(
                "The hash of %(who)s and this step is at %(position)s of 100; “%(name)s” covers %(low)s to %(high)s.",
                **values,
            )
        )
    ]


def _merge(story: Story, run: StepRun, token: Json | None) -> list[Reason]:
    if token and token["status"] == "joined":
        tokens = story.state["tokens"].values()
        here = [t for t in tokens if t["status"] == "joined" and t["step"] == run.step_id]
        away = [t for t in tokens if t not in here and t.get("frame", "") == token.get("frame", "")]
        reasons = [
            Reason(say("Arrived so far, from: %(steps)s.", steps=_steps(story, [t.get("from", "") for t in here])))
        ]
        if away:
            reasons.append(
                Reason(say("Still running, at: %(steps)s.", steps=_steps(story, [t["step"] for t in away])))
            )  # fmt: skip
        return reasons
    output = run.output if isinstance(run.output, dict) else {}
    if not output.get("inputs"):
        return []
    return [Reason(say("It continued with what arrived from: %(steps)s.", steps=_steps(story, list(output["inputs"]))))]


def _steps(story: Story, ids: list[str]) -> str:
    return ", ".join(dict.fromkeys(story.name(step_id) or "…" for step_id in ids))


def _loop(story: Story, run: StepRun, token: Json | None) -> list[Reason]:
    loop = story.state.get("loops", {}).get(token.get("loop", "")) if token else None
    if loop:
        values = {"done": loop["ok"] + loop["failed"], "total": loop["total"], "failed": loop["failed"]}
        return [
            Reason(say("Items completed: %(done)s of %(total)s; failed: %(failed)s.", **values)),
            *_errors(loop["errors"]),
        ]
    output = run.output if isinstance(run.output, dict) else {}
    if "count" not in output:
        return []
    values = {"done": output["count"], "failed": output.get("failed", 0)}
    return [Reason(say("Items: %(done)s; failed: %(failed)s.", **values)), *_errors(output.get("errors"))]


def _errors(errors: Any) -> list[Reason]:
    return [
        Reason(say("Item %(number)s: %(error)s", number=error["index"] + 1, error=error["error"]))
        for error in (errors or ())[:MOST_ERRORS]
    ]


def _wait_condition(_story: Story, run: StepRun, token: Json | None) -> list[Reason]:
    output = run.output if isinstance(run.output, dict) else {}
    kept = (token or {}).get("result") or {}
    rules = explained(run.explanation or output.get("explanation") or kept.get("explanation"))
    event = output.get("event")
    reasons = [Reason(rules=rules)] if rules else []
    if isinstance(event, dict) and event.get("type"):
        reasons.append(Reason(say("Checked when this event arrived: %(event)s.", event=str(event["type"]))))
    return reasons


def _decided(_story: Story, run: StepRun, _token: Json | None) -> list[Reason]:
    made = run.output if isinstance(run.output, dict) else {}
    if made.get("kind") != "approval" or made.get("decision") not in ("approved", "rejected"):
        return []
    who = str(made.get("by") or "")
    if made["decision"] == "approved":
        told = say("%(who)s approved this.", who=who)
    else:
        told = say("%(who)s rejected this.", who=who)
    by_link = say("Decided by the link in the e-mail, without signing in.")
    return [Reason(told), *([Reason(by_link)] if made.get("by_link") else [])]


def _child(_story: Story, run: StepRun, token: Json | None) -> list[Reason]:
    told = run.output if isinstance(run.output, dict) else (token or {}).get("result") or {}
    execution_id = str(told.get("execution_id") or "")
    return [Reason(say("The execution of the other workflow"), execution_id=execution_id)] if execution_id else []


def _parked(token: Json) -> list[Reason]:
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


_BY_TYPE: dict[str, Callable[[Story, StepRun, Json | None], list[Reason]]] = {
    "switch": _switch,
    "split": _split,
    "merge": _merge,
    "loop": _loop,
    "wait_condition": _wait_condition,
    "wait_event": _decided,
    "wait": _decided,
    "run_workflow": _child,
}


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
    return [Reason(str(why or execution.error_message or say("No step ran.")))]


def _held(session: Session, execution: Execution) -> list[Reason]:
    """The limit that holds it back, and the oldest of those that have the places."""
    gate = gate_of(session, execution.version_id)
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
