"""Notifications: what the app has told a member."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from flowapp.errors import NotFoundError
from flowapp.models import Notification, iso, utcnow
from flowapp.notifications import changes
from flowapp.records.paging import FIRST, Page, PageAt, paginate
from flowapp.texts import say

NEWEST = 100  # the bell counts among these, so that it costs the same however many there are


def find(
    session: Session, user_id: str, *, unread: bool = False, at: PageAt = FIRST
) -> Page[Notification]:  # fmt: skip
    """The member's notifications, newest first. InvalidError for a broken cursor."""
    statement = select(Notification).where(Notification.user_id == user_id)
    if unread:
        statement = statement.where(Notification.read_at.is_(None))
    return paginate(session, statement, at, key=Notification.id, id_column=Notification.id)


def get(session: Session, user_id: str, notification_id: str) -> Notification:
    """The member's notification of that id. NotFoundError where there is none, or it is somebody else's."""
    notification = session.get(Notification, notification_id)
    if notification is None or notification.user_id != user_id:
        raise NotFoundError(say("There is no such notification."))
    return notification


def unread_count(session: Session, user_id: str) -> int:
    """How many of the member's newest hundred are unread."""
    newest = (
        select(Notification.read_at)
        .where(Notification.user_id == user_id)
        .order_by(Notification.id.desc())
        .limit(NEWEST)
        .subquery()
    )
    return session.scalar(select(func.count()).select_from(newest).where(newest.c.read_at.is_(None))) or 0


def mark_read(session: Session, user_id: str, ids: Sequence[str] | None = None) -> int:
    """Marks these, or all, as read; how many were not. The caller commits."""
    statement = update(Notification).where(Notification.user_id == user_id, Notification.read_at.is_(None))
    if ids is not None:
        statement = statement.where(Notification.id.in_(ids))
    changed = session.execute(statement.values(read_at=utcnow()).execution_options(synchronize_session=False))
    marked = int(changed.rowcount)  # type: ignore[attr-defined]
    if marked:
        changes.note(session, session.info["organization_id"], user_id)
    return marked


def notification_json(row: Notification) -> dict[str, object]:
    """The notification as answers and messages print it."""
    return {
        **{name: getattr(row, name) for name in ("id", "kind", "level", "title", "body", "link")},
        "created_at": iso(row.created_at),
        "read_at": iso(row.read_at),
    }
