"""One's own account: name, language, time zone, theme, password, organizations."""

from __future__ import annotations

from flask import Blueprint, Response, flash, g, request, session
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_login import login_user
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import BooleanField, PasswordField, SelectField, StringField
from wtforms.fields.choices import SelectChoice

from flowapp.accounts import members, revocation
from flowapp.catalog import N_
from flowapp.catalog.times import timezones
from flowapp.errors import InvalidError, NotFoundError
from flowapp.events import audit
from flowapp.extensions import db
from flowapp.models import Member, Organization, User
from flowapp.models.tenancy import system_session
from flowapp.security.passwords import MIN_LENGTH
from flowapp.security.roles import Role
from flowapp.web.access import access
from flowapp.web.locale import select_theme
from flowapp.web.nav import Nav
from flowapp.web.render import go, page
from flowapp.web.texts import translated
from flowapp.web.throttle import count_try, forget_tries

bp = Blueprint("profile", __name__, url_prefix="/settings/profile")
NAV = Nav(10, N_("Profile"), "user-circle", "profile.show", "/settings/profile", group="settings")
_YEAR = 31_536_000


class ProfileForm(FlaskForm):  # type: ignore[misc]
    name = StringField(_l("Name"), render_kw={"autocomplete": "name", "required": True})
    locale = SelectField(
        _l("Language"),
        choices=[
            SelectChoice("", _l("Same as browser")),
            SelectChoice("en", "English"),
            SelectChoice("fr", "Français"),
        ],
    )
    timezone = SelectField(_l("Time zone"))
    theme = SelectField(
        _l("Theme"),
        choices=[
            SelectChoice("auto", _l("Same as system")),
            SelectChoice("light", _l("Light")),
            SelectChoice("dark", _l("Dark")),
        ],
    )

    def __init__(self, **values: str) -> None:
        super().__init__(**values)
        like = _("Same as the organization (%(zone)s)", zone=g.organization.timezone)
        zones = [SelectChoice(zone, zone) for zone in timezones()]
        self.timezone.choices = [SelectChoice("", like), *zones]


class PasswordForm(FlaskForm):  # type: ignore[misc]
    current_password = PasswordField(
        _l("Current password"), render_kw={"autocomplete": "current-password", "required": True}
    )
    password = PasswordField(
        _l("New password"),
        description=_l("At least %(length)s characters.", length=MIN_LENGTH),
        render_kw={"autocomplete": "new-password", "required": True},
    )
    revoke = BooleanField(
        _l("Also revoke my API tokens"),
        description=_l("Choose this if someone else might know your password. Programs will need new tokens."),
    )


def _page(form: ProfileForm | None = None, password_form: PasswordForm | None = None) -> Response:
    user = g.actor.user
    form_shown = form or ProfileForm(
        name=user.name, locale=user.locale, timezone=user.timezone, theme=select_theme()
    )  # fmt: skip
    return page(
        "settings/profile.html",
        form=form_shown,
        password_form=password_form or PasswordForm(formdata=None),
        organizations=_organizations(),
        tokens=revocation.count_tokens(db.engine, user.id),
        status=422 if form or password_form else 200,
    )


def _organizations() -> list[tuple[Organization, str]]:
    """The user's organizations, each with their role there."""
    with system_session(db.engine) as system:
        query = select(Organization, Member.role).join(Member, Member.organization_id == Organization.id)
        rows = system.execute(query.filter(Member.user_id == g.actor.user.id).order_by(Organization.name)).all()
        return [(row[0], row[1]) for row in rows]


@bp.get("")
@access(Role.VIEWER, person=True)
def show() -> Response:
    """The account and its password."""
    return _page()


@bp.post("")
@access(Role.VIEWER, person=True)
def save() -> Response:
    """Saves name, language, time zone and theme; language and theme count at once, in this browser."""
    form = ProfileForm()
    if not form.validate():
        return _page(form)
    user = db.session.get_one(User, g.actor.user.id)
    try:
        user.name = members.clean_name(form.name.data or "")
    except InvalidError as error:
        form.name.errors = [translated(problem.message) for problem in error.problems]
        return _page(form)
    user.locale, user.timezone = form.locale.data, form.timezone.data
    _note("user.updated", user)
    flash(_("Saved"), "success")
    response = go("profile.show")
    response.set_cookie(
        "theme", form.theme.data, max_age=_YEAR, samesite="Lax", secure=request.is_secure, httponly=True
    )  # fmt: skip
    response.set_cookie(
        "locale", user.locale, max_age=_YEAR if user.locale else 0, samesite="Lax", secure=request.is_secure, httponly=True
    )  # fmt: skip
    return response


@bp.post("/password")
@access(Role.VIEWER, person=True)
def password() -> Response:
    """Changes the password; every other session of the user ends, and, where wanted, their API tokens."""
    form = PasswordForm()
    form.validate()
    count_try(g.actor.user.email)
    current, new = form.current_password.data or "", form.password.data or ""
    try:
        user = members.change_password(db.session(), g.actor.user.id, current, new)
    except InvalidError as error:
        for problem in error.problems:
            form[problem.path].errors = [translated(problem.message)]
        if not form.current_password.errors:  # that one was right
            forget_tries(g.actor.user.email)
        return _page(password_form=form)
    forget_tries(user.email)
    _note("user.password_changed", user)
    login_user(user)
    flash(_("Your password was changed. Other browsers were signed out."), "success")
    if form.revoke.data and (count := revocation.revoke_tokens(db.engine, user, ip=request.remote_addr or "")):
        flash(ngettext("%(num)d API token was revoked.", "%(num)d API tokens were revoked.", count), "success")
    return go("profile.show")


@bp.post("/organization")
@access(Role.VIEWER, person=True)
def switch() -> Response:
    """Goes on in another organization of the user."""
    wanted = request.form.get("organization", "")
    if wanted not in {place.id for place, _role in _organizations()}:
        raise NotFoundError(_("There is no such organization."))
    session["organization_id"] = wanted
    return go("profile.show")


def _note(action: str, user: User) -> None:
    audit(db.session(), action, actor=g.actor.audit, target=("user", user.id, user.email))
    db.session.commit()
