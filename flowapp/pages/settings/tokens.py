"""API tokens: what programs sign in with."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, Response, flash, g
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import SelectField, StringField
from wtforms.fields.choices import SelectChoice

from flowapp.accounts import members
from flowapp.catalog import N_
from flowapp.errors import InvalidError
from flowapp.events import audit
from flowapp.extensions import db
from flowapp.models import AccessToken, utcnow
from flowapp.security.roles import Role
from flowapp.web import one_time
from flowapp.web.access import access
from flowapp.web.nav import Nav
from flowapp.web.render import go, page
from flowapp.web.texts import translated

bp = Blueprint("tokens", __name__, url_prefix="/settings/tokens")
NAV = Nav(40, N_("API tokens"), "key", "tokens.index", "/settings/tokens", group="settings")
ROLES = {
    Role.VIEWER: _l("Viewer: can read"),
    Role.OPERATOR: _l("Operator: can also run and cancel"),
    Role.EDITOR: _l("Editor: can also change workflows"),
    Role.ADMIN: _l("Admin: can also change settings"),
    Role.OWNER: _l("Owner: can do everything"),
}


class TokenForm(FlaskForm):  # type: ignore[misc]
    name = StringField(
        _l("Name"), description=_l("What will use the token, for example “Website”."), render_kw={"required": True}
    )
    role = SelectField(_l("Role"))
    days = SelectField(
        _l("Expires"),
        default="365",
        choices=[
            SelectChoice("30", _l("In 30 days")),
            SelectChoice("90", _l("In 90 days")),
            SelectChoice("365", _l("In one year")),
            SelectChoice("", _l("Never")),
        ],
    )

    def __init__(self) -> None:
        super().__init__()
        self.role.choices = [SelectChoice(r.label, text) for r, text in ROLES.items() if r <= g.actor.role]


@bp.get("")
@access(Role.VIEWER, person=True)
def index() -> Response:
    """One's own tokens; admins see everybody's."""
    query = select(AccessToken).filter_by(revoked_at=None).order_by(AccessToken.id.desc())
    if g.actor.role < Role.ADMIN:
        query = query.filter_by(user_id=g.actor.user.id)
    return page("settings/tokens.html", tokens=db.session.scalars(query).all(), now=utcnow())


@bp.get("/new")
@access(Role.VIEWER, person=True)
def new() -> Response:
    """The form of a new token."""
    return page("settings/token.html", form=TokenForm())


@bp.post("/new")
@access(Role.VIEWER, person=True)
def create() -> Response:
    """Makes a token; on to the page that shows it, this once: a reload makes no second one."""
    form = TokenForm()
    if not form.validate():
        return page("settings/token.html", form=form, status=422)
    expires = utcnow() + timedelta(days=int(form.days.data)) if form.days.data else None
    try:
        row, text = members.create_token(
            db.session(),
            g.actor.user.id,
            form.name.data or "",
            Role.read(form.role.data),
            by=g.actor.role,
            expires_at=expires,
        )
    except InvalidError as error:
        for problem in error.problems:
            form[problem.path].errors = [translated(problem.message)]
        return page("settings/token.html", form=form, status=422)
    _note("token.created", row)
    one_time.keep(f"token {row.id}", text)
    return go("tokens.show", token_id=row.id)


@bp.get("/<uuid:token_id>")
@access(Role.VIEWER, person=True)
def show(token_id: str) -> Response:
    """A token; its text where it was made a moment ago."""
    row = members.get_token(db.session(), str(token_id), user_id=g.actor.user.id, by=g.actor.role)
    return page("settings/token_made.html", token=row, text=one_time.take(f"token {row.id}"), now=utcnow())


@bp.post("/<uuid:token_id>/revoke")
@access(Role.VIEWER, person=True)
def revoke(token_id: str) -> Response:
    """Ends a token at once."""
    row = members.revoke_token(db.session(), str(token_id), user_id=g.actor.user.id, by=g.actor.role)
    _note("token.revoked", row)
    flash(_("The token “%(name)s” no longer works.", name=row.name), "success")
    return go("tokens.index")


def _note(action: str, row: AccessToken) -> None:
    audit(
        db.session(), action, actor=g.actor.audit, target=("token", row.id, row.name), details={"role": row.role},
    )  # fmt: skip
    db.session.commit()
