"""Signing in and out."""

from __future__ import annotations

from flask import Blueprint, Response, request
from flask_babel import gettext as _
from flask_login import current_user

from flowapp.accounts import members
from flowapp.extensions import csrf, db
from flowapp.web import sessions
from flowapp.web.access import public
from flowapp.web.kept import LoginForm, shown_again
from flowapp.web.render import page, safe_next, to_url
from flowapp.web.throttle import count_try, forget_tries

bp = Blueprint("login", __name__)


@bp.get("/login")
@public("One signs in here.")
def show() -> Response:
    """The sign-in form; who is signed in goes on."""
    if current_user.is_authenticated:
        return to_url(safe_next(request.args.get("next"), "/"))
    return page("public/login/show.html", form=LoginForm())


@bp.post("/login")
@public("One signs in here.")
def enter() -> Response:
    """Signs in, in a new session. An unknown e-mail and a wrong password look the same and take the same time."""
    csrf.protect()
    form = LoginForm()
    form.validate()
    email = members.read_email(form.email.data or "")
    count_try(email)
    user = members.sign_in(db.engine, email, form.password.data or "")
    if user is None:
        form.form_errors.append(_("The e-mail address or password is wrong."))
        return page("public/login/show.html", form=form, kept=request.form.get("_kept", ""), status=422)
    forget_tries(email)
    sessions.begin(user, remember=bool(form.remember.data))
    members.note(db.engine, "user.signed_in", user, ip=request.remote_addr or "")
    response = shown_again(request.form.get("_kept", "")) or to_url(safe_next(request.args.get("next"), "/"))
    if user.locale:
        response.set_cookie("locale", user.locale, max_age=31_536_000, samesite="Lax", secure=request.is_secure)
    return response


@bp.post("/logout")
@public("Whoever is not signed in is signed out already.")
def leave() -> Response:
    """Signs out of this browser: the session ends on the server too, with every copy of its cookie."""
    csrf.protect()
    if current_user.is_authenticated:
        members.note(db.engine, "user.signed_out", current_user, ip=request.remote_addr or "")
    sessions.end()
    return to_url("/login")
