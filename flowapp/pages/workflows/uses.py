"""What would miss a thing that is about to be deleted, for the question before it."""

from __future__ import annotations

from flask import Blueprint, g
from flask_babel import gettext as _

from flowapp.extensions import db
from flowapp.workflows.uses import Thing, Use, uses

bp = Blueprint("uses", __name__)
_SHOWN = 10


@bp.app_template_global("used_by")
def used_by(thing: Thing, column: str = "") -> str:
    """The workflows that use it, each with its step; empty where none does."""
    key = f"uses_{thing.id}"
    if key not in g:
        setattr(g, key, uses(db.session(), thing))
    found: list[Use] = g.get(key)
    if column and found:
        found = uses(db.session(), thing, column, {use.workflow.id for use in found})
    names = [f"“{use.workflow.name}”" + (f" ({use.step})" if use.step else "") for use in found[:_SHOWN]]
    if len(found) > _SHOWN:
        names.append(str(_("%(count)s more", count=len(found) - _SHOWN)))
    return str(_("Used by %(workflows)s.", workflows=", ".join(names))) if names else ""
