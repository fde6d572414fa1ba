"""A forgotten password: asking for a link by e-mail, and choosing a new password with it."""

from __future__ import annotations

from flask import Blueprint, Response, flash, request
from flask_babel import get_locale, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import BooleanField, EmailField, PasswordField

from flowapp import tasks
from flowapp.accounts import members, password_resets, revocation
from flowapp.errors import InvalidError, NotFoundError
from flowapp.extensions import csrf, db, limiter
from flowapp.security.passwords import MIN_LENGTH
from flowapp.tasks import jobs
from flowapp.tasks.mail import InstallationMailer
from flowapp.web import sessions
from flowapp.web.access import public
from flowapp.web.render import go, page, to_url
from flowapp.web.texts import translated
from flowapp.web.throttle import count_try, forget_tries

bp = Blueprint("forgotten_password", __name__)


class AddressForm(FlaskForm):  # type: ignore[misc]
    email = EmailField(_l("E-mail"), render_kw={"autocomplete": "username", "autofocus": True, "required": True})


class NewPasswordForm(FlaskForm):  # type: ignore[misc]
    password = PasswordField(
        _l("New password"),
        description=_l("At least %(length)s characters.", length=MIN_LENGTH),
        render_kw={"autocomplete": "new-password", "autofocus": True, "required": True},
    )
    revoke = BooleanField(
        _l("Also revoke my API tokens"),
        description=_l("Choose this if someone else might know your password. Programs will need new tokens."),
    )


@bp.get("/forgotten-password")
@public("Whoever forgot their password cannot sign in.")
def show() -> Response:
    """Asks for the address; afterwards it says what to expect, whoever asked."""
    return _page(AddressForm())


def _page(form: AddressForm, status: int = 200) -> Response:
    catches = InstallationMailer(tasks.runtime()).catches
    return page(
        "public/login/forgotten.html", status=status, form=form, sent="sent" in request.args, catches=catches
    )  # fmt: skip


@bp.post("/forgotten-password")
@public("Whoever forgot their password cannot sign in.")
def ask() -> Response:
    """Has the link sent. The answer is the same, and takes the same time, whether or not there is an account."""
    csrf.protect()
    form = AddressForm()
    form.validate()
    email = members.read_email(form.email.data or "")
    count_try(email, "forgotten password")
    if not email:
        form.email.errors = [_("Enter an e-mail address, for example ann@example.com.")]
        return _page(form, 422)
    tasks.runtime().pause.refuse()
    language = str(get_locale() or "en")
    jobs.send("send_password_reset", email=email, language=language, ip=request.remote_addr or "")
    return go("forgotten_password.show", sent=1)


@bp.get("/reset-password/<token>")
@public("The link is the key; who follows it has forgotten their password.")
@limiter.limit("30/minute")
def choose(token: str) -> Response:
    """Asks for the new password. The link stays good: something else may have opened it before the person did."""
    return _choose(token, NewPasswordForm())


def _choose(token: str, form: NewPasswordForm, status: int = 200) -> Response:
    try:
        user = password_resets.find(db.engine, token)
    except NotFoundError:
        return page("public/login/reset.html", status=404, form=None)
    return page("public/login/reset.html", status=status, form=form, email=user.email)


@bp.post("/reset-password/<token>")
@public("The link is the key; who follows it has forgotten their password.")
@limiter.limit("30/minute")
def change(token: str) -> Response:
    """Sets the password: the link is used up, and the person is signed out everywhere."""
    csrf.protect()
    form = NewPasswordForm()
    form.validate()
    try:
        user = password_resets.use(db.engine, token, form.password.data or "")
    except InvalidError as error:
        form.password.errors = [translated(problem.message) for problem in error.problems]
        return _choose(token, form, 422)
    except NotFoundError:
        return _choose(token, form)
    ip = request.remote_addr or ""
    members.note(db.engine, "user.password_reset", user, ip=ip)
    revoked = revocation.revoke_tokens(db.engine, user, ip=ip) if form.revoke.data else 0
    forget_tries(user.email)
    if current_user.is_authenticated:
        sessions.end()
    flash(_("Your password was changed. Sign in with the new one."), "success")
    if revoked:
        flash(ngettext("%(num)d API token was revoked.", "%(num)d API tokens were revoked.", revoked), "success")
    return to_url("/login")
