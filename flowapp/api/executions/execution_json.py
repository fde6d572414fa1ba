"""Executions as the API prints them (DESIGN §8): what looks like a secret is masked, as on pages and in files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from flowapp.executions.timeline import shown_payloads
from flowapp.logs import mask
from flowapp.models import TEST, Execution, LogLine, StepRun, Version

LOG_LINES = 200  # of each execution; the rest is at its logs


def as_json(session: Session, executions: Sequence[Execution]) -> list[dict[str, Any]]:
    """Each execution with its path and the last lines of its log, in three queries for all of them."""
    ids = [execution.id for execution in executions]
    runs, lines = _runs(session, ids), _lines(session, ids)
    version_ids = {execution.version_id for execution in executions}
    versions = session.execute(select(Version.id, Version.number).where(Version.id.in_(version_ids)))
    numbers: dict[str, int | None] = {row.id: row.number for row in versions}
    return [_one(e, numbers.get(e.version_id), runs[e.id], lines[e.id]) for e in executions]


def _one(execution: Execution, version: int | None, runs: list[Any], lines: list[Any]) -> dict[str, Any]:
    visits = [run for run in runs if run.attempt == 1]
    ended = [run for run in runs if run.status in ("completed", "failed", "uncertain")]
    duration = seconds(execution.started_at, execution.completed_at)
    return {
        "id": execution.id,
        "workflow": execution.workflow_id,
        "version": version,
        "status": execution.status,
        "trigger_type": execution.trigger_type,
        "trigger_entity_type": execution.trigger_entity_type,
        "trigger_entity_id": execution.trigger_entity_id,
        "contact": execution.contact_id,
        "input_data": mask(execution.input_data),
        "output_data": mask(execution.output_data),
        "context": mask(execution.context),
        "current_step_id": execution.current_step_id,
        "completed_steps": list(dict.fromkeys(run.step_id for run in runs if run.status == "completed")),
        "execution_path": [run.step_id for run in visits],
        "goal_reached": execution.goal_reached,
        "actions_executed": [{n: getattr(run, n) for n in ("step_id", "action_type", "status")} for run in ended],
        "execution_logs": [log_json(line) for line in lines],
        "error_message": execution.error_message,
        "idempotency_key": execution.idempotency_key,
        "retry_of": execution.retry_of_id,
        "replay": execution.replay_id,
        "is_test": execution.trigger_type == TEST,
        "success_count": execution.success_count,
        "failure_count": execution.failure_count,
        "started_at": iso(execution.started_at),
        "completed_at": iso(execution.completed_at),
        "duration": duration,
        "duration_seconds": duration,
    }


def _runs(session: Session, ids: list[str]) -> dict[str, list[object]]:
    columns = (StepRun.execution_id, StepRun.step_id, StepRun.action_type, StepRun.status, StepRun.attempt)
    by_execution: dict[str, list[object]] = defaultdict(list)
    for run in session.execute(select(*columns).where(StepRun.execution_id.in_(ids)).order_by(StepRun.seq)):
        by_execution[run.execution_id].append(run)
    return by_execution


def _lines(session: Session, ids: list[str]) -> dict[str, list[LogLine]]:
    rank = func.row_number().over(partition_by=LogLine.execution_id, order_by=LogLine.seq.desc()).label("rank")
    ranked = select(LogLine, rank).where(LogLine.execution_id.in_(ids)).subquery()
    line = aliased(LogLine, ranked)
    by_execution: dict[str, list[LogLine]] = defaultdict(list)
    for row in session.scalars(select(line).where(ranked.c.rank <= LOG_LINES).order_by(line.seq)):
        by_execution[row.execution_id].append(row)
    return by_execution


def step_json(run: StepRun) -> dict[str, object]:
    """One attempt of one visit of a step."""
    names = (
        "seq", "step_id", "step_name", "action_type", "status", "source", "frame", "attempt", "iteration", "branch",
        "error_message",
    )  # fmt: skip
    return {
        **{name: getattr(run, name) for name in names},
        **shown_payloads(run),
        "started_at": iso(run.started_at),
        "ended_at": iso(run.ended_at),
        "duration": seconds(run.started_at, run.ended_at),
    }


def log_json(line: LogLine) -> dict[str, Any]:
    """A line of a log."""
    names = ("seq", "level", "message", "step_id")
    return {
        **{name: getattr(line, name) for name in names},
        "data": mask(line.data),
        "created_at": iso(line.created_at),
    }


def iso(moment: datetime | None) -> str | None:
    """ISO 8601, UTC."""
    return moment.isoformat() if moment else None


def seconds(begin: datetime | None, end: datetime | None) -> float | None:
    """From `begin` to `end`, None where one is missing."""
    return round((end - begin).total_seconds(), 6) if begin and end else None
