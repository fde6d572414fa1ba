"""Workflows: list, make, read, change, remove, check, publish, start and stop."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, g, jsonify

from flowapp import tasks, workflows
from flowapp.api import schemas
from flowapp.api.bodies import expected_revision, list_of, read_model, read_object, read_query
from flowapp.api.routes import route
from flowapp.api.workflows.schemas import WorkflowChangeIn, WorkflowIn
from flowapp.catalog import N_
from flowapp.errors import InvalidError
from flowapp.extensions import db
from flowapp.models import Workflow
from flowapp.security.roles import Role
from flowapp.web.access import access
from flowapp.workflows.extras import read_status

bp = Blueprint("workflows_api", __name__)
TAG = N_("Workflows")
ONE = "/workflows/<workflow_id>/"


def _answer(workflow: Workflow, status: int = 200) -> Response:
    response = jsonify(workflows.workflow_json(db.session(), workflow))
    response.status_code = status
    response.set_etag(str(workflow.revision))
    return response


@route(
    bp, "/workflows/", "GET", tag=TAG, summary=N_("List workflows"),
    query=schemas.WorkflowQuery, answer=schemas.WorkflowsOut,
)  # fmt: skip
@access(Role.VIEWER)
def list_workflows() -> Response:
    """A page of the organization's workflows."""
    query = read_query(schemas.WorkflowQuery)
    session = db.session()
    page = workflows.find(
        session,
        search=query.search,
        status=query.status,
        trigger_type=query.trigger_type,
        is_template=query.is_template,
        is_deleted=bool(query.is_deleted),
        project_id=str(query.project or ""),
        sort=query.sort,
        at=query.at,
    )
    return jsonify(list_of(page, workflows.listed(session, page.rows)))


@route(
    bp, "/workflows/", "POST", tag=TAG, summary=N_("Create a workflow, in any of the dialects"),
    body=WorkflowIn, answer=schemas.WorkflowOut, status=201,
)  # fmt: skip
@access(Role.EDITOR)
def create_workflow() -> Response:
    """A new draft; `"status": "active"` publishes and starts it at once."""
    session = db.session()
    workflow = workflows.create(session, read_object(), actor_id=g.actor.user.id)
    session.commit()
    response = _answer(workflow, 201)
    response.headers["Location"] = f"/api/v1/automation/workflows/{workflow.id}/"
    return response


@route(bp, ONE, "GET", tag=TAG, summary=N_("Get a workflow"), answer=schemas.WorkflowOut)
@access(Role.VIEWER)
def get_workflow(workflow_id: str) -> Response:
    """The draft, with the counts of its executions. Its ETag is what If-Match takes."""
    return _answer(workflows.get(db.session(), workflow_id))


@route(
    bp, ONE, "PUT", "PATCH", tag=TAG, summary=N_("Update a workflow"),
    body=WorkflowChangeIn, answer=schemas.WorkflowOut,
)  # fmt: skip
@access(Role.EDITOR)
def update_workflow(workflow_id: str) -> Response:
    """Changes what the body names and leaves the rest. An active workflow goes on with its published version."""
    session = db.session()
    workflow = workflows.get(session, workflow_id)
    expected = expected_revision(workflow)
    workflows.update(session, workflow, read_object(), actor_id=g.actor.user.id, expected_revision=expected)
    session.commit()
    return _answer(workflow)


@route(bp, ONE, "DELETE", tag=TAG, summary=N_("Delete a workflow and its history"), status=204)
@access(Role.EDITOR)
def delete_workflow(workflow_id: str) -> tuple[str, int]:
    """Removes it with its versions and executions."""
    session = db.session()
    workflow = workflows.get(session, workflow_id)
    expected_revision(workflow)
    ended = workflows.delete(session, workflow, actor_id=g.actor.user.id)
    session.commit()
    tasks.announce_ends(ended)
    return "", 204


@route(
    bp, f"{ONE}activate/", "POST", tag=TAG, summary=N_("Publish the draft and start the triggers"),
    body=schemas.ActivateIn, answer=schemas.WorkflowOut,
)  # fmt: skip
@access(Role.EDITOR)
def activate_workflow(workflow_id: str) -> Response:
    """With `{"status": "inactive"}` it pauses instead."""
    wanted = read_status(read_model(schemas.ActivateIn).status)
    if wanted not in ("active", "paused"):
        raise InvalidError.at("status", "Choose active or inactive.")
    return _move(workflow_id, workflows.activate if wanted == "active" else workflows.pause)


@route(bp, f"{ONE}pause/", "POST", tag=TAG, summary=N_("Pause a workflow"), answer=schemas.WorkflowOut)
@access(Role.EDITOR)
def pause_workflow(workflow_id: str) -> Response:
    """Running executions go on."""
    return _move(workflow_id, workflows.pause)


@route(bp, f"{ONE}archive/", "POST", tag=TAG, summary=N_("Archive a workflow"), answer=schemas.WorkflowOut)
@access(Role.EDITOR)
def archive_workflow(workflow_id: str) -> Response:
    """Its history stays; activate or pause takes it back."""
    return _move(workflow_id, workflows.archive)


def _move(workflow_id: str, change: Callable[..., Workflow]) -> Response:
    session = db.session()
    workflow = change(session, workflows.get(session, workflow_id), actor_id=g.actor.user.id)
    session.commit()
    return _answer(workflow)


@route(
    bp, f"{ONE}publish/", "POST", tag=TAG, summary=N_("Publish the draft without starting the triggers"),
    body=schemas.PublishIn, answer=schemas.PublishOut,
)  # fmt: skip
@access(Role.EDITOR)
def publish_workflow(workflow_id: str) -> Response:
    """A draft that is published already gives no new version."""
    note = read_model(schemas.PublishIn).note
    session = db.session()
    workflow = workflows.get(session, workflow_id)
    version = workflows.publish(session, workflow, actor_id=g.actor.user.id, note=note)
    session.commit()
    return jsonify({"version": version.number, "workflow": workflows.workflow_json(session, workflow)})


@route(
    bp, f"{ONE}duplicate/", "POST", tag=TAG, summary=N_("Duplicate a workflow"),
    body=schemas.DuplicateIn, answer=schemas.WorkflowOut, status=201,
)  # fmt: skip
@access(Role.EDITOR)
def duplicate_workflow(workflow_id: str) -> Response:
    """The copy is a draft with webhook addresses of its own."""
    name = read_model(schemas.DuplicateIn).name
    session = db.session()
    source = workflows.get(session, workflow_id)
    copy = workflows.duplicate(session, source, actor_id=g.actor.user.id, name=name)
    session.commit()
    return _answer(copy, 201)


@route(bp, f"{ONE}validate/", "POST", tag=TAG, summary=N_("Validate the draft"), answer=schemas.ValidationOut)
@access(Role.VIEWER)
def validate_workflow(workflow_id: str) -> Response:
    """What keeps the draft from being published, and what is doubtful."""
    session = db.session()
    errors, warnings = workflows.validate(session, workflows.get(session, workflow_id))
    return jsonify(
        {
            "valid": not errors,
            "errors": [problem.as_json() for problem in errors],
            "warnings": [problem.as_json() for problem in warnings],
        }
    )
