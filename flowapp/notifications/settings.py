"""What members want to be told of, and how: by the bell, by e-mail, both or neither. One row for each kind that somebody chose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.catalog import N_
from flowapp.errors import InvalidError
from flowapp.models import Notification, NotificationSetting, User, utcnow
from flowapp.texts import say

KINDS: Mapping[str, str] = {
    "mention": N_("Someone mentions you in a note"),
    "decision": N_("A workflow asks you to decide"),
    "message": N_("A workflow has a message for you"),
    "alert": N_("A workflow fails, recovers or was stopped"),
    "job": N_("A job that you started ends"),
    "connection": N_("A service that you connected needs new credentials"),
}


@dataclass(frozen=True, slots=True)
class Wish:
    """How a member is told of a kind of things. Not `in_app`: it stands in the list as read, and the bell does not count it."""

    in_app: bool = True
    by_email: bool = True


def wishes(session: Session, organization_id: str, kind: str, user_ids: Iterable[str]) -> dict[str, Wish]:
    """How each of these members is told of a kind of things."""
    ids = list(user_ids)
    of_these = (
        NotificationSetting.organization_id == organization_id,
        NotificationSetting.kind == kind,
        NotificationSetting.user_id.in_(ids),
    )
    chosen = {
        row.user_id: Wish(row.in_app, row.by_email)
        for row in session.scalars(select(NotificationSetting).where(*of_these))
    }
    return {user_id: chosen.get(user_id, Wish()) for user_id in ids}


def by_email(session: Session, organization_id: str, kind: str, people: Sequence[User]) -> list[User]:
    """Those of these members who want such things by e-mail."""
    known = wishes(session, organization_id, kind, [user.id for user in people])
    return [user for user in people if known[user.id].by_email]


def of(session: Session, user_id: str) -> dict[str, Wish]:
    """What a member of the session's organization chose, by kind."""
    rows = session.scalars(select(NotificationSetting).where(NotificationSetting.user_id == user_id))
    chosen = {row.kind: Wish(row.in_app, row.by_email) for row in rows}
    return {kind: chosen.get(kind, Wish()) for kind in KINDS}


def put(session: Session, user_id: str, changes: Mapping[str, Mapping[str, bool]]) -> dict[str, Wish]:
    """Changes the kinds that are named, of each what is named. InvalidError for an unknown kind. The caller commits."""
    if unknown := [kind for kind in changes if kind not in KINDS]:
        raise InvalidError.at(unknown[0][:50], say("Choose one of: %(options)s.", options=", ".join(KINDS)), "unknown")
    known = of(session, user_id)
    for kind, change in changes.items():
        wish = {**asdict(known[kind]), **change}
        session.merge(
            NotificationSetting(organization_id=session.info["organization_id"], user_id=user_id, kind=kind, **wish)
        )
    session.flush()
    return of(session, user_id)


def told(wish: Wish, notification: Notification) -> Notification:
    """The notification as it is written for somebody with that wish."""
    if not wish.in_app:
        notification.read_at = utcnow()
    return notification


def wishes_json(wishes: Mapping[str, Wish]) -> dict[str, dict[str, bool]]:
    """The wishes as answers print them."""
    return {kind: asdict(wish) for kind, wish in wishes.items()}
