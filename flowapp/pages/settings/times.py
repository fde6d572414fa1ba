"""Times: when the organization's jobs and simple schedules are due, by its own clock."""

from __future__ import annotations

from flask import Blueprint, Response, flash, g
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField
from wtforms.fields.choices import SelectChoice

from flowapp import workflows
from flowapp.accounts import members
from flowapp.accounts.times import DAYS, LAST_DAY, set_times, times_of
from flowapp.catalog import N_
from flowapp.errors import InvalidError
from flowapp.events import audit
from flowapp.extensions import db
from flowapp.models import Organization, utcnow
from flowapp.security.roles import Role
from flowapp.web.access import access
from flowapp.web.nav import Nav
from flowapp.web.render import go, page
from flowapp.web.texts import translated

bp = Blueprint("times", __name__, url_prefix="/settings/times")
NAV = Nav(22, N_("Times"), "alarm", "times.show", "/settings/times", role=Role.ADMIN, group="settings")
_NAMES = (
    N_("Monday"), N_("Tuesday"), N_("Wednesday"), N_("Thursday"), N_("Friday"), N_("Saturday"), N_("Sunday"),
)  # fmt: skip
_AT = {"type": "time", "required": True}
# By field of the form which time it is, and what of it.
PARTS = {
    "inactivity_at": ("check_inactivity_workflows", "at"),
    "daily_at": ("daily", "at"),
    "weekly_weekday": ("weekly", "weekday"),
    "weekly_at": ("weekly", "at"),
    "monthly_day": ("monthly", "day"),
    "monthly_at": ("monthly", "at"),
}


class TimesForm(FlaskForm):  # type: ignore[misc]
    inactivity_at = StringField(_l("Every night at"), render_kw=_AT)
    daily_at = StringField(_l("Every day at"), render_kw=_AT)
    weekly_weekday = SelectField(
        _l("Every week on"), choices=[SelectChoice(day, _l(name)) for day, name in zip(DAYS, _NAMES, strict=True)]
    )
    weekly_at = StringField(_l("At"), render_kw=_AT)
    monthly_day = SelectField(
        _l("Every month on day"),
        choices=[
            *(SelectChoice(str(day), str(day)) for day in range(1, LAST_DAY + 1)),
            SelectChoice("last", _l("Last day of the month")),
        ],
    )
    monthly_at = StringField(_l("At"), render_kw=_AT)


@bp.get("")
@access(Role.ADMIN)
def show() -> Response:
    """The form."""
    known = times_of(g.organization)
    return page("settings/times.html", form=TimesForm(**{f: str(known[n][key]) for f, (n, key) in PARTS.items()}))


@bp.post("")
@access(Role.ADMIN)
def save() -> Response:
    """Saves them; what is due by them is set anew."""
    form, organization = TimesForm(), db.session.get_one(Organization, g.organization.id)
    if not form.validate():
        return page("settings/times.html", form=form, status=422)
    given: dict[str, dict[str, object]] = {}
    for field, (name, key) in PARTS.items():
        given.setdefault(name, {})[key] = form[field].data
    try:
        before = set_times(db.session(), organization, given)
    except InvalidError as error:
        for problem in error.problems:
            at = next(field for field, part in PARTS.items() if ".".join(part) == problem.path)
            form[at].errors = [translated(problem.message)]
        return page("settings/times.html", form=form, status=422)
    workflows.reset_clocks(db.session(), utcnow())
    target = ("organization", organization.id, organization.name)
    audit(db.session(), "organization.updated", actor=g.actor.audit, target=target, details={"before": before})
    members.tell_organization(
        db.session(), organization, {"times": before}, {"times": times_of(organization)}, g.actor.user.id
    )
    db.session.commit()
    flash(_("Saved"), "success")
    return go("times.show")
