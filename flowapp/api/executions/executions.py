"""Executions: start, list, look into, cancel."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g, jsonify, request
from flask_babel import gettext as _
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from flowapp import events, tasks, workflows
from flowapp.api import schemas
from flowapp.api.bodies import NOBODY, id_of_workflow, list_of, path_with, read_model, read_query
from flowapp.api.routes import JSON, route
from flowapp.catalog import N_
from flowapp.crm import contacts
from flowapp.crm.steps import references
from flowapp.engine.language.dialects import type_name
from flowapp.engine.store.control import cancel
from flowapp.engine.store.start import start
from flowapp.errors import ConflictError, InvalidError, NotFoundError, UnknownReferenceError
from flowapp.executions import history, log, search, serialisers
from flowapp.extensions import db
from flowapp.models import EXECUTION_STATUSES, Execution, read_id
from flowapp.records.paging import paginate
from flowapp.security.roles import Role
from flowapp.texts import say
from flowapp.web.access import access

bp = Blueprint("executions_api", __name__)
TAG = N_("Executions")
ONE = "/executions/<execution_id>/"
OF_WORKFLOW = "/workflows/<workflow_id>/"
WAIT_SECONDS = 60


@route(
    bp, f"{OF_WORKFLOW}execute/", "POST", tag=TAG, summary=N_("Run a workflow"),
    body=schemas.ExecuteIn, answer=schemas.StartedOut, status=202, others=((200, JSON),),
)  # fmt: skip
@access(Role.OPERATOR)
def execute_workflow(workflow_id: str) -> tuple[Response, int]:
    """Answers 202 once the execution is stored; `"async_execution": false` waits up to a minute for its end (200).

    Where the conditions of the workflow's manual or API trigger are not met, its `status` is skipped and no step runs.
    A repeated `Idempotency-Key` (header or `idempotency_key`) answers with the first execution; with another body, 409.
    """
    body = read_model(schemas.ExecuteIn)
    session = db.session()
    workflow = workflows.get(session, workflow_id)
    version = workflows.version_to_run(session, workflow, actor_id=g.actor.user.id)
    contact_id = _contact_id(session, body)
    kind: workflows.Kind = "api_call" if g.actor.token_id else "manual"
    execution, created = start(
        session,
        workflow,
        version,
        trigger_type=kind,
        trigger=workflows.trigger_meant(workflow, version, kind),
        input_data=body.input_data,
        context={**body.context, "user_id": g.actor.user.id},
        idempotency_key=_idempotency_key(body),
        entity=_entity(session, body, contact_id),
        contact_id=contact_id,
        started_by=g.actor.user.id,
    )
    if not created:
        _refuse_another_body(execution, body)
    why = _why_skipped(execution)
    tasks.commit_and_start(session, execution, created=created)
    if why and body.async_execution:
        return _started(execution.id, why, is_async=True, status="skipped", error_message=why), 202
    ended = None
    if not body.async_execution:
        ended = tasks.runtime().bus.wait(execution.id, execution.organization_id, WAIT_SECONDS)
    if ended is None:
        return _started(execution.id, _("The workflow was started in the background."), is_async=True), 202
    outcome = {"status": ended.status, "output_data": ended.output_data, "error_message": ended.error_message}
    return _started(execution.id, _("The workflow has finished."), is_async=False, **outcome), 200


def _started(execution_id: str, message: str, *, is_async: bool, **more: object) -> Response:
    return jsonify(
        {"message": message, "task_id": execution_id, "execution_id": execution_id, "async": is_async, **more}
    )


def _why_skipped(execution: Execution) -> str:
    """Why it will not run; empty for one that will."""
    if execution.status != "skipped":
        return ""
    why = (execution.context or {}).get("skipped_because")
    return why if isinstance(why, str) else say("The conditions of its trigger were not met, so no step ran.")


def _refuse_another_body(first: Execution, body: schemas.ExecuteIn) -> None:
    """ConflictError where the key was used for something else: one of the two would be lost without a word."""
    given = body.input_data if body.input_data is not None else {}
    if first.input_data != given or {**(first.context or {}), **body.context} != (first.context or {}):
        raise ConflictError(
            say("This Idempotency-Key was already used with another body. Send a new key, or the same body again.")
        )


def _idempotency_key(body: schemas.ExecuteIn) -> str | None:
    key = request.headers.get("Idempotency-Key", "").strip() or body.idempotency_key
    if key and len(key) > 255:
        raise InvalidError.at("idempotency_key", "Write at most 255 characters.")
    return key or None


def _entity(session: Session, body: schemas.ExecuteIn, contact_id: str | None) -> tuple[str, str]:
    """What the execution is about, (type, id); a record by its id, however it was named."""
    kind, named = body.trigger_entity_type or "", _entity_id(body)
    if kind == "contact" and named and contact_id and not body.contact:
        return kind, contact_id
    return references.entity(session, kind, named, "trigger_entity_id")


def _entity_id(body: schemas.ExecuteIn) -> str:
    return _text(body.trigger_entity_id)


def _text(reference: str | int | None) -> str:
    return "" if reference is None else str(reference)


def _contact_id(session: Session, body: schemas.ExecuteIn) -> str | None:
    """The contact that the execution is about. UnknownReferenceError where it names one that is not there."""
    about = _entity_id(body) if body.trigger_entity_type == "contact" else ""
    for path, reference in (("contact", _text(body.contact)), ("trigger_entity_id", about)):
        if reference:
            try:
                return contacts.find(session, reference).id
            except NotFoundError as error:
                raise UnknownReferenceError.at(path, error.message) from None
    return None


@route(
    bp, "/executions/", "GET", tag=TAG, summary=N_("List executions"),
    query=schemas.ExecutionQuery, answer=schemas.ExecutionsOut,
)  # fmt: skip
@access(Role.VIEWER)
def list_executions() -> Response:
    """The newest first."""
    return _list(read_query(schemas.ExecutionQuery))


@route(
    bp, f"{OF_WORKFLOW}executions/", "GET", tag=TAG, summary=N_("List the executions of a workflow"),
    query=schemas.ExecutionQuery, answer=schemas.ExecutionsOut,
)  # fmt: skip
@access(Role.VIEWER)
def list_workflow_executions(workflow_id: str) -> Response:
    """The newest first."""
    workflow = workflows.get(db.session(), workflow_id)
    return _list(read_query(schemas.ExecutionQuery).model_copy(update={"workflow": workflow.id}))


def _list(query: schemas.ExecutionQuery) -> Response:
    session = db.session()
    statement = _chosen(query)
    if query.search:
        statement = statement.where(history.about(session, query.search, search.find_ids(session, query.search)))
    page = paginate(session, statement, query.at, key=Execution.id, id_column=Execution.id)
    return jsonify(list_of(page, serialisers.listed(session, page.rows)))


def _chosen(query: schemas.ExecutionQuery) -> Select[Any]:
    statement = select(Execution)
    if query.status:
        statuses = [schemas.ENDED_ALIASES.get(s, s) for s in (part.strip().lower() for part in query.status.split(","))]
        if not set(statuses) <= set(EXECUTION_STATUSES):
            raise InvalidError.at("status", f"Choose from {', '.join(EXECUTION_STATUSES)}.")
        statement = statement.where(Execution.status.in_(statuses))
    if query.workflow:
        statement = statement.where(Execution.workflow_id == id_of_workflow(query.workflow))
    if query.trigger_type:
        statement = statement.where(Execution.trigger_type == type_name("trigger", query.trigger_type))
    return statement


def _find(session: Session, execution_id: str) -> Execution:
    return history.get(session, read_id(execution_id) or NOBODY)


@route(bp, ONE, "GET", tag=TAG, summary=N_("Get an execution with its steps"), answer=schemas.ExecutionDetailsOut)
@access(Role.VIEWER)
def get_execution(execution_id: str) -> Response:
    """Each attempt of each step with what it got and gave."""
    session = db.session()
    return _details(session, _find(session, execution_id))


@route(
    bp, f"{OF_WORKFLOW}executions/<execution_id>/", "GET", tag=TAG,
    summary=N_("Get an execution of a workflow"), answer=schemas.ExecutionDetailsOut,
)  # fmt: skip
@access(Role.VIEWER)
def get_workflow_execution(workflow_id: str, execution_id: str) -> Response:
    """The same; 404 where it is another workflow's."""
    session = db.session()
    execution = _find(session, execution_id)
    if execution.workflow_id != workflows.get(session, workflow_id).id:
        raise NotFoundError("This workflow has no such execution.")
    return _details(session, execution)


