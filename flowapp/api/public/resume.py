"""POST or GET /resume/<token>: the address that a `wait_event` step waits for ({{ resume_url }}).

Only a POST is a call: link previews and programs that scan e-mails open links by GET and HEAD, and whoever opens one so
gets a page with a button. A call that comes before the step waits is kept for it, and a link continues one wait only.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, request
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.exceptions import MethodNotAllowed

from flowapp import tasks
from flowapp.api.bodies import raw_body, read_input
from flowapp.api.executions import approval_schemas as schemas
from flowapp.api.form_bodies import query
from flowapp.api.routes import route
from flowapp.catalog import N_
from flowapp.engine.language.definition import STEP_ID
from flowapp.errors import ConflictError, InvalidError, NotFoundError
from flowapp.executions import resume_links
from flowapp.executions.resume_links import Link
from flowapp.extensions import db, limiter
from flowapp.models import Execution, Signal, Workflow
from flowapp.models.tenancy import system_session
from flowapp.texts import say
from flowapp.web import page, public, to_url
from flowapp.web.access import enter_organization
from flowapp.web.problems import wants_json

bp = Blueprint("resume", __name__)
VISIT = "_visit"  # in the address that the page's form is sent to: the visit that was waiting when it was shown
MAX_KEPT = 100  # calls of one execution that no step has taken yet


@route(
    bp, "/resume/<token>/", "POST", "GET", tag=N_("Webhooks"), summary=N_("Resume a waiting execution"),
    answer=schemas.ResumeOut, status=202, root=True, others=((200, "text/html"),),
)  # fmt: skip
@limiter.limit("120/minute", key_func=lambda: hashlib.sha256(request.path.encode()).hexdigest())
@public("the token in the path, signed here, says which execution may be resumed")
def resume(token: str) -> Response | tuple[Response, int]:
    """202 once the call is stored. What it brings (JSON, urlencoded or multipart; else the query) is the step's payload.

    `?step=<step_id>` addresses one step; without it, the next one that waits for a call takes it. 409 once the link was
    used, or the execution has ended. A GET shows a page with a button and changes nothing.
    """
    session = db.session()
    step_id = request.args.get("step", "")
    if step_id and re.fullmatch(STEP_ID, step_id) is None:
        raise InvalidError.at("step", say("Enter the id of a step."))
    link = resume_links.read_link(tasks.runtime().settings.secret_key, token, step_id)
    execution = _execution(session, link)
    if request.method != "POST":
        if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
            raise MethodNotAllowed(valid_methods=["POST"], description="Send a POST to continue the workflow.")
        return _page(session, execution, link)
    _refuse_too_many(session, execution)
    if wants_json():
        _take(session, execution, link)
        return jsonify({"execution_id": execution.id, "status": execution.status}), 202
    with suppress(ConflictError):  # the page says how it stands
        _take(session, execution, link)
    return to_url(_own_address())


def _execution(session: Session, link: Link) -> Execution:
    """The execution of a link; from here on the request is its organization's."""
    with system_session(db.engine) as system:
        organization_id = system.scalar(select(Execution.organization_id).where(Execution.id == link.execution_id))
    if organization_id is None:
        raise NotFoundError(say("This execution does not exist, or no longer exists."))
    enter_organization(organization_id)
    return session.get_one(Execution, link.execution_id)


def _take(session: Session, execution: Execution, link: Link) -> None:
    payload = _payload()
    visit = request.args.get(VISIT, "")
    resume_links.take(session, execution, link, payload, int(visit) if visit.isascii() and visit.isdecimal() else None)
    tasks.commit_and_wake(session, execution)


def _payload() -> object:
    raw = raw_body()
    if raw:
        return read_input(request, raw)
    return {name: value for name, value in query(request).items() if name not in ("step", VISIT)}


def _refuse_too_many(session: Session, execution: Execution) -> None:
    """ConflictError where calls pile up that no step takes."""
    kept = select(func.count()).where(Signal.execution_id == execution.id, Signal.kind == "resume")
    if (session.scalar(kept) or 0) >= MAX_KEPT:
        raise ConflictError(
            say("Too many calls are pending for this execution. Try again once its steps have handled them.")
        )


def _page(session: Session, execution: Execution, link: Link) -> Response:
    """What the link is about, with a button while something can come of it."""
    wait = resume_links.wait_of(session, execution, link)
    workflow = session.get_one(Workflow, execution.workflow_id)
    address = _own_address(**{VISIT: wait.number})
    return page("public/resume/show.html", workflow=workflow, state=wait.status, address=address)


def _own_address(**more: object) -> str:
    """This address with its query, as whoever made the link wrote it."""
    pairs = [(name, value) for name, value in request.args.items(multi=True) if name != VISIT]
    asked = urlencode([*pairs, *more.items()])
    return f"{request.path}?{asked}" if asked else request.path
