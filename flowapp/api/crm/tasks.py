"""Tasks: list, read, make, change, delete, restore."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from flowapp.api.bodies import list_of, read_model, read_query
from flowapp.api.crm import work_schemas as schemas
from flowapp.api.crm.records import cause, me, page_of
from flowapp.api.routes import route
from flowapp.catalog import N_
from flowapp.crm import tasks
from flowapp.extensions import db
from flowapp.models import Task, read_id
from flowapp.security.roles import Role
from flowapp.web.access import access

bp = Blueprint("tasks_api", __name__)
TAG = N_("Tasks")
ONE = "/tasks/<task_id>/"


@route(
    bp, "/tasks/", "GET", tag=TAG, summary=N_("List tasks"),
    query=schemas.TaskQuery, answer=schemas.TasksOut,
)  # fmt: skip
@access(Role.VIEWER)
def list_tasks() -> Response:
    """The newest first, or as `sort` says."""
    query = read_query(schemas.TaskQuery)
    about = {"contact_id": query.contact, "company_id": query.company, "deal_id": query.deal}
    narrowed = [getattr(Task, name) == read_id(wanted) for name, wanted in about.items() if wanted]
    if query.assignee:
        narrowed.append(Task.assignee_id == read_id(me(query.assignee)))
    if query.done is not None:
        narrowed.append(Task.done_at.is_not(None) if query.done else Task.done_at.is_(None))
    page = page_of(Task, query, *narrowed)
    return jsonify(list_of(page, [tasks.task_json(row) for row in page.rows]))


@route(bp, ONE, "GET", tag=TAG, summary=N_("Get a task"), answer=schemas.TaskOut)
@access(Role.VIEWER)
def get_task(task_id: str) -> Response:
    """By its id."""
    return jsonify(tasks.task_json(tasks.get(db.session(), task_id)))


@route(
    bp, "/tasks/", "POST", tag=TAG, summary=N_("Create a task"),
    body=schemas.TaskIn, answer=schemas.TaskOut, status=201,
)  # fmt: skip
@access(Role.OPERATOR)
def create_task() -> tuple[Response, int]:
    """Tells workflows of it (task.created)."""
    data = read_model(schemas.TaskIn).model_dump(mode="json", exclude_unset=True)
    return _answer(tasks.create(db.session(), data, cause=cause())), 201


@route(
    bp, ONE, "PATCH", "PUT", tag=TAG, summary=N_("Update a task"),
    body=schemas.TaskChangeIn, answer=schemas.TaskOut,
)  # fmt: skip
@access(Role.OPERATOR)
def update_task(task_id: str) -> Response:
    """What is named is changed. Tells workflows of it."""
    row = tasks.get(db.session(), task_id)
    data = read_model(schemas.TaskChangeIn).model_dump(mode="json", exclude_unset=True)
    return _answer(tasks.update(db.session(), row, data, cause=cause()))


@route(bp, ONE, "DELETE", tag=TAG, summary=N_("Delete a task"), status=204)
@access(Role.OPERATOR)
def delete_task(task_id: str) -> tuple[str, int]:
    """Into the trash, from where it can be restored."""
    tasks.delete(db.session(), tasks.get(db.session(), task_id), cause=cause())
    db.session().commit()
    return "", 204


@route(bp, f"{ONE}restore/", "POST", tag=TAG, summary=N_("Restore a task"), answer=schemas.TaskOut)
@access(Role.OPERATOR)
def restore_task(task_id: str) -> Response:
    """Out of the trash."""
    row = tasks.get(db.session(), task_id, trashed=True)
    return _answer(tasks.restore(db.session(), row, cause=cause()))


@route(bp, f"{ONE}complete/", "POST", tag=TAG, summary=N_("Complete a task"), answer=schemas.TaskOut)
@access(Role.OPERATOR)
def complete_task(task_id: str) -> Response:
    """It is done. Tells workflows of it (task.completed), once."""
    return _answer(tasks.complete(db.session(), tasks.get(db.session(), task_id), cause=cause()))


def _answer(row: Task) -> Response:
    db.session().flush()
    answer = jsonify(tasks.task_json(row))
    db.session().commit()
    return answer
