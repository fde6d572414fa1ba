"""Executions, the attempts of their steps and the lines of their logs as JSON (DESIGN §8).

The API, live messages and files print them alike; what looks like a secret is masked, and messages are English that
`texts.localized_values` puts into another language. Lists show `listed` executions:
nothing that grows with what the execution did.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flowapp.exact_json import Json
from flowapp.executions import history, log, replays
from flowapp.executions.dead_letters import FailureGroup, Undecided
from flowapp.executions.questions import Asked
from flowapp.executions.side_effects import Effect
from flowapp.executions.timeline import shown_payloads
from flowapp.logs import mask
from flowapp.models import TERMINAL, TEST, Execution, Replay, StepRun, Version, iso

LOG_LINES = 200  # of an execution; the rest is at its logs
_PLAIN = (
    "id", "status", "trigger_type", "trigger_entity_type", "trigger_entity_id", "current_step_id", "goal_reached",
    "success_count", "failure_count", "seq",
)  # fmt: skip
_STEP = (
    "seq", "step_id", "step_name", "action_type", "status", "source", "frame", "attempt", "iteration", "branch",
)  # fmt: skip


def listed(session: Session, executions: Sequence[Execution]) -> list[Json]:
    """Executions as lists print them, in three queries for all of them."""
    version_ids = {execution.version_id for execution in executions}
    rows = session.execute(select(Version.id, Version.number).where(Version.id.in_(version_ids)))
    numbers: dict[str, int | None] = {row.id: row.number for row in rows}
    changed = _changed(session, [e for e in executions if e.status not in TERMINAL])
    return [_listed(e, numbers.get(e.version_id), changed.get(e.id)) for e in executions]


def execution_json(session: Session, execution: Execution, *, steps: bool = True) -> Json:
    """One execution with its data, its path, the last lines of its log and every attempt of its `steps`."""
    runs = history.runs(session, execution)
    attempts = {"steps": [step_json(run) for run in runs]} if steps else {}
    return {**_whole(session, execution, runs), **attempts}


def _whole(session: Session, execution: Execution, runs: Sequence[StepRun]) -> Json:
    definition = session.get_one(Version, execution.version_id).definition
    results = {run.step_id: run.output for run in runs if run.status == "completed"}
    context = mask({**execution.context, "variables": definition.get("variables") or {}, "state": results})
    ended = [run for run in runs if run.status in ("completed", "failed", "uncertain")]
    return {
        **listed(session, [execution])[0],
        **data(execution),
        "context": context,
        "context_data": context,
        "completed_steps": list(dict.fromkeys(run.step_id for run in runs if run.status == "completed")),
        "execution_path": [run.step_id for run in runs if run.attempt == 1],
        "actions_executed": [{n: getattr(run, n) for n in ("step_id", "action_type", "status")} for run in ended],
        "execution_logs": log.newest(session, execution, LOG_LINES),
    }


def data(execution: Execution) -> Json:
    """What an execution was given and gave."""
    return {name: mask(getattr(execution, name)) for name in ("input_data", "output_data")}


def _listed(execution: Execution, version: int | None, changed_at: datetime | None) -> Json:
    duration = seconds(execution.started_at, execution.completed_at)
    return {
        **{name: getattr(execution, name) for name in _PLAIN},
        "error_message": execution.error,
        "workflow": execution.workflow_id,
        "version": version,
        "contact": execution.contact_id,
        "current_node": execution.current_step_id,
        "idempotency_key": idempotency_key(execution),
        "retry_of": execution.retry_of_id,
        "replay": execution.replay_id,
        "is_test": execution.trigger_type == TEST,
        "created_at": iso(execution.created_at),
        "updated_at": iso(execution.completed_at or changed_at or execution.started_at or execution.created_at),
        "started_at": iso(execution.started_at),
        "completed_at": iso(execution.completed_at),
        "duration": duration,
        "duration_seconds": duration,
    }


def _changed(session: Session, executions: Sequence[Execution]) -> dict[str, datetime]:
    """When each last began or ended an attempt: read, for a time of its own would be written with every step."""
    if not executions:
        return {}
    last = func.max(func.coalesce(StepRun.ended_at, StepRun.started_at))
    mine = StepRun.execution_id.in_([execution.id for execution in executions])
    rows = session.execute(select(StepRun.execution_id, last).where(mine).group_by(StepRun.execution_id))
    return {execution_id: moment for execution_id, moment in rows}  # noqa: C416 - to mypy a row is no pair


def idempotency_key(execution: Execution) -> str:
    """Sha256 (hex) of the workflow, the trigger and the key that it was started with, else of its own id."""
    key = execution.idempotency_key
    parts = (execution.workflow_id, execution.trigger_id or "", key) if key else (execution.id,)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def step_json(run: StepRun) -> Json:
    """One attempt of one visit of a step."""
    return {
        **{name: getattr(run, name) for name in _STEP},
        "error_message": run.error,
        **shown_payloads(run),
        "started_at": iso(run.started_at),
        "ended_at": iso(run.ended_at),
        "duration": seconds(run.started_at, run.ended_at),
    }


def replay_json(session: Session, replay: Replay) -> Json:
    """A replay, and how many of its executions are in each status."""
    names = ("id", "status", "filters", "version", "total", "done", "refused", "created_by")
    return {
        **{name: getattr(replay, name) for name in names},
        "from": replay.from_step,
        "executions": replays.progress(session, replay),
        "created_at": iso(replay.created_at),
        "completed_at": iso(replay.completed_at),
    }


def approval_json(asked: Asked) -> Json:
    """A decision that an execution waits for."""
    return {
        "execution_id": asked.execution.id,
        "workflow": asked.execution.workflow_id,
        "workflow_name": asked.workflow_name,
        "step_id": asked.run.step_id,
        "title": asked.title,
        "message": asked.question.message,
        "role": asked.question.role,
        "members": list(asked.question.members),
        "asked_at": iso(asked.run.started_at),
        "until": iso(asked.until),
    }


def failure_json(group: FailureGroup) -> Json:
    """Failures for one reason."""
    names = ("workflow_name", "fingerprint", "count", "step_id", "step_name")
    return {
        **{name: getattr(group, name) for name in names},
        "workflow": group.workflow_id,
        "first_at": iso(group.first_at),
        "last_at": iso(group.last_at),
        "execution": group.execution_id,
        "error_message": group.message,
    }


def undecided_json(undecided: Undecided) -> Json:
    """An attempt of which nobody knows whether it took effect."""
    names = ("seq", "step_id", "step_name", "action_type", "error_message")
    return {
        **{name: getattr(undecided.run, name) for name in names},
        "execution": undecided.run.execution_id,
        "workflow_name": undecided.workflow_name,
        "started_at": iso(undecided.run.started_at),
    }


def effect_json(effect: Effect) -> Json:
    """What a replay would do again."""
    return {name: getattr(effect, name) for name in ("action_type", "label", "target", "count")}


def seconds(begin: datetime | None, end: datetime | None) -> float | None:
    """From `begin` to `end`, None where one is missing."""
    return round((end - begin).total_seconds(), 6) if begin and end else None
