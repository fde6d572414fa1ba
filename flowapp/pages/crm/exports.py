"""Lists of contacts, companies, deals and tasks as files, as the list's own address says what they show."""

from __future__ import annotations

from flask import Blueprint, Response, abort, flash, g, request
from flask_babel import gettext as _

from flowapp.crm import finding
from flowapp.crm.exports import table
from flowapp.errors import InvalidError
from flowapp.extensions import db
from flowapp.models.crm.nouns import MODELS
from flowapp.security.roles import Role
from flowapp.web import access, go
from flowapp.web.crm.saved_lists import list_file
from flowapp.web.crm.views.listing import LISTINGS
from flowapp.web.texts import label_of, translated

bp = Blueprint("crm_exports", __name__, url_prefix="/exports")


@bp.get("/<object_name>.<file_kind>")
@access(Role.VIEWER)
def save(object_name: str, file_kind: str) -> Response:
    """The list under its address's search, filters, sorting and columns. What cannot be exported leads back, and says why."""
    if object_name not in LISTINGS or file_kind not in ("csv", "xlsx"):
        abort(404)
    session = db.session()
    try:
        search = finding.read(session, MODELS[object_name], request.args.to_dict(), g.actor.user.id)
        columns = table.columns_of(session, object_name, _names())
        return list_file(object_name, search, file_kind, columns, label_of)
    except InvalidError as error:
        flash(_("The list was not exported: %(reason)s", reason=translated(error.problems[0].message)), "warning")
        return go(LISTINGS[object_name].layouts["list"])


def _names() -> list[str]:
    """The columns, in the order of the list; none: all fields."""
    return [name for given in request.args.getlist("columns") for name in given.split(",") if name]
