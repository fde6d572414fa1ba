"""What a field of a step's form can be chosen from: asked of the service, for the connection that is chosen there."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, Response, g, request, url_for

from flowapp.errors import StepError
from flowapp.extensions import db
from flowapp.security.roles import Role
from flowapp.tasks.outgoing.options import find_options
from flowapp.web.access import access
from flowapp.web.render import page
from flowapp.web.texts import translated

bp = Blueprint("field_options", __name__, url_prefix="/integrations/options")
LONGEST = 500  # characters of what another field holds


@bp.get("/<step_type>/<field>")
@access(Role.EDITOR)
def show(step_type: str, field: str) -> Response:
    """The choices, with a search; the reason where there are none. The form's fields come with their names on the page."""
    prefix, search = request.args.get("prefix", "")[:50], request.args.get("offered-search", "").strip()[:LONGEST]
    params = {
        name.removeprefix(prefix): value[:LONGEST]
        for name, value in request.args.items()
        if name.startswith(prefix) and name != "offered-search"
    }
    organization_id, found, problem = g.organization.id, None, ""
    db.session.commit()  # nothing stays open while the service is asked
    try:
        found = find_options(organization_id, params.get("integration", ""), step_type, field, params, search)
    except StepError as error:
        problem = translated(error.message)
    name = f"{prefix}{field}"
    block = "list" if "offered-search" in request.args else "offered"
    asked = {"prefix": prefix, **{f"{prefix}{key}": value for key, value in params.items()}}
    again = f"{url_for('field_options.show', step_type=step_type, field=field)}?{urlencode(asked)}"
    return page("integrations/options.html", block=block, found=found, problem=problem, name=name, again=again, search=search)  # fmt: skip
