"""Tasks: what is to be done, today and later; a new one, and the page of one."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, flash, g, make_response, request
from flask_babel import gettext as _

from flowapp.catalog import N_
from flowapp.crm import tasks, todo
from flowapp.errors import InvalidError
from flowapp.events import audit
from flowapp.extensions import db
from flowapp.models import Company, Contact, Deal, Task, read_id
from flowapp.records.paging import PageAt, read_page
from flowapp.security.roles import Role
from flowapp.web import Nav, access, go, page, to_url, wants_fragment
from flowapp.web.crm.boxes import member_choices, reference
from flowapp.web.crm.composer import TaskForm
from flowapp.web.crm.lists import MINE
from flowapp.web.crm.nouns import Data
from flowapp.web.crm.page import cause
from flowapp.web.crm.values import Shown, to_record
from flowapp.web.edits import Edit, labels
from flowapp.web.locale import today, zone_text

bp = Blueprint("tasks", __name__, url_prefix="/tasks")
NAV = Nav(15, N_("Tasks"), "checklist", "tasks.index", "/tasks")
SIZE = 50
_ABOUT = {"contact_id": ("contact", Contact), "company_id": ("company", Company), "deal_id": ("deal", Deal)}


@bp.get("")
@access(Role.VIEWER)
def index() -> Response:
    """Those of the reader, unless others are asked for."""
    session, day = db.session(), today()
    which = request.args.get("list") if request.args.get("list") in todo.LISTS else "open"
    assignee = request.args.get("assignee", MINE)
    assignee_id = g.actor.user.id if assignee == MINE else read_id(assignee) or ""
    at = PageAt(SIZE, number=read_page(request.args.get("cursor")))
    found = todo.find(session, str(which), day, at, assignee_id=assignee_id)
    return page(
        "crm/tasks/index.html",
        block="list",
        which=which,
        found=found,
        counts=todo.counts(session, day, assignee_id=assignee_id),
        about={task.id: _about(task) for task in found.rows},
        assignee=assignee,
        members=member_choices(session),
        can_write=g.actor.role >= Role.OPERATOR,
    )


def _about(task: Task) -> list[Shown]:
    """The records that it is about, with their addresses."""
    rows = [
        db.session.get(model, getattr(task, name)) for name, (_noun, model) in _ABOUT.items() if getattr(task, name)
    ]
    return [to_record(row) for row in rows if row is not None and not row.deleted_at]


@bp.get("/new")
@access(Role.OPERATOR)
def new() -> Response:
    """The form of a new task, which is one's own and due today."""
    return _form(None, _begun({"due_date": str(today()), "assignee_id": g.actor.user.id}))


@bp.post("/new")
@access(Role.OPERATOR)
def create() -> Response:
    """Makes a task."""
    form = TaskForm(member_choices(db.session()), request.form)
    try:
        task = tasks.create(db.session(), form.given, cause=cause())
    except InvalidError as error:
        db.session.rollback()
        return _form(None, form.refused(error), status=422)
    _note("created", task)
    flash(_("The task “%(name)s” was added.", name=task.title), "success")
    return go("tasks.index")


@bp.get("/<uuid:task_id>")
@access(Role.VIEWER)
def edit(task_id: UUID) -> Response:
    """The page of a task."""
    task = tasks.get(db.session(), str(task_id))
    return _form(task, _filled(task))


@bp.post("/<uuid:task_id>")
@access(Role.OPERATOR)
def update(task_id: UUID) -> Response:
    """Changes a task."""
    task, session = tasks.get(db.session(), str(task_id)), db.session()
    edit, form = _edit(task), TaskForm(member_choices(session), request.form)
    merged = edit.merge(form.data)
    if edit.asks:
        return _form(task, _begun(merged), edit, edit.status)
    form = _begun(merged)
    try:
        tasks.update(session, task, form.given, cause=cause())
    except InvalidError as error:
        session.rollback()
        return _form(tasks.get(session, str(task_id)), form.refused(error), edit, 422)
    _note("updated", task)
    edit.tell()
    flash(_("Saved."), "success")
    return go("tasks.index")


@bp.post("/<uuid:task_id>/done")
@access(Role.OPERATOR)
def tick(task_id: UUID) -> Response:
    """Done, or to be done again. Parts of a page hear of it; without script `next` says where to go on."""
    task = tasks.get(db.session(), str(task_id))
    tasks.update(db.session(), task, {"done": request.form.get("done") == "yes"}, cause=cause())
    db.session.commit()
    if not wants_fragment():
        return to_url(request.form.get("next") or "/tasks")
    response = make_response("", 204)
    response.headers["HX-Trigger"] = "changed"
    return response


@bp.post("/<uuid:task_id>/delete")
@access(Role.OPERATOR)
def delete(task_id: UUID) -> Response:
    """Moves a task to the trash."""
    task = tasks.get(db.session(), str(task_id))
    tasks.delete(db.session(), task, cause=cause())
    _note("deleted", task)
    flash(_("The task “%(name)s” was deleted.", name=task.title), "success")
    return go("tasks.index")


def _begun(stored: Data) -> TaskForm:
    return TaskForm(member_choices(db.session()), stored=stored)


def _filled(task: Task) -> TaskForm:
    names = ("title", "type", "priority", "description")
    time = zone_text(task.due_at.isoformat())[11:16] if task.due_at else ""
    stored = {name: getattr(task, name) for name in names}
    about = {name: reference(db.session(), noun, getattr(task, name)) for name, (noun, _model) in _ABOUT.items()}
    due = {"due_date": str(task.due_date or ""), "due_time": time}
    return _begun({**stored, **about, **due, "assignee_id": task.assignee_id or ""})


def _edit(task: Task) -> Edit:
    form = _filled(task)
    return Edit(form.data, labels({field.name: field.label.text for field in form}))


def _form(task: Task | None, form: TaskForm, edit: Edit | None = None, status: int = 200) -> Response:
    return page(
        "crm/tasks/edit.html",
        block="form",
        status=status,
        task=task,
        form=form,
        edit=edit or (_edit(task) if task else None),
        about=_about(task) if task else [],
        can_write=g.actor.role >= Role.OPERATOR,
    )


def _note(what: str, task: Task) -> None:
    audit(db.session(), f"task.{what}", actor=g.actor.audit, target=("task", task.id, task.title))
    db.session.commit()
