"""Session cookies that are Secure wherever the request came over HTTPS, without a setting to forget."""

from __future__ import annotations

from flask import Flask, Request, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface


class SessionInterface(SecureCookieSessionInterface):
    """Flask's signed cookie; Secure over HTTPS, or always with FLOWAPP_COOKIE_SECURE=yes."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """As Flask does it; but to see that there is no cookie takes no signer."""
        if self.get_cookie_name(app) not in request.cookies:
            return self.session_class()
        return super().open_session(app, request)

    def get_cookie_secure(self, app: Flask) -> bool:
        return bool(app.config["SESSION_COOKIE_SECURE"]) or request.is_secure
