"""Many executions run again: choose them, see what it does once more, watch it go."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, flash, g, request
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from flowapp import events
from flowapp.errors import ConflictError, InvalidError
from flowapp.executions import history, replays
from flowapp.executions.side_effects import preview
from flowapp.extensions import db
from flowapp.models import TERMINAL, Replay, User, read_id
from flowapp.records.paging import PageAt
from flowapp.security.roles import Role
from flowapp.tasks.repeating import wake_replay
from flowapp.web import access, go, page, wants_fragment
from flowapp.web.locale import midnight

bp = Blueprint("replays", __name__, url_prefix="/replays")
SHOWN = 50
Fields = MultiDict[str, str]


@bp.get("")
@access(Role.VIEWER)
def index() -> Response:
    """The last replays."""
    session = db.session()
    replays = list(session.scalars(select(Replay).order_by(Replay.id.desc()).limit(SHOWN)))
    return page("executions/replays/index.html", replays=replays, starters=_starters(session, replays))


def _starters(session: Session, found: list[Replay]) -> dict[str, str]:
    ids = {replay.created_by for replay in found if replay.created_by}
    return {user.id: user.name or user.email for user in session.scalars(select(User).where(User.id.in_(ids)))}


@bp.get("/new")
@access(Role.OPERATOR)
def new() -> Response:
    """The choices, with what they come to. Nothing runs yet. Failed ones are meant where the address names no others."""
    fields = MultiDict(request.args)
    if not {"status", "ids", "fingerprint"} & set(fields):
        fields["status"] = "failed"
    session = db.session()
    choice = _choice(fields)
    how = _how(fields)
    return page(
        "executions/replays/new.html",
        block="form",
        fields=fields,
        choice=choice,
        how=how,
        seen=preview(session, choice, how["from_step"], how["version"]),
        statuses=TERMINAL,
        workflows=history.workflow_names(session),
        most=replays.MAX_LIMIT,
    )


def _choice(fields: Fields) -> replays.Choice:
    """What the fields say; what makes no sense is left out."""
    asked = {name: value.strip() for name, value in fields.items()}
    words = " ".join(fields.getlist("ids")).replace(",", " ").split()
    ids = tuple(execution_id for word in words[:1000] if (execution_id := read_id(word)))
    limit = asked.get("limit", "")
    return replays.Choice(
        statuses=tuple(status for status in fields.getlist("status") if status in TERMINAL),
        workflow_id=read_id(asked.get("workflow", "")) or "",
        fingerprint=asked.get("fingerprint", "")[:16],
        since=midnight(asked.get("since", "")),
        until=midnight(asked.get("until", ""), days=1),
        ids=ids,
        fresh="again" not in fields,
        limit=min(max(1, int(limit)), replays.MAX_LIMIT)
        if limit.isdecimal() and len(limit) < 10
        else replays.LIMIT,
    )  # fmt: skip


def _how(fields: Fields) -> dict[str, Any]:
    return {
        "from_step": "failed" if fields.get("from") == "failed" else "start",
        "version": "same" if fields.get("version") == "same" else "newest",
    }


@bp.post("")
@access(Role.OPERATOR)
def start() -> Response:
    """Begins it, and goes to its page."""
    session = db.session()
    how = _how(request.form)
    try:
        replay = replays.create(session, _choice(request.form), **how, created_by=g.actor.user.id)
    except InvalidError:
        session.rollback()
        flash(_("Nothing matches any more, so no execution was replayed."), "info")
        return go("replays.new")
    _audit(session, "replay.started", replay)
    replay_id, organization_id = replay.id, replay.organization_id
    session.commit()
    wake_replay(replay_id, organization_id)
    return go("replays.show", replay_id=replay_id)


@bp.get("/<uuid:replay_id>")
@access(Role.VIEWER)
def show(replay_id: UUID) -> Response:
    """How far it is, fetched again while it goes on."""
    session = db.session()
    replay = replays.get(session, str(replay_id))
    counts = replays.progress(session, replay)
    rows, cursors = history.find(session, history.Search(replay_id=replay.id), PageAt(SHOWN))
    still = sum(counts.get(status, 0) for status in ("pending", "running"))
    return page(
        "executions/replays/show.html",
        block="live",
        alone=wants_fragment(),
        replay=replay,
        choice=replays.Choice.read(replay.filters),
        counts=counts,
        rows=rows,
        total=cursors.total,
        busy=replay.status in ("pending", "running") or still > 0,
        starter=_starters(session, [replay]).get(replay.created_by or "", ""),
        workflow_name=dict(history.workflow_names(session)).get(replay.filters["workflow_id"], ""),
    )


@bp.post("/<uuid:replay_id>/cancel")
@access(Role.OPERATOR)
def cancel(replay_id: UUID) -> Response:
    """No further execution is run again; those that were begun go on."""
    session = db.session()
    replay = replays.get(session, str(replay_id))
    try:
        replays.cancel(session, replay)
    except ConflictError:
        session.rollback()
        flash(_("This replay had already ended."), "info")
        return go("replays.show", replay_id=replay_id)
    _audit(session, "replay.cancelled", replay)
    session.commit()
    flash(_("The replay was cancelled. Executions it has started will continue."), "success")
    return go("replays.show", replay_id=replay_id)


def _audit(session: Session, action: str, replay: Replay) -> None:
    details = {"total": replay.total, "from": replay.from_step, "version": replay.version}
    target = ("replay", replay.id, "")
    events.audit(
        session, action, actor=g.actor.audit, target=target, details=details
    )  # fmt: skip
