"""Whoever connected a service is told that its credentials expire, or that somebody has to sign in again; where they are no
admin any more, all admins are."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.models import ROLES, Integration, Member, Notification, Organization
from flowapp.notifications import changes, settings
from flowapp.texts import localized

KIND = "connection"
_MAY_CONNECT = ROLES[: ROLES.index("admin") + 1]


def tell(session: Session, row: Integration, title: str, body: str, *, key: str = "", level: str = "danger") -> int:
    """Writes the notifications; how many. With a `key`, which is at most 70 characters, whom it told before is not told again.
    The caller commits."""
    organization = session.get_one(Organization, row.organization_id)
    people = _people(session, row)
    wishes = settings.wishes(session, organization.id, KIND, [member.user_id for member in people])
    told = 0
    for member in people:
        own_key = f"{key}:{member.user_id}" if key else None
        if own_key and session.scalar(select(Notification.id).where(Notification.source_key == own_key)):
            continue
        language = organization.language_for(member.user)
        notification = Notification(
            user_id=member.user_id, kind=KIND, level=level, title=localized(title, language)[:300],
            body=localized(body, language), link=f"/integrations/{row.id}", source_key=own_key,
        )  # fmt: skip
        changes.write(session, wishes[member.user_id], notification)
        told += 1
    return told


def _people(session: Session, row: Integration) -> list[Member]:
    admins = list(session.scalars(select(Member).where(Member.role.in_(_MAY_CONNECT)).order_by(Member.id)))
    return [member for member in admins if member.user_id == row.connected_by] or admins
