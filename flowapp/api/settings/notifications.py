"""Notifications: what the app has told the caller."""

from __future__ import annotations

from flask import Blueprint, Response, g, jsonify

from flowapp.api.bodies import list_of, read_model, read_query
from flowapp.api.routes import route
from flowapp.api.settings import schemas
from flowapp.catalog import N_
from flowapp.errors import NotFoundError
from flowapp.extensions import db
from flowapp.models import read_id
from flowapp.notifications import listing, settings
from flowapp.security.roles import Role
from flowapp.texts import say
from flowapp.web.access import access

bp = Blueprint("notifications_api", __name__)
TAG = N_("Notifications")


@route(
    bp, "/notifications/", "GET", tag=TAG, summary=N_("List your notifications"),
    query=schemas.NotificationQuery, answer=schemas.NotificationsOut,
)  # fmt: skip
@access(Role.VIEWER)
def list_notifications() -> Response:
    """The newest first; `unread` counts among the newest hundred."""
    query = read_query(schemas.NotificationQuery)
    session, user_id = db.session(), g.actor.user.id
    page = listing.find(session, user_id, unread=query.unread, at=query.at)
    rows = list_of(page, [listing.notification_json(row) for row in page.rows])
    return jsonify({**rows, "unread": listing.unread_count(session, user_id)})


@route(
    bp, "/notifications/read/", "POST", tag=TAG, summary=N_("Mark notifications as read"),
    body=schemas.NotificationsReadIn, answer=schemas.ReadOut,
)  # fmt: skip
@access(Role.VIEWER)
def read_notifications() -> Response:
    """Those in `ids`, without it all of them."""
    body = read_model(schemas.NotificationsReadIn)
    ids = None if body.ids is None else [str(one) for one in body.ids]
    count = listing.mark_read(db.session(), g.actor.user.id, ids)
    db.session.commit()
    return jsonify({"read": count})


@route(
    bp, "/notifications/<notification_id>/read/", "POST", tag=TAG, summary=N_("Mark a notification as read"),
    answer=schemas.NotificationOut,
)  # fmt: skip
@access(Role.VIEWER)
def read_notification(notification_id: str) -> Response:
    """404 where it is somebody else's."""
    known = read_id(notification_id)
    if known is None:
        raise NotFoundError(say("There is no such notification."))
    session = db.session()
    notification = listing.get(session, g.actor.user.id, known)
    listing.mark_read(session, g.actor.user.id, [known])
    session.refresh(notification)
    answer = jsonify(listing.notification_json(notification))
    session.commit()
    return answer


@route(
    bp, "/notifications/settings/", "GET", tag=TAG, summary=N_("Get how you are notified"), answer=schemas.WishesOut
)  # fmt: skip
@access(Role.VIEWER)
def get_wishes() -> Response:
    """Of each kind of things: in the app, by e-mail."""
    return jsonify(settings.wishes_json(settings.of(db.session(), g.actor.user.id)))


@route(
    bp, "/notifications/settings/", "PATCH", "PUT", tag=TAG, summary=N_("Change how you are notified"), body=schemas.WishesIn,
    answer=schemas.WishesOut,
)  # fmt: skip
@access(Role.VIEWER)
def put_wishes() -> Response:
    """What is named is changed."""
    changes = read_model(schemas.WishesIn).model_dump(exclude_unset=True)
    wishes = settings.put(db.session(), g.actor.user.id, changes)
    db.session.commit()
    return jsonify(settings.wishes_json(wishes))
