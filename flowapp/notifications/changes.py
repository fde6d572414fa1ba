"""What a session writes for its members: after its commit (tasks.endings) their bells are told, and e-mails are sent."""

from __future__ import annotations

from sqlalchemy import event
from sqlalchemy.orm import Session, object_session

from flowapp.models import Notification
from flowapp.notifications.settings import Wish, told

MAILED = "mailed_notifications"  # in Session.info: the ids of those that are e-mailed
NOTIFIED = "members whose notifications changed"  # in Session.info: a set of (organization, user)


def note(session: Session, organization_id: str, user_id: str) -> None:
    """That member has more, or fewer, unread notifications once the session is committed."""
    session.info.setdefault(NOTIFIED, set()).add((organization_id, user_id))


def write(session: Session, wish: Wish, notification: Notification) -> None:
    """Writes it for somebody with that wish: in the app now, by e-mail once the session is committed."""
    session.add(told(wish, notification))
    session.flush()
    if wish.by_email:
        session.info.setdefault(MAILED, []).append(notification.id)


@event.listens_for(Notification, "after_insert")
def _written(_mapper: object, _connection: object, row: Notification) -> None:
    if (session := object_session(row)) is not None:
        note(session, row.organization_id, row.user_id)
