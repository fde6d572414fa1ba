"""Notifications: the list behind the bell."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, flash, g, request
from flask_babel import ngettext
from sqlalchemy.exc import SQLAlchemyError

from flowapp.errors import InvalidError
from flowapp.extensions import db
from flowapp.notifications import listing
from flowapp.records.paging import PageAt
from flowapp.security.roles import Role
from flowapp.web import access, go, page, safe_next, to_url

bp = Blueprint("notifications", __name__, url_prefix="/notifications")


@bp.get("")
@access(Role.VIEWER)
def index() -> Response:
    """The newest first."""
    session, user_id = db.session(), g.actor.user.id
    unread = request.args.get("show") == "unread"
    try:
        notifications = listing.find(session, user_id, unread=unread, at=PageAt(cursor=request.args.get("cursor")))
    except InvalidError:  # a cursor of another list
        notifications = listing.find(session, user_id, unread=unread)
    return page("notifications/index.html", block="list", notifications=notifications, unread=unread)


@bp.post("/<uuid:notification_id>/read")
@access(Role.VIEWER)
def read(notification_id: UUID) -> Response:
    """Marks it as read, and goes to what it is about."""
    session = db.session()
    notification = listing.get(session, g.actor.user.id, str(notification_id))
    link = safe_next(notification.link, "/notifications")
    listing.mark_read(session, g.actor.user.id, [notification.id])
    session.commit()
    return to_url(link)


@bp.post("/read")
@access(Role.VIEWER)
def read_all() -> Response:
    """Marks all as read."""
    count = listing.mark_read(db.session(), g.actor.user.id)
    db.session.commit()
    if count:
        flash(
            ngettext("%(num)d notification marked as read.", "%(num)d notifications marked as read.", count), "success"
        )
    return go("notifications.index")


@bp.app_template_global()
def unread_notifications() -> int:
    """For the bell. A page that says that the database is away is shown without a number."""
    if g.get("actor") is None:
        return 0
    try:
        return listing.unread_count(db.session(), g.actor.user.id)
    except SQLAlchemyError:
        db.session.rollback()
        return 0
