"""The installation: the address that links in e-mails lead to."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, flash, g, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import URLField

from flowapp.accounts import installation
from flowapp.catalog import N_
from flowapp.errors import ConflictError, InvalidError
from flowapp.events import audit
from flowapp.extensions import db
from flowapp.texts import say
from flowapp.web.access import access
from flowapp.web.nav import Nav
from flowapp.web.render import go, page
from flowapp.web.texts import translated

bp = Blueprint("installation", __name__, url_prefix="/settings/installation")
NAV = Nav(
    65, N_("Installation"), "world", "installation.show", "/settings/installation", installation=True, group="settings"
)


class InstallationForm(FlaskForm):  # type: ignore[misc]
    address = URLField(
        _l("Public address"),
        description=_l("Links in e-mails lead here. Enter it as your browser shows it, for example https://flow.example.com."),
        render_kw={"required": True, "autocomplete": "off"},
    )  # fmt: skip


def _page(form: InstallationForm, status: int = 200) -> Response:
    settings = current_app.extensions["settings"]
    return page(
        "settings/installation.html",
        form=form,
        fixed=settings.base_url,
        known=installation.address(db.engine, settings),
        here=request.host_url.rstrip("/"),
        status=status,
    )


@bp.get("")
@access(installation=True)
def show() -> Response:
    """The address."""
    known = installation.address(db.engine, current_app.extensions["settings"])
    return _page(InstallationForm(address=known or request.host_url.rstrip("/")))


@bp.post("")
@access(installation=True)
def save() -> Response:
    """Keeps the address."""
    if current_app.extensions["settings"].base_url:
        raise ConflictError(say("The address is set by FLOWAPP_BASE_URL. Change it there."))
    form = InstallationForm()
    form.validate()
    try:
        address = installation.set_address(db.session(), form.address.data or "")
    except InvalidError as error:
        form.address.errors = [translated(problem.message) for problem in error.problems]
        return _page(form, 422)
    target = ("installation", "", address)
    audit(db.session(), "installation.updated", actor=g.actor.audit, target=target)
    db.session.commit()
    flash(_("Saved"), "success")
    return go("installation.show")
