"""What to do about executions that went wrong: run one again, see why they failed, settle what nobody knows."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from flask import Blueprint, Response, g, jsonify
from sqlalchemy.orm import Session

from flowapp import events, tasks
from flowapp.api import schemas
from flowapp.api.bodies import id_of_workflow, list_of, read_model, read_query
from flowapp.api.executions import retry_schemas
from flowapp.api.routes import route
from flowapp.catalog import N_
from flowapp.engine.store import control
from flowapp.engine.store.rerun import can_go_on, repeat
from flowapp.errors import NotFoundError
from flowapp.executions import dead_letters, history, serialisers
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
        trigger_type="api_call" if g.actor.token_id else "manual",
    )
    _audit(session, "execution.run_again", new, {"of": old.id})
    answer = serialisers.execution_json(session, new, steps=False)
    tasks.commit_and_start(session, new)
    return jsonify(answer), 202


@route(
    bp, "/executions/failures/", "GET", tag=TAG, summary=N_("Group failed executions by reason"),
    query=retry_schemas.FailureQuery, answer=retry_schemas.FailuresOut,
)  # fmt: skip
@access(Role.VIEWER)
def list_failures() -> Response:
    """Of the last days: the same step of the same workflow, the same error."""
    query = read_query(retry_schemas.FailureQuery)
    workflow_id = id_of_workflow(query.workflow)
    since = utcnow() - timedelta(days=query.days)
    groups, page = dead_letters.groups(db.session(), query.at, since=since, workflow_id=workflow_id)
    return jsonify(list_of(page, [serialisers.failure_json(group) for group in groups]))


@route(
    bp, "/executions/uncertain/", "GET", tag=TAG, summary=N_("List uncertain steps"),
    query=schemas.PageQuery, answer=retry_schemas.UndecidedListOut,
)  # fmt: skip
@access(Role.VIEWER)
def list_uncertain() -> Response:
    """Attempts of which nobody knows whether they took effect: their worker died, or the answer was lost."""
    found, page = dead_letters.undecided(db.session(), read_query(schemas.PageQuery).at)
    return jsonify(list_of(page, [serialisers.undecided_json(one) for one in found]))


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
    answer = serialisers.step_json(run)
    tasks.commit_and_wake(session, execution)
    return jsonify(answer)


def _audit(session: Session, action: str, execution: Execution, details: dict[str, object]) -> None:
    target = ("execution", execution.id, "")
    events.audit(
        session, action, actor=g.actor.audit, target=target, details=details
    )  # fmt: skip
