"""Failed executions, grouped by the reason: what is broken, how often, and the way to run it all again."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, Response, request

from flowapp.executions import dead_letters, history
from flowapp.extensions import db
from flowapp.models import read_id, utcnow
from flowapp.records.paging import PageAt, read_page
from flowapp.security.roles import Role
from flowapp.web import access, page
from flowapp.web.locale import zone

bp = Blueprint("dead_letters", __name__, url_prefix="/executions/failed")
PERIODS = (1, 7, 30, 90)


@bp.get("")
@access(Role.VIEWER)
def index() -> Response:
    """The groups of the chosen days and workflow."""
    session = db.session()
    asked = request.args.get("days", "")
    days = int(asked) if asked in map(str, PERIODS) else dead_letters.DAYS
    since = utcnow() - timedelta(days=days)
    workflow_id = read_id(request.args.get("workflow", "")) or ""
    groups, cursors = dead_letters.groups(
        session, PageAt(25, number=read_page(request.args.get("cursor"))), since=since, workflow_id=workflow_id
    )  # fmt: skip
    return page(
        "executions/failed.html",
        block="list",
        groups=groups,
        cursors=cursors,
        days=days,
        periods=PERIODS,
        since=since.astimezone(zone()).date(),
        workflows=history.workflow_names(session),
    )
