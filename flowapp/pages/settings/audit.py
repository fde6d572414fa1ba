"""The audit trail: who did what, when, from where."""

from __future__ import annotations

from flask import Blueprint, Response, request
from sqlalchemy import or_, select

from flowapp.catalog import N_
from flowapp.extensions import db
from flowapp.models import AuditEntry
from flowapp.models.folding import holds
from flowapp.records.paging import PageAt, paginate
from flowapp.security.roles import Role
from flowapp.web.access import access
from flowapp.web.nav import Nav
from flowapp.web.render import page

bp = Blueprint("audit", __name__, url_prefix="/settings/audit")
NAV = Nav(60, N_("Audit"), "history", "audit.index", "/settings/audit", role=Role.ADMIN, group="settings")


@bp.get("")
@access(Role.ADMIN)
def index() -> Response:
    """The newest entries first; `q` searches objects, `action` and `actor` narrow."""
    query = select(AuditEntry)
    if needle := request.args.get("q", "").strip().replace("\0", ""):
        query = query.where(or_(holds(AuditEntry.object_label, needle), holds(AuditEntry.action, needle)))
    for name, column in (("action", AuditEntry.action), ("actor", AuditEntry.actor_label)):
        if wanted := request.args.get(name, "").replace("\0", ""):
            query = query.where(column == wanted)
    entries = paginate(
        db.session(), query, PageAt(50, request.args.get("cursor")), key=AuditEntry.created_at, id_column=AuditEntry.id
    )  # fmt: skip
    return page(
        "settings/audit.html",
        block="list",
        entries=entries,
        actions=db.session.scalars(select(AuditEntry.action).distinct().order_by(AuditEntry.action)).all(),
        actors=db.session.scalars(select(AuditEntry.actor_label).distinct().order_by(AuditEntry.actor_label)).all(),
    )
