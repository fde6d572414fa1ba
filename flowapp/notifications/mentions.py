"""Members are told that a note mentions them: in the app, and by e-mail as they wish."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.catalog import Email
from flowapp.models import Member, Notification, Organization, User
from flowapp.notifications import changes, settings
from flowapp.notifications.alerts import AlertText, email
from flowapp.texts import localized, say

KIND = "mention"
MOST_SAID = 500  # characters of the note


def tell(session: Session, user_ids: Collection[str], *, author: str, text: str, link: str) -> None:
    """Writes a notification for each of these members; `author` wrote the text, which is about what `link` leads to."""
    organization = session.get_one(Organization, session.info["organization_id"])
    wishes = settings.wishes(session, organization.id, KIND, user_ids)
    title = (
        say("%(name)s mentioned you in a note", name=author) if author else say("A workflow mentioned you in a note")
    )
    for member in session.scalars(select(Member).where(Member.user_id.in_(user_ids))):
        user = member.user
        words = localized(title, organization.language_for(user))[:300]
        row = Notification(user_id=user.id, kind=KIND, title=words, body=text[:MOST_SAID], link=link)
        changes.write(session, wishes[user.id], row)


def emails(session: Session, ids: Collection[str], *, url: str, sender_name: str) -> list[Email]:
    """The e-mails of these notifications, as they were written."""
    rows = session.execute(
        select(Notification, User).join(User, User.id == Notification.user_id).where(Notification.id.in_(ids))
    )
    return [
        email(user, AlertText(row.title, row.body, row.link), key=row.id, url=url, sender_name=sender_name)
        for row, user in rows
    ]
