"""Signing in to a service by OAuth2: the person is sent there, and comes back to one address for all integrations."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, Response, flash, g, make_response, redirect, request, session
from flask_babel import gettext as _

from flowapp import tasks
from flowapp.errors import ConfigError, ConflictError, FlowError, StepError
from flowapp.events import audit
from flowapp.extensions import db
from flowapp.integrations import service
from flowapp.integrations.oauth import grants
from flowapp.models import Integration, utcnow
from flowapp.security.roles import Role
from flowapp.security.signatures import same
from flowapp.web.access import access
from flowapp.web.render import go
from flowapp.web.texts import translated

bp = Blueprint("integrations_oauth", __name__, url_prefix="/integrations")
_ROOM = "oauth"  # in the session: what it keeps of somebody who is at the service, sealed
_MINUTES = 30  # that they may take there


@bp.get("/<uuid:integration_id>/connect")
@access(Role.ADMIN, person=True)
def connect(integration_id: object) -> Response:
    """Sends the person to the service's page."""
    runtime = tasks.runtime()
    row = service.get(db.session(), str(integration_id))
    runtime.pause.refuse()
    try:
        asked = grants.begin(runtime.vault, row, _callback())
    except (ConflictError, ConfigError) as error:
        flash(translated(error.message), "danger")
        return go("integrations.edit", integration_id=row.id)
    kept = {"id": row.id, "at": utcnow().isoformat(), **asked._asdict()}
    del kept["url"]
    session[_ROOM] = runtime.vault.encrypt(kept).decode()
    return make_response(redirect(asked.url, code=303))  # to the service's own page, as its connector says


@bp.get("/oauth/callback")
@access(Role.ADMIN, person=True)
def callback() -> Response:
    """Where the service sends the person back to, with a code or the reason why not."""
    kept = _kept()
    if kept is None or not same(kept["state"], request.args.get("state", "")):
        flash(_("This sign-in was not begun in this browser, or too long ago. Start it again."), "danger")
        return go("integrations.index")
    row = service.get(db.session(), kept["id"])
    try:
        _finish(kept)
    except FlowError as error:
        flash(translated(error.message), "danger")
        audit(db.session(), "integration.not_connected", actor=g.actor.audit, target=("integration", row.id, row.name))
    else:
        flash(_("“%(name)s” is connected.", name=row.name), "success")
        audit(db.session(), "integration.connected", actor=g.actor.audit, target=("integration", row.id, row.name))
    db.session.commit()
    return go("integrations.edit", integration_id=row.id)


def _finish(kept: dict[str, str]) -> None:
    runtime = tasks.runtime()
    if reason := request.args.get("error"):
        raise StepError(_refused(reason, request.args.get("error_description", "")), permanent=True)
    row = service.get(db.session(), kept["id"])
    http = runtime.outgoing.http(row.organization_id)
    how = {"code": request.args.get("code", ""), "verifier": kept["verifier"], "redirect_uri": _callback()}
    how["token_url"] = kept.get("token_url", "")  # a release before kept none
    grants.finish(db.session(), runtime.vault, http, row, **how)
    row.connected_by = g.actor.user.id


def _refused(reason: str, description: str) -> str:
    if reason == "access_denied":
        return str(_("The service says that access was not granted. Nothing was changed."))
    return str(_("The service refused: %(reason)s", reason=(description or reason)[:300]))


def _kept() -> dict[str, str] | None:
    """What this session keeps, which then is gone; None where it is not there, or too old."""
    sealed = session.pop(_ROOM, "")
    if not sealed:
        return None
    try:
        kept = tasks.runtime().vault.decrypt(str(sealed).encode())
    except ConfigError:  # the key was taken away meanwhile
        return None
    age = utcnow() - datetime.fromisoformat(kept["at"])
    return kept if age.total_seconds() < _MINUTES * 60 else None


@bp.app_template_global("callback_of")
def callback_of(row: Integration) -> str:
    """Where the service sends people back to who sign in for this integration; empty where nobody does."""
    return _callback() if grants.asks_person(row) else ""


def _callback() -> str:
    return f"{tasks.runtime().public_url()}/integrations/oauth/callback"
