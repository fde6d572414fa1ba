"""The list of workflows: searched, filtered, sorted, by pages."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request
from flask_babel import gettext as _

from flowapp import workflows
from flowapp.catalog import N_, TRIGGERS
from flowapp.errors import InvalidError
from flowapp.extensions import db
from flowapp.models import WORKFLOW_STATUSES
from flowapp.records.paging import PageAt
from flowapp.security.roles import Role
from flowapp.web import Nav, access, page
from flowapp.web.texts import translated

bp = Blueprint("workflows", __name__)
NAV = Nav(20, N_("Workflows"), "automation", "workflows.index", "/workflows")
LIMIT = 25


@bp.get("/workflows")
@access(Role.VIEWER)
def index() -> Response:
    """A filter that cannot be used (an old link, a foreign cursor) is said, and the whole list is shown."""
    wanted: dict[str, Any] = {
        "search": request.args.get("q", ""),
        "status": request.args.get("status", ""),
        "trigger_type": request.args.get("trigger", ""),
        "sort": request.args.get("sort") or "-updated_at",
        "at": PageAt(LIMIT, request.args.get("cursor")),
    }
    session = db.session()
    try:
        page_of_workflows, problem = workflows.find(session, is_template=False, **_shown(wanted)), ""
    except InvalidError as error:
        page_of_workflows, problem = (
            workflows.find(session, is_template=False, **_shown({"status": ""})),
            translated(error.problems[0].message),
        )
    return page(
        "workflows/index.html",
        block="list",
        page_of_workflows=page_of_workflows,
        problem=problem,
        stats=workflows.statistics(session, [row.id for row in page_of_workflows.rows]),
        templates=workflows.find(session, is_template=True, sort="created_at", at=PageAt(6)).rows,
        filtered=any(wanted[name] for name in ("search", "status", "trigger_type")),
        statuses=WORKFLOW_STATUSES,
        triggers=[(spec.type, _(spec.label)) for spec in TRIGGERS.values()],
    )


def _shown(wanted: dict[str, Any]) -> dict[str, Any]:
    """The archived stay out of sight until somebody asks for them."""
    return {**wanted, "status": wanted["status"] or "draft,active,paused"}
