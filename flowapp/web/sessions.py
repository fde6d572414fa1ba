"""Sessions: signed cookies with an id, so that signing out ends them here and not in one browser only."""

from __future__ import annotations

from flask import Flask, Request, g, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_login import current_user, login_user, logout_user
from sqlalchemy import select

from flowapp.accounts import revocation
from flowapp.extensions import db
from flowapp.models import User, new_id
from flowapp.models.tenancy import system_session

_ID = "session_id"


def begin(user: User, *, remember: bool = True) -> None:
    """Signs `user` in, in a new session; kept for 14 days after the last visit where `remember`."""
    session.clear()
    g.pop("csrf_token", None)  # of the session that was
    login_user(user)
    session[_ID] = new_id()
    session.permanent = remember


def end() -> None:
    """Ends the session: its cookie is worth nothing any more, wherever a copy of it lies."""
    if current_user.is_authenticated:
        revocation.end_session(db.engine, current_user.id, session_id())
    logout_user()
    session.clear()


def session_id() -> str | None:
    """The id of this session; None where it has none: nobody signed in, or an earlier release began it."""
    return session.get(_ID)


def load_user(key: str) -> User | None:
    """Flask-Login's: the user of `User.get_id()`, while neither the session nor all of the user's were ended."""
    user_id, _, epoch = key.partition(":")
    wanted, known = select(User).where(User.id == user_id), session_id()
    if known is not None:
        wanted = wanted.where(~revocation.was_ended(known))
    with system_session(db.engine) as system:
        user = system.scalar(wanted)
        return user if user and str(user.session_epoch) == epoch else None


class SessionInterface(SecureCookieSessionInterface):
    """Flask's signed cookie; Secure over HTTPS, or always with FLOWAPP_COOKIE_SECURE=yes."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """As Flask does it; but to see that there is no cookie takes no signer."""
        if self.get_cookie_name(app) not in request.cookies:
            return self.session_class()
        return super().open_session(app, request)

    def get_cookie_secure(self, app: Flask) -> bool:
        return bool(app.config["SESSION_COOKIE_SECURE"]) or request.is_secure
