"""“Test this step”: runs the step as it stands in the form, saved or not, and shows what came of it beside the form."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, g, request
from flask_babel import gettext as _

from flowapp import events, tasks
from flowapp.engine.graph.sample import before
from flowapp.executions.timeline import shown_rules
from flowapp.extensions import db
from flowapp.logs import mask
from flowapp.security.roles import Role
from flowapp.web.access import access
from flowapp.web.forms.draft import Draft
from flowapp.web.forms.editor import Editor
from flowapp.web.render import page

bp = Blueprint("step_test", __name__, url_prefix="/workflows/<uuid:workflow_id>/try")


@bp.post("/new/<action_type>", endpoint="new")
@access(Role.EDITOR)
def try_new(workflow_id: UUID, action_type: str) -> Response:
    """A step that is not saved yet."""
    return _try(Editor(Draft(workflow_id), action_type=action_type))


@bp.post("/<step_id>", endpoint="change")
@access(Role.EDITOR)
def try_step(workflow_id: UUID, step_id: str) -> Response:
    """A step of the draft, as the form has it now."""
    return _try(Editor(Draft(workflow_id), step_id))


def _try(editor: Editor) -> Response:
    editor.validate()
    context = editor.context()
    effect = editor.form.spec.effect != "pure"
    if editor.form.errors:
        context["step_test"] = {"status": "unread", "error": _("Correct the marked fields first.")}
        return _whole(page("workflows/steps/edit.html", block="editor", status=422, **context))
    if effect and "_sure" not in request.form:
        context["ask"] = True
    else:
        context["step_test"] = _run(editor)
    if "_marked" in request.form:  # errors on the page that no longer hold
        return _whole(page("workflows/steps/edit.html", block="editor", **context))
    return page("workflows/steps/edit.html", block="step_test", **context)


def _whole(response: Response) -> Response:
    """The answer takes the place of the form too, not of the step test alone."""
    response.headers["HX-Retarget"] = "#editor"
    return response


def _run(editor: Editor) -> dict[str, object]:
    draft, step = editor.draft, editor.form.step
    definition = editor.definition
    input_data, execution_id = editor.input_data()
    prior = draft.results(before(definition, step["step_id"]), execution_id)
    target = ("workflow", draft.workflow.id, draft.workflow.name)
    details = {"step_id": step["step_id"], "action_type": step["action_type"]}
    events.audit(
        db.session(), "step.tried", actor=g.actor.audit, target=target, details=details
    )  # fmt: skip
    db.session.commit()
    result = tasks.test_step(
        draft.workflow.organization_id, draft.workflow.id, definition, step["step_id"], input_data, prior, execution_id
    )
    if result["status"] == "completed":
        draft.remember(step["step_id"], result["result"])
    return {**result, "result": mask(result["result"]), "explanation": shown_rules(result["explanation"])}
