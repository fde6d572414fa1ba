"""What to do about executions that went wrong: run one again, see why they failed, settle what nobody knows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, g, jsonify
from sqlalchemy.orm import Session

from flowapp import events, tasks
from flowapp.api import schemas
from flowapp.api.bodies import read_model, read_query
from flowapp.api.executions import retry_schemas
from flowapp.api.executions.execution_json import as_json, iso, step_json
from flowapp.api.executions.starting import commit_and_wake
from flowapp.api.routes import route
from flowapp.catalog import N_
from flowapp.engine.store import control
from flowapp.engine.store.rerun import can_go_on, repeat
from flowapp.errors import NotFoundError
from flowapp.executions import dead_letters, history
from flowapp.extensions import db
from flowapp.models import Execution, StepRun, read_id, utcnow
from flowapp.security.roles import Role
from flowapp.web.access import access

bp = Blueprint("retries_api", __name__)
TAG = N_("Executions")
ONE = "/executions/<execution_id>/"


def _find(session: Session, execution_id: str) -> Execution:
    return history.get(session, read_id(execution_id) or str(UUID(int=0)))


@route(
    bp, f"{ONE}retry/", "POST", tag=TAG, summary=N_("Run an execution again"),
    body=retry_schemas.RetryIn, answer=schemas.ExecutionOut, status=202,
)  # fmt: skip
@access(Role.OPERATOR)
def retry_execution(execution_id: str) -> tuple[Response, int]:
    """A new execution. 409 where the old one has not ended, or cannot go on from where it failed."""
    session = db.session()
    old = _find(session, execution_id)
    body = read_model(retry_schemas.RetryIn)
    new = repeat(
        session,
        old,
        from_step=body.from_step or ("failed" if can_go_on(old) else "start"),
        version=body.version,
        input_data=body.input_data,
        started_by=g.actor.user.id,
    )
    _audit(session, "execution.run_again", new, {"of": old.id})
    answer = as_json(session, [new])[0]
    commit_and_wake(session, new, created=True)
    return jsonify(answer), 202


@route(
    bp, "/executions/failures/", "GET", tag=TAG, summary=N_("Group failed executions by reason"),
    query=retry_schemas.FailureQuery, answer=retry_schemas.FailuresOut,
)  # fmt: skip
@access(Role.VIEWER)
def list_failures() -> Response:
    """Of the last days: the same step of the same workflow, the same error."""
    query = read_query(retry_schemas.FailureQuery)
    workflow_id = (read_id(query.workflow) or str(UUID(int=0))) if query.workflow else ""
    since = utcnow() - timedelta(days=query.days)
    groups = dead_letters.groups(db.session(), since=since, workflow_id=workflow_id)
    return jsonify({"count": len(groups), "results": [_group_json(group) for group in groups]})


def _group_json(group: dead_letters.FailureGroup) -> dict[str, Any]:
    return {
        "workflow": group.workflow_id,
        "workflow_name": group.workflow_name,
        "fingerprint": group.fingerprint,
        "count": group.count,
        "first_at": iso(group.first_at),
        "last_at": iso(group.last_at),
        "execution": group.execution_id,
        "error_message": group.message,
        "step_id": group.step_id,
        "step_name": group.step_name,
    }


@route(
    bp, "/executions/uncertain/", "GET", tag=TAG, summary=N_("List uncertain steps"),
    answer=retry_schemas.UndecidedListOut,
)  # fmt: skip
@access(Role.VIEWER)
def list_uncertain() -> Response:
    """Attempts of which nobody knows whether they took effect: their worker died, or the answer was lost."""
    undecided = dead_letters.undecided(db.session())
    names = ("seq", "step_id", "step_name", "action_type", "error_message")
    results = [
        {
            **{name: getattr(one.run, name) for name in names},
            "execution": one.run.execution_id,
            "workflow_name": one.workflow_name,
            "started_at": iso(one.run.started_at),
        }
        for one in undecided
    ]
    return jsonify({"count": len(undecided), "results": results})


@route(
    bp, f"{ONE}steps/<int:seq>/resolve/", "POST", tag=TAG, summary=N_("Resolve an uncertain step"),
    body=retry_schemas.DecisionIn, answer=schemas.StepRunOut,
)  # fmt: skip
@access(Role.OPERATOR)
def resolve_step(execution_id: str, seq: int) -> Response:
    """Run it again, or treat it as done with a result. 409 where nothing is uncertain there any more."""
    session = db.session()
    execution = _find(session, execution_id)
    run = session.get(StepRun, (execution.id, seq)) if seq < 2**31 else None
    if run is None:
        raise NotFoundError("There is no such step.")
    body = read_model(retry_schemas.DecisionIn)
    control.decide(session, execution, seq, body.decision, result=body.result)
    _audit(session, "execution.decided", execution, {"step_id": run.step_id, "decision": body.decision})
    answer = step_json(run)
    session.expunge(execution)
    session.commit()
    tasks.wake(execution.id, execution.organization_id)
    return jsonify(answer)


def _audit(session: Session, action: str, execution: Execution, details: dict[str, Any]) -> None:
    target = ("execution", execution.id, "")
    events.audit(
        session, action, actor=g.actor.audit, target=target, details=details
    )  # fmt: skip
