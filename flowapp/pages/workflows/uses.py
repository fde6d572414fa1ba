"""What would miss a thing that is about to be deleted, for the question before it."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, g
from flask_babel import gettext as _

from flowapp.extensions import db
from flowapp.workflows.uses import Thing, Use, by_workflow, uses, with_published

bp = Blueprint("uses", __name__)
_SHOWN = 10


@bp.app_template_global("used_by")
def used_by(thing: Thing, column: str = "") -> str:
    """The workflows that use it, each with its steps; empty where none does."""
    if "stored_workflows" not in g:  # a list asks for each of its things
        g.stored_workflows = with_published(db.session())
    key = f"uses_{thing.id}"
    if key not in g:
        setattr(g, key, uses(g.stored_workflows, thing))
    found: list[Use] = g.get(key)
    if column and found:
        ids = {use.workflow.id for use in found}
        found = uses([stored for stored in g.stored_workflows if stored[0].id in ids], thing, column)
    workflows = by_workflow(found)
    names = [_named(workflow.name, places) for workflow, places in workflows[:_SHOWN]]
    if len(workflows) > _SHOWN:
        names.append(str(_("%(count)s more", count=len(workflows) - _SHOWN)))
    return str(_("Used by %(workflows)s.", workflows=", ".join(names))) if names else ""


def _named(workflow: str, places: Sequence[Use]) -> str:
    steps = ", ".join(use.step for use in places if use.step)
    return f"“{workflow}” ({steps})" if steps else f"“{workflow}”"
