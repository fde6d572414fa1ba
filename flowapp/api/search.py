"""The search over everything."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from flowapp.api.bodies import read_query
from flowapp.api.routes import route
from flowapp.api.schemas import Out
from flowapp.catalog import N_
from flowapp.extensions import db
from flowapp.security.roles import Role
from flowapp.web.access import access
from flowapp.web.search import LONGEST, look
from flowapp.web.search.hits import Hit

bp = Blueprint("search_api", __name__)
_EXAMPLE: dict[str, JsonValue] = {
    "query": "ada",
    "groups": [
        {
            "kind": "contacts",
            "label": "Contacts",
            "results": [
                {
                    "id": "0190f3c2-7a1e-7c55-8000-5b0c1f0e2a11",
                    "title": "Ada Lovelace",
                    "detail": "ada@example.com · Analytical Engines",
                    "url": "/contacts/0190f3c2-7a1e-7c55-8000-5b0c1f0e2a11",
                }
            ],
        }
    ],
}


class SearchQuery(BaseModel):
    """What is looked for."""

    q: str = Field(default="", max_length=LONGEST, description="Words, or their beginnings; empty: what is recent.")


class HitOut(Out):
    """One of what was found; `url` is its page. Pages and commands have no id."""

    id: str | None
    title: str
    detail: str
    url: str


class GroupOut(Out):
    """What was found of one kind: contacts, companies, deals, tasks, workflows, executions, pages, commands."""

    kind: str
    label: str
    results: list[HitOut]


class SearchOut(Out):
    """Some of each kind; kinds of which nothing was found are left out."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    query: str
    groups: list[GroupOut]


@route(
    bp, "/search/", "GET", tag=N_("Search"), summary=N_("Search everything"), query=SearchQuery, answer=SearchOut
)  # fmt: skip
@access(Role.VIEWER)
def search_everything() -> Response:
    """Contacts, companies, deals, tasks, workflows, executions, and pages and commands of your role."""
    text = read_query(SearchQuery).q
    groups = [
        {"kind": group.kind, "label": group.label, "results": [_hit_json(hit) for hit in group.hits]}
        for group in look(db.session(), text)
    ]
    return jsonify({"query": text, "groups": groups})


def _hit_json(hit: Hit) -> dict[str, object]:
    return {"id": hit.id or None, "title": hit.title, "detail": hit.detail, "url": hit.url}
