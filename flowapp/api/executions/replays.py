"""Many executions run again: a preview of what that does once more, and how far it is."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, g, jsonify
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from flowapp import events
from flowapp.api.bodies import id_of_workflow, read_model
from flowapp.api.executions import retry_schemas as schemas
from flowapp.api.routes import route
from flowapp.catalog import N_
from flowapp.executions import replays, serialisers
from flowapp.executions.side_effects import preview
from flowapp.extensions import db
from flowapp.models import Replay
from flowapp.security.roles import Role
from flowapp.tasks.repeating import wake_replay
from flowapp.web.access import access

bp = Blueprint("replays_api", __name__)
TAG = N_("Replays")
ONE = "/replays/<uuid:replay_id>/"


def _choice(body: schemas.ReplayIn) -> replays.Choice:
    asked = body.filters
    return replays.Choice(
        statuses=tuple(asked.status),
        workflow_id=id_of_workflow(asked.workflow),
        fingerprint=asked.fingerprint,
        since=asked.since,
        until=asked.until,
        ids=tuple(map(str, asked.ids)),
        fresh=asked.fresh,
        limit=body.limit,
    )


@route(
    bp, "/replays/preview/", "POST", tag=TAG, summary=N_("Preview a replay"),
    body=schemas.ReplayIn, answer=schemas.ReplayPreviewOut,
)  # fmt: skip
@access(Role.OPERATOR)
def preview_replay() -> Response:
    """How many executions fit, and an estimate of the side effects that would be repeated. Runs nothing."""
    body = read_model(schemas.ReplayIn)
    seen = preview(db.session(), _choice(body), body.from_step, body.version)
    effects = [{**serialisers.effect_json(effect), "label": _(effect.label)} for effect in seen.effects]
    return jsonify({"matched": seen.matched, "taken": seen.taken, "effects": effects})


@route(
    bp, "/replays/", "POST", tag=TAG, summary=N_("Rerun executions in bulk"),
    body=schemas.ReplayIn, answer=schemas.ReplayOut, status=202,
)  # fmt: skip
@access(Role.OPERATOR)
def create_replay() -> tuple[Response, int]:
    """In the background, the oldest first. 409 where no execution that has ended fits."""
    body = read_model(schemas.ReplayIn)
    session = db.session()
    kind = "api_call" if g.actor.token_id else "manual"
    replay = replays.create(
        session, _choice(body), body.from_step, body.version, created_by=g.actor.user.id, trigger_type=kind
    )
    _audit(session, "replay.started", replay)
    answer = serialisers.replay_json(session, replay)
    replay_id, organization_id = replay.id, replay.organization_id
    session.commit()
    wake_replay(replay_id, organization_id)
    return jsonify(answer), 202


@route(bp, ONE, "GET", tag=TAG, summary=N_("Get a replay"), answer=schemas.ReplayOut)
@access(Role.VIEWER)
def get_replay(replay_id: UUID) -> Response:
    """How far it is, and what became of its executions."""
    session = db.session()
    return jsonify(serialisers.replay_json(session, _find(session, replay_id)))


@route(bp, f"{ONE}cancel/", "POST", tag=TAG, summary=N_("Cancel a replay"), answer=schemas.ReplayOut)
@access(Role.OPERATOR)
def cancel_replay(replay_id: UUID) -> Response:
    """No further execution is run again; those that were begun go on. 409 where it is over."""
    session = db.session()
    replay = _find(session, replay_id)
    replays.cancel(session, replay)
    _audit(session, "replay.cancelled", replay)
    answer = serialisers.replay_json(session, replay)
    session.commit()
    return jsonify(answer)


def _find(session: Session, replay_id: UUID) -> Replay:
    return replays.get(session, str(replay_id))


def _audit(session: Session, action: str, replay: Replay) -> None:
    details = {"total": replay.total, "from": replay.from_step, "version": replay.version}
    target = ("replay", replay.id, "")
    events.audit(
        session, action, actor=g.actor.audit, target=target, details=details
    )  # fmt: skip
