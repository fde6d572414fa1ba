"""Session cookies that are Secure wherever the request came over HTTPS, without a setting to forget."""

from __future__ import annotations

from flask import Flask, request
from flask.sessions import SecureCookieSessionInterface


class SessionInterface(SecureCookieSessionInterface):
    """Flask's signed cookie; Secure over HTTPS, or always with FLOWAPP_COOKIE_SECURE=yes."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return bool(app.config["SESSION_COOKIE_SECURE"]) or request.is_secure