def _details(session: Session, execution: Execution) -> Response:
    return jsonify(serialisers.execution_json(session, execution))


@route(
    bp, f"{ONE}logs/", "GET", tag=TAG, summary=N_("Get the log of an execution"),
    query=schemas.LogQuery, answer=schemas.LogsOut,
)  # fmt: skip
@access(Role.VIEWER)
def get_logs(execution_id: str) -> Response:
    """From the first line; `after` continues. Each attempt of a step has a line at its start and one at its end."""
    query = read_query(schemas.LogQuery)
    session = db.session()
    execution = _find(session, execution_id)
    lines, more = log.page(
        session, execution, after=query.after, limit=query.limit, level=query.level or log.LEVELS[0]
    )  # fmt: skip
    after = lines[-1]["seq"] if more else None
    links = {"next": path_with("after", after), "previous": None, "next_after": after}
    return jsonify({"count": len(lines), **links, "results": lines})


@route(bp, f"{ONE}cancel/", "POST", tag=TAG, summary=N_("Cancel an execution"), answer=schemas.ExecutionDetailsOut)
@access(Role.OPERATOR)
def cancel_execution(execution_id: str) -> Response:
    """409 where it has ended already."""
    session = db.session()
    execution = _find(session, execution_id)
    ended = cancel(session, execution)
    events.audit(
        session,
        "execution.cancelled",
        actor=g.actor.audit,
        target=("execution", execution.id, ""),
    )
    session.commit()
    tasks.announce_ends(ended)
    return _details(session, execution)


@route(bp, f"{OF_WORKFLOW}stats/", "GET", tag=TAG, summary=N_("Count a workflow's executions"), answer=schemas.StatsOut)
@access(Role.VIEWER)
def workflow_stats(workflow_id: str) -> Response:
    """By outcome, with the average duration of successful ones."""
    session = db.session()
    return jsonify(workflows.totals(session, workflows.get(session, workflow_id).id))
