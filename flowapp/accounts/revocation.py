"""What ends at once and on the server: sessions at sign-out, a member's sessions and access tokens."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement, Engine, Update, delete, exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from flowapp.events import audit
from flowapp.models import AccessToken, EndedSession, Member, User, utcnow
from flowapp.models.tenancy import system_session, tenant_session

COOKIES_LIVE = timedelta(days=15)  # a day longer than a session's cookie is accepted


def was_ended(session_id: str) -> ColumnElement[bool]:
    """Whether the session of that id was signed out, as part of another query."""
    return exists().where(EndedSession.id == session_id)


def end_session(engine: Engine, user_id: str, session_id: str | None) -> None:
    """Ends one session. One without an id (begun by an earlier release) takes the user's others along."""
    now = utcnow()
    with system_session(engine) as system:
        if session_id is None:
            system.execute(_without_sessions(user_id))
        else:
            insert = (sqlite if engine.dialect.name == "sqlite" else postgresql).insert(EndedSession)
            system.execute(insert.values(id=session_id, ended_at=now).on_conflict_do_nothing())
            system.execute(delete(EndedSession).where(EndedSession.ended_at < now - COOKIES_LIVE))
        system.commit()


def end_sessions_without_membership(engine: Engine, user_id: str) -> None:
    """Signs a person out everywhere who belongs to no organization any more."""
    with system_session(engine) as system:
        system.execute(_without_sessions(user_id).where(~exists().where(Member.user_id == user_id)))
        system.commit()


def _without_sessions(user_id: str) -> Update:
    raised = update(User).where(User.id == user_id).values(session_epoch=User.session_epoch + 1)
    return raised.execution_options(synchronize_session=False)


def count_tokens(engine: Engine, user_id: str) -> int:
    """How many access tokens the user has that are not revoked, in all organizations."""
    with system_session(engine) as system:
        return system.scalar(select(func.count()).select_from(AccessToken).where(*_live(user_id))) or 0


def revoke_tokens(engine: Engine, user: User, *, ip: str = "") -> int:
    """Revokes all access tokens of a user, with an audit line for each where it belongs; how many."""
    with system_session(engine) as system:
        organization_ids = system.scalars(select(AccessToken.organization_id).where(*_live(user.id)).distinct()).all()
    done = 0
    for organization_id in organization_ids:
        with tenant_session(engine, organization_id) as own:
            for row in own.scalars(select(AccessToken).where(*_live(user.id))):
                row.revoked_at, done = utcnow(), done + 1
                target = ("token", row.id, row.name)
                audit(own, "token.revoked", actor=(user.id, user.email), target=target, details={"role": row.role}, ip=ip)  # fmt: skip
            own.commit()
    return done


def _live(user_id: str) -> tuple[ColumnElement[bool], ...]:
    return AccessToken.user_id == user_id, AccessToken.revoked_at.is_(None)
