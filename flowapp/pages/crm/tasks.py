"""Tasks: what is to be done, today and later; a new one, and the page of one."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from flask import Blueprint, Response, flash, g, make_response, request
from flask_babel import gettext as _

from flowapp.catalog import N_
from flowapp.crm import finding, tasks, todo
from flowapp.errors import InvalidError
from flowapp.events import audit
from flowapp.extensions import db
from flowapp.models import Company, Contact, Deal, Task, read_id
from flowapp.security.roles import Role
from flowapp.web import Nav, access, go, page, to_url, wants_fragment
from flowapp.web.crm.boxes import member_choices, reference
from flowapp.web.crm.composer import TaskForm
from flowapp.web.crm.due import due_of
from flowapp.web.crm.lists import Empty, ListPages, Tab
from flowapp.web.crm.nouns import TASK, Data
from flowapp.web.crm.page import cause
from flowapp.web.crm.values import Shown, to_record
from flowapp.web.crm.views.address import Asked
from flowapp.web.edits import Edit, labels
from flowapp.web.locale import select_timezone, today

bp = Blueprint("tasks", __name__, url_prefix="/tasks")
NAV = Nav(15, N_("Tasks"), "checklist", "tasks.index", "/tasks")
bp.add_app_template_global(due_of)
LABELS = {
    "open": N_("Open"), "overdue": N_("Overdue"), "today": N_("Today"), "upcoming": N_("Upcoming"), "done": N_("Done"),
    "": N_("Open and done"),
}  # fmt: skip
NONE = {
    "overdue": N_("Nothing is overdue"), "today": N_("Nothing is due today"), "upcoming": N_("Nothing is planned"),
    "done": N_("Nothing is done yet"),
}  # fmt: skip
LAST_FIRST = "-done_at"  # how done ones are sorted
_ABOUT = {"contact_id": ("contact", Contact), "company_id": ("company", Company), "deal_id": ("deal", Deal)}


class TaskListPages(ListPages[Task]):
    """The list of tasks, with tabs for when they are due."""

    def tabs(self, here: Asked) -> list[Tab]:
        """When they are due; how many tasks of the list are overdue and due today."""
        search = replace(here.search, due="", trashed=False)
        counts = todo.counts(db.session(), finding.conditions(Task, search), search.now)
        return [
            {"label": _(label), "href": _tab(here, name), "active": name == here.search.due, "count": counts.get(name)}
            for name, label in LABELS.items()
        ]

    def empty(self, here: Asked) -> Empty:
        """Of a tab on which nothing else is looked for: what that means."""
        only = not here.search.trashed and here.whole.keys() <= {"due", "owner", "sort"}
        none = NONE.get(here.search.due, "")
        return Empty("checklist", _(none), "", "", "") if only and none else super().empty(here)


def _tab(here: Asked, name: str) -> str:
    sort = LAST_FIRST if name == "done" else None if here.args.get("sort") == LAST_FIRST else here.args.get("sort")
    return here.url(due=name, sort=sort)


TaskListPages(TASK).mount(bp)


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
        task = tasks.create(db.session(), form.data, cause=cause())
    except InvalidError as error:
        db.session.rollback()
        return _form(None, form.refused(error), status=422)
    _note("created", task)
    flash(_("The task “%(name)s” was added.", name=task.title), "success")
    return go("tasks.index")


@bp.get("/<uuid:task_id>")
@access(Role.VIEWER)
def show(task_id: UUID) -> Response:
    """The page of a task."""
    task = tasks.get(db.session(), str(task_id), trashed=True)
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
        tasks.update(session, task, form.data, cause=cause())
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
    form = TaskForm(member_choices(db.session()), stored=stored)
    there = str(tasks.zone_of(db.session(), read_id(str(stored.get("assignee_id") or ""))))
    if there != select_timezone():
        form.due_time.description = _("Time zone: %(zone)s", zone=there)
    return form


def _filled(task: Task) -> TaskForm:
    names = ("title", "type", "priority", "description")
    stored = {name: getattr(task, name) for name in names}
    about = {name: reference(db.session(), noun, getattr(task, name)) for name, (noun, _model) in _ABOUT.items()}
    due = {"due_date": str(task.due_date or ""), "due_time": tasks.clock_of(db.session(), task)}
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
        can_write=g.actor.role >= Role.OPERATOR and not (task and task.deleted_at),
    )


def _note(what: str, task: Task) -> None:
    audit(db.session(), f"task.{what}", actor=g.actor.audit, target=("task", task.id, task.title))
    db.session.commit()
