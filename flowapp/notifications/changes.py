"""Whose notifications a session changes: what their bells are told of after its commit (tasks.endings)."""

from __future__ import annotations

from sqlalchemy import event
from sqlalchemy.orm import Session, object_session

from flowapp.models import Notification

NOTIFIED = "members whose notifications changed"  # in Session.info: a set of (organization, user)


def note(session: Session, organization_id: str, user_id: str) -> None:
    """That member has more, or fewer, unread notifications once the session is committed."""
    session.info.setdefault(NOTIFIED, set()).add((organization_id, user_id))


@event.listens_for(Notification, "after_insert")
def _written(_mapper: object, _connection: object, row: Notification) -> None:
    if (session := object_session(row)) is not None:
        note(session, row.organization_id, row.user_id)
