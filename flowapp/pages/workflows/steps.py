"""The builder: the draft's steps as a flow, and the editor of one step."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _

from flowapp import workflows
from flowapp.engine.graph import edit
from flowapp.errors import ConflictError, InvalidError, StaleError
from flowapp.extensions import db
from flowapp.models.definitions import DefinitionJson
from flowapp.security.roles import Role
from flowapp.web.access import access
from flowapp.web.edits import at_the_same_moment, deleted_elsewhere
from flowapp.web.forms.draft import Draft
from flowapp.web.forms.editor import PLACES, Editor
from flowapp.web.forms.flow import flow
from flowapp.web.forms.step_picker import MAX_SEARCH, step_kinds
from flowapp.web.render import page, to_url, wants_fragment
from flowapp.workflows import test_data

bp = Blueprint("steps", __name__, url_prefix="/workflows/<uuid:workflow_id>")


@bp.get("/steps")
@access(Role.VIEWER)
def index(workflow_id: UUID) -> Response:
    """The flow."""
    return _flow_page(Draft(workflow_id))


def _flow_page(draft: Draft) -> Response:
    errors, warnings = workflows.validate(db.session(), draft.workflow)
    view = flow(draft.definition, draft.providers(), errors, warnings)
    for step_id in test_data.of(draft.workflow)["pins"]:
        view.cards[step_id].pinned = True

    view.taken = workflows.taken(db.session(), draft.workflow)

    def removes(step_id: str) -> list[str]:
        return [view.cards[other].name for other in edit.only_in_lanes(draft.definition, step_id)]

    return page("workflows/steps/index.html", block="flow", view=view, workflow=draft.workflow, removes=removes)


@bp.get("/new-step")
@access(Role.EDITOR)
def catalog(workflow_id: UUID) -> Response:
    """Which kind of step to add."""
    place = {name: request.args[name] for name in PLACES if request.args.get(name)}
    wanted = request.args.get("q", "").strip()[:MAX_SEARCH]
    kinds, workflow = step_kinds(db.session(), wanted), Draft(workflow_id).workflow
    return page("workflows/steps/catalog.html", block="list", kinds=kinds, place=place, workflow=workflow, q=wanted)


@bp.route("/new-step/<action_type>", methods=["GET", "POST"])
@access(Role.EDITOR)
def new(workflow_id: UUID, action_type: str) -> Response:
    """A new step."""
    return _edit(Editor(Draft(workflow_id), action_type=action_type))


@bp.route("/steps/<step_id>", methods=["GET", "POST"])
@access(Role.EDITOR)
def change(workflow_id: UUID, step_id: str) -> Response:
    """A step of the draft. One that was deleted in the meantime can be added again as it was typed."""
    draft = Draft(workflow_id)
    gone = step_id not in {step["step_id"] for step in draft.definition["steps"]}
    if gone and "_type" in request.form:
        editor = Editor(draft, action_type=request.form["_type"])
        editor.form.params.form_errors.append(deleted_elsewhere())
        return page("workflows/steps/edit.html", block="editor", status=422, **editor.context())
    return _edit(Editor(draft, step_id))


def _edit(editor: Editor) -> Response:
    if request.method == "POST" and editor.validate() and editor.merge() and _saved(editor):
        flash(_("“%(name)s” was saved.", name=editor.form.name.data), "success")
        editor.edit.tell()
        return to_url(_address(editor.draft, editor.form.step["step_id"]))
    status = 422 if (editor.form.errors or editor.edit.questions) and not editor.acted else 200
    return page("workflows/steps/edit.html", block="editor", status=status, **editor.context())


def _saved(editor: Editor) -> bool:
    try:
        editor.draft.save_over(editor.definition)
    except StaleError:
        db.session.rollback()
        editor.form.params.form_errors.append(at_the_same_moment())
    except InvalidError as error:
        db.session.rollback()
        editor.form.show(error.problems)
    else:
        return True
    return False


@bp.post("/steps/<step_id>/move")
@access(Role.EDITOR)
def move(workflow_id: UUID, step_id: str) -> Response:
    """One place up or down."""
    up = request.form.get("to") == "up"
    return _changed(workflow_id, lambda found: edit.move(found, step_id, up=up), step_id)


@bp.post("/order-steps")
@access(Role.EDITOR)
def order(workflow_id: UUID) -> Response:
    """The order of one lane after a drag."""
    wanted = request.form.getlist("order")

    def reordered(found: DefinitionJson) -> DefinitionJson:
        if not wanted:
            raise ConflictError(_("There is nothing to move."))
        return edit.reorder(found, wanted)

    return _changed(workflow_id, reordered, "")


@bp.post("/steps/<step_id>/duplicate")
@access(Role.EDITOR)
def duplicate(workflow_id: UUID, step_id: str) -> Response:
    """A copy right behind it."""

    def copied(found: DefinitionJson) -> DefinitionJson:
        name = _("%(name)s (copy)", name=edit.step_of(found, step_id)["name"])
        return edit.duplicate(found, step_id, name)

    return _changed(workflow_id, copied, step_id)


@bp.post("/steps/<step_id>/delete")
@access(Role.EDITOR)
def delete(workflow_id: UUID, step_id: str) -> Response:
    """Takes the step out, and the lanes that only it leads to."""
    return _changed(workflow_id, lambda found: edit.remove(found, step_id), "")


@bp.post("/connect-steps")
@access(Role.EDITOR)
def connect(workflow_id: UUID) -> Response:
    """Where the end of a lane leads."""
    source, branch, target = (request.form.get(name, "")[:200] for name in ("source", "branch", "target"))
    return _changed(workflow_id, lambda found: edit.connect(found, source, branch or "next", target or None), source)


def _changed(workflow_id: UUID, change: Callable[[DefinitionJson], DefinitionJson], step_id: str) -> Response:
    draft = Draft(workflow_id)
    draft.save(change(draft.workflow.draft), request.form.get("revision", ""))
    if wants_fragment():
        return _flow_page(Draft(workflow_id))
    return to_url(_address(draft, step_id))


def _address(draft: Draft, step_id: str) -> str:
    return url_for("steps.index", workflow_id=draft.workflow.id, _anchor=f"step-{step_id}" if step_id else None)
