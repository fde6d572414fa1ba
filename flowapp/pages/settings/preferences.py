"""Theme and language: cookies, so that they work signed out too."""

from __future__ import annotations

from flask import Blueprint, Response, request
from flask_login import current_user

from flowapp.extensions import csrf, db
from flowapp.models import User
from flowapp.web.access import public
from flowapp.web.locale import LOCALES, THEMES
from flowapp.web.render import safe_next, to_url

bp = Blueprint("preferences", __name__)
_YEAR = 31_536_000


@bp.post("/preferences")
@public("The sign-in page can be dark and French too.")
def save() -> Response:
    """Keeps `theme` or `locale` in a cookie, and goes on to `next`. Unknown values change nothing."""
    csrf.protect()
    response = to_url(safe_next(request.form.get("next"), "/"))
    for name, allowed in (("theme", THEMES), ("locale", LOCALES)):
        value = request.form.get(name, "")
        if value in allowed:
            response.set_cookie(name, value, max_age=_YEAR, samesite="Lax", secure=request.is_secure, httponly=True)
            if name == "locale" and current_user.is_authenticated:
                db.session.get_one(User, current_user.id).locale = value
                db.session.commit()
    return response
