"""Forgotten passwords: a link that lets whoever has it choose a new one, once, within an hour. Its token's hash is stored.

Each call is one transaction of its own.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement, Engine, delete, func, select, update
from sqlalchemy.orm import Session

from flowapp.accounts.members import read_email
from flowapp.catalog import Email
from flowapp.errors import NotFoundError
from flowapp.models import PasswordReset, User, utcnow
from flowapp.models.tenancy import system_session
from flowapp.security.passwords import hash_password
from flowapp.security.tokens import hash_token, make_key
from flowapp.texts import localized, say

LIFETIME = timedelta(hours=1)
AT_ONCE = 5  # open links of one account: nobody's mailbox is filled by others


def begin(engine: Engine, email: str, *, at_most: int = AT_ONCE) -> tuple[User, str] | None:
    """The account of that address and the token of a new link.

    None where there is no account, or it has `at_most` open links already.
    """
    with system_session(engine) as system:
        system.execute(delete(PasswordReset).where(PasswordReset.expires_at <= utcnow()))
        user = system.scalar(select(User).where(User.email == read_email(email)))
        made = user and _add(system, user, at_most)
        system.commit()
    return (user, made) if user and made else None


def _add(system: Session, user: User, at_most: int) -> str:
    is_open = PasswordReset.user_id == user.id
    if (system.scalar(select(func.count()).select_from(PasswordReset).where(is_open)) or 0) >= at_most:
        return ""
    token = make_key(32)
    system.add(PasswordReset(user_id=user.id, token_hash=hash_token(token), expires_at=utcnow() + LIFETIME))
    return token


def email_of(user: User, token: str, link: str, *, otherwise: str) -> Email:
    """The e-mail that brings the link, in the person's language, else in `otherwise`."""
    language = user.locale or otherwise
    text = say(
        "Hello,\n\nsomeone asked for a new password for %(email)s on Flowapp. Open this link to choose one:\n\n"
        "%(link)s\n\nIt works once, for one hour. If this was not you, ignore this e-mail: nothing has changed.\n",
        email=user.email, link=link,
    )  # fmt: skip
    return Email(
        [user.email],
        localized(say("Choose a new password for Flowapp"), language),
        localized(text, language),
        message_id=f"<reset.{hash_token(token)[:32]}@flowapp>",
    )


def find(engine: Engine, token: str) -> User:
    """Whose link it is. NotFoundError where it was used, has expired, or was never made."""
    with system_session(engine) as system:
        owner = select(User).join(PasswordReset, PasswordReset.user_id == User.id)
        user = system.scalar(owner.where(*_live(token)))
    if user is None:
        raise _worthless()
    return user


def use(engine: Engine, token: str, password: str) -> User:
    """Sets the password, which ends all sessions of the person and every other link. NotFoundError as `find`; InvalidError
    at `password`; BusyError. Hashing holds no connection."""
    user = find(engine, token)
    fresh = hash_password(password)
    with system_session(engine) as system:
        used = system.execute(delete(PasswordReset).where(*_live(token)))
        if used.rowcount != 1:  # type: ignore[attr-defined]
            raise _worthless()  # somebody was faster
        system.execute(delete(PasswordReset).where(PasswordReset.user_id == user.id))
        changed = {"password_hash": fresh, "session_epoch": User.session_epoch + 1}
        system.execute(update(User).where(User.id == user.id).values(changed))
        system.commit()
    return user


def _live(token: str) -> tuple[ColumnElement[bool], ...]:
    return PasswordReset.token_hash == hash_token(token), PasswordReset.expires_at > utcnow()


def _worthless() -> NotFoundError:
    return NotFoundError(say("This link was already used or has expired. Ask for a new one."))
