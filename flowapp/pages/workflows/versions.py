"""A workflow's published versions: looking at one, making one the draft again, and taking back changes of the draft."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, flash, g, request
from flask_babel import gettext as _
from sqlalchemy import select

from flowapp import workflows
from flowapp.errors import NotFoundError
from flowapp.extensions import db
from flowapp.models import Version, Workflow
from flowapp.security.credentials import hide
from flowapp.security.roles import Role
from flowapp.texts import say
from flowapp.web import access, go, page
from flowapp.web.forms.draft import Draft
from flowapp.web.forms.flow import flow

bp = Blueprint("workflow_versions", __name__, url_prefix="/workflows/<uuid:workflow_id>")


@bp.get("/versions/<int:number>")
@access(Role.VIEWER)
def show(workflow_id: UUID, number: int) -> Response:
    """A version as it was published."""
    draft = Draft(workflow_id)
    version = _version(draft.workflow, number)
    view = flow(hide(version.definition), draft.providers())
    same = version.fingerprint == draft.workflow.draft_fingerprint
    return page(
        "workflows/version.html", workflow=draft.workflow, tab="settings", version=version, view=view, same=same,
        exported=hide(version.definition),
    )  # fmt: skip


@bp.post("/versions/<int:number>/restore")
@access(Role.EDITOR)
def restore(workflow_id: UUID, number: int) -> Response:
    """Makes a version the draft again. What runs stays as it is."""
    session = db.session()
    workflow = workflows.get(session, str(workflow_id))
    workflows.restore(session, workflow, _version(workflow, number).definition, actor_id=g.actor.user.id)
    session.commit()
    flash(_("The draft is version %(number)s again. Publish it to run it.", number=number), "success")
    return go("steps.index", workflow_id=workflow_id)


@bp.post("/discard")
@access(Role.EDITOR)
def discard(workflow_id: UUID) -> Response:
    """Throws away what is not published."""
    session = db.session()
    workflow = workflows.get(session, str(workflow_id))
    if workflow.published is None:
        raise NotFoundError(say("This workflow has no published version yet."))
    workflows.restore(session, workflow, workflow.published.definition, actor_id=g.actor.user.id)
    session.commit()
    flash(_("The changes were discarded. Undo brings them back."), "success")
    return go("steps.index", workflow_id=workflow_id)


@bp.post("/undo")
@access(Role.EDITOR)
def undo(workflow_id: UUID) -> Response:
    """Takes back the last change of the draft."""
    session = db.session()
    workflow = workflows.get(session, str(workflow_id))
    seen = request.form.get("revision", "")
    expected = int(seen) if seen.isascii() and seen.isdecimal() and len(seen) < 10 else None
    workflows.undo(session, workflow, actor_id=g.actor.user.id, expected_revision=expected)
    session.commit()
    flash(_("The last change was undone."), "success")
    return go("steps.index", workflow_id=workflow_id)


def _version(workflow: Workflow, number: int) -> Version:
    found = db.session.scalars(select(Version).filter_by(workflow_id=workflow.id, number=number)).first()
    if found is None:
        raise NotFoundError(say("This workflow has no version %(number)s.", number=number))
    return found
