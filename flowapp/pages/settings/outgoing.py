"""Outgoing connections: which private hosts and networks the organization's calls may reach."""

from __future__ import annotations

from flask import Blueprint, Response, flash, g
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import TextAreaField

from flowapp import tasks
from flowapp.accounts.outgoing import allowed_of, set_allowed
from flowapp.catalog import N_
from flowapp.errors import InvalidError
from flowapp.extensions import db
from flowapp.models import Organization
from flowapp.security.roles import Role
from flowapp.web.access import access
from flowapp.web.nav import Nav
from flowapp.web.render import go, page
from flowapp.web.texts import translated

bp = Blueprint("outgoing", __name__, url_prefix="/settings/outgoing")
NAV = Nav(
    52,
    N_("Outgoing connections"),
    "route",
    "outgoing.show",
    "/settings/outgoing",
    role=Role.ADMIN,
    group="settings",
)


class OutgoingForm(FlaskForm):  # type: ignore[misc]
    allow = TextAreaField(
        _l("Private hosts and networks"),
        description=_l("One per line: a host, an address or a range."),
        render_kw={"rows": 8, "placeholder": "db.internal\n10.0.0.0/24", "spellcheck": "false"},
    )


def _page(form: OutgoingForm, status: int = 200) -> Response:
    settable = tasks.runtime().outgoing.is_settable(g.organization.id)
    return page("settings/outgoing.html", form=form, settable=settable, status=status)


@bp.get("")
@access(Role.ADMIN)
def show() -> Response:
    """The list."""
    return _page(OutgoingForm(allow="\n".join(allowed_of(g.organization))))


@bp.post("")
@access(Role.ADMIN)
def save() -> Response:
    """Keeps it."""
    outgoing = tasks.runtime().outgoing
    outgoing.refuse_setting(g.organization.id)
    form, organization = OutgoingForm(), db.session.get_one(Organization, g.organization.id)
    form.validate()
    lines = [line for line in (form.allow.data or "").splitlines() if line.strip()]
    try:
        set_allowed(db.session(), organization, lines, g.actor.audit)
    except InvalidError as error:
        form.allow.errors = [translated(problem.message) for problem in error.problems]
        return _page(form, 422)
    db.session.commit()
    outgoing.forget()
    flash(_("Saved"), "success")
    return go("outgoing.show")
