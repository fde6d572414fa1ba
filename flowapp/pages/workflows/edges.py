"""The editor of one edge: the conditions under which the flow takes it, and its label."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, flash, request, url_for
from flask_babel import gettext as _

from flowapp.engine.graph import edit
from flowapp.errors import InvalidError, StaleError
from flowapp.extensions import db
from flowapp.models.definitions import DefinitionJson, EdgeJson
from flowapp.security.roles import Role
from flowapp.web.access import access
from flowapp.web.forms.draft import Draft
from flowapp.web.forms.edges import changed_edge, edge_form, edge_problems
from flowapp.web.forms.editor import shown_groups
from flowapp.web.forms.form import ParamsForm
from flowapp.web.render import page, to_url

bp = Blueprint("edges", __name__, url_prefix="/workflows/<uuid:workflow_id>")


@bp.route("/edge", methods=["GET", "POST"])
@access(Role.EDITOR)
def change(workflow_id: UUID) -> Response:
    """An edge of the draft. NotFoundError where the address names none."""
    draft = Draft(workflow_id)
    source, branch, target = (request.args.get(name, "") for name in ("source", "branch", "target"))
    edge = edit.edge_of(draft.definition, source, branch, target)
    form = edge_form(edge, request.form if request.method == "POST" else None)
    if request.method == "POST" and not form.acted and form.validate() and _saved(draft, edge, form):
        flash(_("The connection was saved."), "success")
        return to_url(url_for("steps.change", workflow_id=workflow_id, step_id=source))
    draft = Draft(workflow_id)
    return page(
        "workflows/steps/edge.html",
        block="editor",
        status=422 if form.errors and not form.acted else 200,
        workflow=draft.workflow,
        form=form,
        before=edit.step_of(draft.definition, source),
        after=edit.step_of(draft.definition, target),
        branch=branch,
        groups=shown_groups(draft.values(draft.definition, target)),
    )


def _saved(draft: Draft, edge: EdgeJson, form: ParamsForm) -> bool:
    definition = edit.change_edge(draft.definition, changed_edge(edge, form))
    try:
        draft.save(definition, request.form.get("revision", ""))
    except StaleError:
        db.session.rollback()
        form.form_errors.append(
            _(
                "Someone else has changed this workflow in the meantime. Nothing is lost: save again to keep your change."
            )
        )
    except InvalidError as error:
        db.session.rollback()
        form.show(edge_problems(error.problems, _place(definition, edge)))
    else:
        return True
    return False


def _place(definition: DefinitionJson, edge: EdgeJson) -> int:
    """Which of the definition's edges it is; -1 where order says it."""
    ends = [(one["source"], one.get("branch", "next"), one["target"]) for one in definition["edges"]]
    own = (edge["source"], edge["branch"], edge["target"])
    return ends.index(own) if own in ends else -1
