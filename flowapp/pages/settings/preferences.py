"""Theme and language: cookies, so that they work signed out too."""

from __future__ import annotations

from flask import Blueprint, Response, request
from flask_login import current_user
from wtforms.fields.choices import SelectChoice

from flowapp.extensions import csrf, db
from flowapp.models import User
from flowapp.web.access import public
from flowapp.web.forms.page import ChoiceField, PageForm, text
from flowapp.web.locale import LOCALES, THEMES
from flowapp.web.render import safe_next, to_url

bp = Blueprint("preferences", __name__)
_YEAR = 31_536_000


class PreferencesForm(PageForm):
    """One of both, from a menu; unknown values are none."""

    theme = ChoiceField(choices=[SelectChoice(theme) for theme in THEMES], default="", validate_choice=False)
    locale = ChoiceField(choices=[SelectChoice(locale) for locale in LOCALES], default="", validate_choice=False)
    next = text()


@bp.post("/preferences")
@public("The sign-in page can be dark and French too.")
def save() -> Response:
    """Keeps `theme` or `locale` in a cookie, and goes on to `next`. Unknown values change nothing."""
    csrf.protect()
    form = PreferencesForm(request.form)
    response = to_url(safe_next(form.next.data, "/"))
    for field in (form.theme, form.locale):
        if field.data:
            response.set_cookie(
                field.name, field.data, max_age=_YEAR, samesite="Lax", secure=request.is_secure, httponly=True
            )  # fmt: skip
    if form.locale.data and current_user.is_authenticated:
        db.session.get_one(User, current_user.id).locale = form.locale.data
        db.session.commit()
    return response
