"""The organization: its name, its time zone, and how it writes numbers and dates."""

from __future__ import annotations

from flask import Blueprint, Response, flash, g, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField
from wtforms.fields.choices import SelectChoice

from flowapp import workflows
from flowapp.accounts import members
from flowapp.catalog import N_
from flowapp.catalog.times import timezones
from flowapp.errors import InvalidError
from flowapp.events import audit
from flowapp.extensions import db
from flowapp.models import Organization, utcnow
from flowapp.records.lock import lock
from flowapp.security.roles import Role
from flowapp.web.access import access
from flowapp.web.edits import Edit, labels
from flowapp.web.nav import Nav
from flowapp.web.notation import locale_choices
from flowapp.web.render import go, page
from flowapp.web.texts import translated

bp = Blueprint("organization", __name__, url_prefix="/settings/organization")
NAV = Nav(
    20, N_("Organization"), "building", "organization.show", "/settings/organization", role=Role.ADMIN, group="settings"
)


class OrganizationForm(FlaskForm):  # type: ignore[misc]
    name = StringField(_l("Name"), render_kw={"required": True})
    timezone = SelectField(
        _l("Time zone"),
        description=_l("Used for schedules and relative times. Each member can choose a different one for display."),
    )

    locale = SelectField(
        _l("Numbers and dates"),
        default="",
        description=_l(
            "How people here write them, in tables, forms and files. Until you choose, “1,234” and “03/04/2026” are refused, "
            "because they can be read in two ways."
        ),
    )

    def __init__(self, **values: str | None) -> None:
        super().__init__(**values)
        self.locale.choices = [SelectChoice("", _("Not chosen")), *locale_choices()]
        self.timezone.choices = [SelectChoice(zone, zone) for zone in timezones()]


@bp.get("")
@access(Role.ADMIN)
def show() -> Response:
    """The form."""
    return _page(OrganizationForm(**_stored(g.organization)), _edit(g.organization))


def _stored(organization: Organization) -> dict[str, str]:
    return {name: getattr(organization, name) for name in ("name", "timezone", "locale")}


def _edit(organization: Organization) -> Edit:
    texts = {"name": _("Name"), "timezone": _("Time zone"), "locale": _("Numbers and dates")}
    return Edit(_stored(organization), labels(texts))


def _page(form: OrganizationForm, edit: Edit, status: int = 200) -> Response:
    return page("settings/organization.html", form=form, edit=edit, status=status)


@bp.post("")
@access(Role.ADMIN)
def save() -> Response:
    """Saves it."""
    form, organization = OrganizationForm(), db.session.get_one(Organization, g.organization.id)
    lock(db.session(), organization)
    before, edit = _stored(organization), _edit(organization)
    if not form.validate():
        return _page(form, edit, 422)
    merged = {name: str(value or "") for name, value in edit.merge({name: form[name].data for name in before}).items()}
    if edit.asks or "_refresh" in request.form:
        return _page(OrganizationForm(formdata=None, **merged), edit, edit.status)
    try:
        organization.name = members.clean_name(merged["name"])
    except InvalidError as error:
        form.name.errors = [translated(problem.message) for problem in error.problems]
        return _page(form, edit, 422)
    organization.timezone, organization.locale = merged["timezone"], merged["locale"]
    target = ("organization", organization.id, organization.name)
    audit(
        db.session(), "organization.updated", actor=g.actor.audit, target=target, details={"before": before},
    )  # fmt: skip
    if merged["timezone"] != before["timezone"]:
        workflows.reset_clocks(db.session(), utcnow())
    members.tell_organization(db.session(), organization, before, _stored(organization), g.actor.user.id)
    db.session.commit()
    edit.tell()
    flash(_("Saved"), "success")
    return go("organization.show")
