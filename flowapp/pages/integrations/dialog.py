"""Connecting a service beside the step that needs it: the form in a dialog, then a new choice in the step's own form.

What was typed into the step stays where it is: nothing of its page is loaded again.
"""

from __future__ import annotations

from flask import Blueprint, Response, g, request, url_for
from flask_babel import gettext as _

from flowapp.events import audit
from flowapp.extensions import db
from flowapp.integrations import service
from flowapp.models import Integration
from flowapp.security.roles import Role
from flowapp.web.access import access
from flowapp.web.connectors import found_connectors
from flowapp.web.integration_form import IntegrationForm
from flowapp.web.render import page

bp = Blueprint("integration_dialog", __name__, url_prefix="/integrations/beside-a-step")


@bp.get("")
@access(Role.ADMIN)
def choose() -> Response:
    """Which service, where the step takes any."""
    return page("integrations/dialog_services.html", block="dialog", groups=found_connectors(), field=_field())


@bp.route("/<integration_type>", methods=["GET", "POST"])
@access(Role.ADMIN)
def connect(integration_type: str) -> Response:
    """The form; once it is saved, what the step's form is told."""
    label = str(_(service.connector(integration_type).label))
    row = Integration(integration_type=integration_type, name=service.free_name(db.session(), label))
    form = IntegrationForm(row, request.form if request.method == "POST" else None)
    action = url_for("integration_dialog.connect", integration_type=integration_type, field=_field())
    if request.method == "GET" or not form.save():
        status, block = (422 if form.errors else 200), "dialog" if request.method == "GET" else "form"
        return page("integrations/dialog.html", block=block, form=form, action=action, field=_field(), status=status)
    audit(db.session(), "integration.created", actor=g.actor.audit, target=("integration", row.id, row.name))
    db.session.commit()
    return page("integrations/connected.html", block="told", row=row, spec=form.spec, field=_field())


def _field() -> str:
    """The name of the step's field that the connection is for."""
    return request.args.get("field", "")[:200]
