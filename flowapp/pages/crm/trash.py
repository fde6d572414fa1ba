"""The trash: what was deleted within the last thirty days."""

from __future__ import annotations

from flask import Blueprint, Response, flash, g, request
from flask_babel import gettext as _

from flowapp.catalog import N_
from flowapp.crm.trash import contents, erasing
from flowapp.events import audit
from flowapp.extensions import db
from flowapp.records.paging import PageAt, read_page
from flowapp.security.roles import Role
from flowapp.web import Nav, access, go, page
from flowapp.web.crm.page import cause

bp = Blueprint("trash", __name__, url_prefix="/settings/trash")
NAV = Nav(49, N_("Trash"), "trash", "trash.index", "/settings/trash", Role.OPERATOR, "settings")
LABELS = {
    "contact": N_("Contacts"), "company": N_("Companies"), "deal": N_("Deals"), "task": N_("Tasks"), "note": N_("Notes"),
}  # fmt: skip
SIZE = 50


@bp.get("")
@access(Role.OPERATOR)
def index() -> Response:
    """Of one kind, what was deleted last first."""
    kind = request.args.get("kind", "contact")
    kind = kind if kind in contents.KINDS else "contact"
    found = contents.find(db.session(), kind, PageAt(SIZE, number=read_page(request.args.get("cursor"))))
    return page(
        "crm/settings/trash.html", block="list", found=found, kind=kind, labels=LABELS, counts=contents.counts(db.session()),
        days=contents.DAYS, may_erase=g.actor.role >= Role.ADMIN,
    )  # fmt: skip


@bp.post("/restore")
@access(Role.OPERATOR)
def restore() -> Response:
    """Takes one out of the trash."""
    kind, session = request.form.get("kind", ""), db.session()
    item = contents.restore(session, kind, request.form.get("id", ""), cause=cause())
    audit(session, f"{kind}.restored", actor=g.actor.audit, target=(kind, item.id, item.name))
    session.commit()
    flash(_("“%(name)s” was restored.", name=item.name), "success")
    return go("trash.index", kind=kind)


@bp.post("/erase")
@access(Role.ADMIN)
def erase() -> Response:
    """Erases one for good."""
    kind, session = request.form.get("kind", ""), db.session()
    row_id = contents.get(session, kind, request.form.get("id", "")).id
    erasing.erase(session, kind, row_id)
    audit(session, f"{kind}.erased", actor=g.actor.audit, target=(kind, row_id, ""))
    session.commit()
    flash(_("It was deleted for good."), "success")
    return go("trash.index", kind=kind)
