"""The search over everything: a page, and what the command palette shows of it."""

from __future__ import annotations

from flask import Blueprint, Response, request

from flowapp.extensions import db
from flowapp.security.roles import Role
from flowapp.web import access, page, wants_fragment
from flowapp.web.search import LONGEST, look

bp = Blueprint("search", __name__)


@bp.get("/search")
@access(Role.VIEWER)
def show() -> Response:
    """What was found, grouped; without a text what was last worked on."""
    text = request.args.get("q", "")[:LONGEST]
    return page(
        "search/index.html", block="results", text=text, groups=look(db.session(), text), as_options=wants_fragment()
    )
