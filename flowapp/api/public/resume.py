"""POST or GET /resume/<token>: the address that a `wait_event` step waits for ({{ resume_url }}).

A browser that follows the link gets a page with a button: programs that scan e-mails follow links too. Any other GET is a
call, as other tools send it. A call that comes before the step waits is kept for it.
"""

from __future__ import annotations

import hashlib
import re

from flask import Blueprint, Response, jsonify, request
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flowapp import tasks
from flowapp.api.bodies import query, raw_body, read_input
from flowapp.api.executions import approval_schemas as schemas
from flowapp.api.routes import route
from flowapp.catalog import N_
from flowapp.engine.language.definition import STEP_ID
from flowapp.engine.store import signals
from flowapp.errors import ConflictError, InvalidError, NotFoundError
from flowapp.extensions import db, limiter
from flowapp.models import TERMINAL, Execution, Signal, Workflow, utcnow
from flowapp.models.tenancy import system_session
from flowapp.security.links import read
from flowapp.texts import say
from flowapp.web import page, public
from flowapp.web.access import enter_organization
from flowapp.web.problems import wants_json

bp = Blueprint("resume", __name__)
MAX_KEPT = 100  # calls of one execution that no step has taken yet


@route(
    bp, "/resume/<token>/", "POST", "GET", tag=N_("Webhooks"), summary=N_("Resume a waiting execution"),
    answer=schemas.ResumeOut, status=202, root=True, others=((200, "text/html"),),
)  # fmt: skip
@limiter.limit("120/minute", key_func=lambda: hashlib.sha256(request.path.encode()).hexdigest())
@public("the token in the path, signed here, says which execution may be resumed")
def resume(token: str) -> Response | tuple[Response, int]:
    """202 once the call is stored. What it brings (JSON, urlencoded or multipart; else the query) is the step's payload.

    `?step=<step_id>` addresses one step; without it, the first one that waits for a call takes it. 409 once the
    execution has ended.
    """
    session = db.session()
    execution = _execution(session, token)
    step_id = request.args.get("step", "")
    if step_id and re.fullmatch(STEP_ID, step_id) is None:
        raise InvalidError.at("step", say("Enter the id of a step."))
    for_person = not wants_json()
    if for_person and request.method != "POST":
        return _page(session, execution, "done" if execution.status in TERMINAL else "ask")
    _keep(session, execution, step_id, _payload())
    tasks.commit_and_wake(session, execution)
    if for_person:
        return _page(session, execution, "thanks")
    return jsonify({"execution_id": execution.id, "status": execution.status}), 202


def _execution(session: Session, token: str) -> Execution:
    """The execution of a token; from here on the request is its organization's."""
    wanted = read(tasks.runtime().settings.secret_key, "resume", token)
    with system_session(db.engine) as system:
        organization_id = system.scalar(select(Execution.organization_id).where(Execution.id == wanted))
    if organization_id is None:
        raise NotFoundError(say("This execution does not exist, or no longer exists."))
    enter_organization(organization_id)
    return session.get_one(Execution, wanted)


def _payload() -> object:
    raw = raw_body()
    return (
        read_input(request, raw) if raw else {name: value for name, value in query(request).items() if name != "step"}
    )


def _keep(session: Session, execution: Execution, step_id: str, payload: object) -> None:
    """The call as a signal. ConflictError where nothing can come of it."""
    if execution.status in TERMINAL:
        raise ConflictError(say("This execution has already ended."))
    kept = select(func.count()).where(Signal.execution_id == execution.id, Signal.kind == "resume")
    if (session.scalar(kept) or 0) >= MAX_KEPT:
        raise ConflictError(
            say("Too many calls are pending for this execution. Try again once its steps have handled them.")
        )
    session.add(
        Signal(**signals.row(execution.organization_id, execution.id, "resume", payload, utcnow(), step=step_id))
    )


def _page(session: Session, execution: Execution, state: str) -> Response:
    workflow = session.get_one(Workflow, execution.workflow_id)
    return page("public/resume/show.html", workflow=workflow, state=state)
