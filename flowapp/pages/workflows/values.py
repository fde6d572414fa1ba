"""What can be done with a value before it is inserted: the picker asks this page, and it stands on its own without script."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, request

from flowapp.engine.graph.suggestions import Known, look_up, suggestions
from flowapp.engine.language.scope import Scope
from flowapp.security.roles import Role
from flowapp.web.access import access
from flowapp.web.forms.draft import Draft
from flowapp.web.forms.editor import Editor
from flowapp.web.render import page

bp = Blueprint("workflow_values", __name__, url_prefix="/workflows/<uuid:workflow_id>/values")
LONGEST = 500  # characters of a path


@bp.get("")
@access(Role.EDITOR)
def show(workflow_id: UUID) -> Response:
    """The filters for the value at `path`, as `step` (or the step to be made of type `new`, or a trigger) sees it."""
    draft, path = Draft(workflow_id), request.args.get("path", "").strip()[:LONGEST]
    found = look_up(path, _scope(draft)) if path else Known(known=False)
    return page(
        "workflows/values.html",
        block="filters",
        workflow=draft.workflow,
        path=path,
        found=found,
        becomes_text="text" in request.args,
        offered=list(suggestions(found)),
    )


def _scope(draft: Draft) -> Scope:
    step_id, action_type = request.args.get("step", ""), request.args.get("new", "")
    if step_id or action_type:
        return Editor(draft, step_id, action_type).scope()
    return draft.scope(draft.definition, None)
