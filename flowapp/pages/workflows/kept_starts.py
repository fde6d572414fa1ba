"""Running what came while a workflow was paused."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, flash, g
from flask_babel import gettext as _

from flowapp import events, workflows
from flowapp.executions import replays
from flowapp.executions.replays import LIMIT, Choice
from flowapp.extensions import db
from flowapp.security.roles import Role
from flowapp.tasks.repeating import wake_replay
from flowapp.web import access, go
from flowapp.workflows.kept_starts import kept_while_paused

bp = Blueprint("kept_starts", __name__)


@bp.post("/workflows/<uuid:workflow_id>/run-kept")
@access(Role.OPERATOR)
def run(workflow_id: UUID) -> Response:
    """In the background, the oldest first, each with the input that came; on the version that is published now."""
    session = db.session()
    workflow = workflows.get(session, str(workflow_id))
    ids = kept_while_paused(session, workflow.id, LIMIT) if workflow.status == "active" else []
    if not ids:
        flash(_("Nothing is left to run, or the workflow is not active."), "info")
        return go("workflow.show", workflow_id=workflow_id)
    choice = Choice(statuses=("skipped",), workflow_id=workflow.id, ids=tuple(ids))
    replay = replays.create(session, choice, "start", "newest", created_by=g.actor.user.id)
    details = {"total": replay.total, "from": replay.from_step, "version": replay.version}
    events.audit(
        session, "replay.started", actor=g.actor.audit, target=("replay", replay.id, ""), details=details
    )  # fmt: skip
    replay_id, organization_id = replay.id, replay.organization_id
    session.commit()
    wake_replay(replay_id, organization_id)
    return go("replays.show", replay_id=replay_id)
