"""Resuming a paused installation, by the button of the notice that every page shows."""

from __future__ import annotations

from flask import Blueprint, Response, flash, g
from flask_babel import gettext as _

from flowapp import tasks
from flowapp.errors import ConflictError
from flowapp.events import audit
from flowapp.extensions import db
from flowapp.models import installation
from flowapp.security.roles import Role
from flowapp.texts import say
from flowapp.web.access import access
from flowapp.web.render import go

bp = Blueprint("pause", __name__, url_prefix="/settings")


@bp.post("/resume")
@access(Role.ADMIN)
def resume() -> Response:
    """Has the whole installation work, for who runs it. ConflictError while FLOWAPP_PAUSED is set."""
    if not g.actor.user.is_superuser:
        flash(_("Only a superuser of this installation can resume it."), "danger")
        return go("dashboard.show")
    if tasks.runtime().settings.paused:
        raise ConflictError(say("FLOWAPP_PAUSED is set. Remove it and restart Flowapp."))
    audit(db.session(), "installation.resumed", actor=g.actor.audit)
    installation.resume(db.session.connection())
    db.session.commit()
    tasks.runtime().pause.forget()
    flash(_("Resumed. Schedules, waits and executions continue."), "success")
    return go("dashboard.show")
