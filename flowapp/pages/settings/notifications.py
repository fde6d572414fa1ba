"""What a member wants to be told of, and how."""

from __future__ import annotations

from flask import Blueprint, Response, flash, g, request
from flask_babel import gettext as _

from flowapp.catalog import N_
from flowapp.extensions import db
from flowapp.notifications import settings
from flowapp.security.roles import Role
from flowapp.web.access import access
from flowapp.web.nav import Nav
from flowapp.web.render import go, page

bp = Blueprint("notification_settings", __name__, url_prefix="/settings/notifications")
NAV = Nav(12, N_("Notifications"), "bell", "notification_settings.show", "/settings/notifications", group="settings")


@bp.get("")
@access(Role.VIEWER)
def show() -> Response:
    """Two boxes for each kind."""
    wishes = settings.of(db.session(), g.actor.user.id)
    return page("settings/notifications.html", kinds=settings.KINDS, wishes=wishes, email=g.actor.user.email)


@bp.post("")
@access(Role.VIEWER)
def save() -> Response:
    """Keeps all boxes: one that is not ticked is not sent."""
    ticked = set(request.form)
    changes = {
        kind: {name: f"{kind}-{name}" in ticked for name in ("in_app", "by_email")} for kind in settings.KINDS
    }  # fmt: skip
    settings.put(db.session(), g.actor.user.id, changes)
    db.session.commit()
    flash(_("Changes saved."), "success")
    return go("notification_settings.show")
