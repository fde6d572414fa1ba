"""Approvals: a member decides what an execution waits for."""

from __future__ import annotations

from flask import Blueprint, Response, g, jsonify

from flowapp import tasks
from flowapp.api.bodies import list_of, read_model, read_query
from flowapp.api.executions import approval_schemas as schemas
from flowapp.api.routes import route
from flowapp.catalog import N_
from flowapp.errors import NotFoundError
from flowapp.executions import approvals, history, questions, serialisers
from flowapp.executions.approvals import Decision
from flowapp.extensions import db
from flowapp.models import read_id
from flowapp.security.roles import Role
from flowapp.texts import say
from flowapp.web.access import access

bp = Blueprint("approvals_api", __name__)
TAG = N_("Approvals")


@route(
    bp, "/approvals/", "GET", tag=TAG, summary=N_("List open approvals"),
    query=schemas.ApprovalsQuery, answer=schemas.ApprovalsOut,
)  # fmt: skip
@access(Role.VIEWER)
def list_approvals() -> Response:
    """Those that are addressed to the caller, or all, newest first."""
    query, session = read_query(schemas.ApprovalsQuery), db.session()
    if query.scope == "all":
        asked, found = questions.all_open(session, query.at)
    else:
        asked, found = questions.open_for(session, g.actor.user, g.actor.role, query.at)
    return jsonify(list_of(found, [serialisers.approval_json(one) for one in asked]))


@route(
    bp, "/executions/<execution_id>/approve/", "POST", tag=TAG, summary=N_("Approve a waiting execution"),
    body=schemas.DecideIn, answer=schemas.DecidedOut,
)  # fmt: skip
@access(Role.VIEWER)
def approve_execution(execution_id: str) -> Response:
    """403 for whoever the step does not ask, 409 where nothing waits for it or somebody was faster."""
    return _decide(execution_id, "approved")


@route(
    bp, "/executions/<execution_id>/reject/", "POST", tag=TAG, summary=N_("Reject a waiting execution"),
    body=schemas.DecideIn, answer=schemas.DecidedOut,
)  # fmt: skip
@access(Role.VIEWER)
def reject_execution(execution_id: str) -> Response:
    """403 for whoever the step does not ask, 409 where nothing waits for it or somebody was faster."""
    return _decide(execution_id, "rejected")


def _decide(execution_id: str, how: Decision) -> Response:
    session = db.session()
    known = read_id(execution_id)
    if known is None:
        raise NotFoundError(say("There is no such execution."))
    execution = history.get(session, known)
    body = read_model(schemas.DecideIn)
    asked = approvals.the_one(session, execution, body.step_id)
    approvals.decide(session, asked, how, user=g.actor.user, role=g.actor.role, comment=body.comment.strip())
    step_id = asked.run.step_id
    tasks.commit_and_wake(session, execution)
    return jsonify({"execution_id": known, "step_id": step_id, "decision": how, "by": g.actor.user.email})
