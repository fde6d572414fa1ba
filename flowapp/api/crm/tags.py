"""Tags: list, read, make, change, delete."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Response, g, jsonify
from sqlalchemy import select

from flowapp.api.bodies import list_of, read_model, read_query
from flowapp.api.crm import work_schemas as schemas
from flowapp.api.crm.records import Key, NamedQuery, sorted_page
from flowapp.api.routes import route
from flowapp.catalog import N_
from flowapp.crm import tags
from flowapp.events import audit
from flowapp.extensions import db
from flowapp.models import Tag
from flowapp.security.roles import Role
from flowapp.web.access import access

bp = Blueprint("tags_api", __name__)
TAG = N_("Tags")
ONE = "/tags/<tag_id>/"

SORTS: Mapping[str, Key] = {"created_at": Tag.id, "name": Tag.key}


@route(bp, "/tags/", "GET", tag=TAG, summary=N_("List tags"), query=NamedQuery, answer=schemas.TagsOut)
@access(Role.VIEWER)
def list_tags() -> Response:
    """All of the organization."""
    query = read_query(NamedQuery)
    page = sorted_page(select(Tag), query, SORTS, "created_at")
    counts = tags.counts(db.session(), [row.id for row in page.rows])
    return jsonify(list_of(page, [tags.tag_json(row, counts.get(row.id, 0)) for row in page.rows]))


@route(bp, ONE, "GET", tag=TAG, summary=N_("Get a tag"), answer=schemas.TagOut)
@access(Role.VIEWER)
def get_tag(tag_id: str) -> Response:
    """By its id."""
    return jsonify(tags.tag_json(tags.get(db.session(), tag_id)))


@route(
    bp, "/tags/", "POST", tag=TAG, summary=N_("Create a tag"),
    body=schemas.TagIn, answer=schemas.TagOut, status=201,
)  # fmt: skip
@access(Role.OPERATOR)
def create_tag() -> tuple[Response, int]:
    """409 where there is one of this name."""
    data = read_model(schemas.TagIn).model_dump(mode="json", exclude_unset=True)
    return _answer(tags.create(db.session(), data["name"]), "created"), 201


@route(
    bp, ONE, "PATCH", "PUT", tag=TAG, summary=N_("Update a tag"),
    body=schemas.TagChangeIn, answer=schemas.TagOut,
)  # fmt: skip
@access(Role.OPERATOR)
def update_tag(tag_id: str) -> Response:
    """What is named is changed."""
    row = tags.get(db.session(), tag_id)
    data = read_model(schemas.TagChangeIn).model_dump(mode="json", exclude_unset=True)
    return _answer(tags.rename(db.session(), row, data.get("name", row.name)), "updated")


@route(bp, ONE, "DELETE", tag=TAG, summary=N_("Delete a tag"), status=204)
@access(Role.OPERATOR)
def delete_tag(tag_id: str) -> tuple[str, int]:
    """For good; records stay."""
    row = tags.get(db.session(), tag_id)
    audit(db.session(), "tag.deleted", actor=g.actor.audit, target=("tag", row.id, row.name))
    tags.remove(db.session(), row)
    db.session().commit()
    return "", 204


def _answer(row: Tag, verb: str) -> Response:
    db.session().flush()
    audit(db.session(), f"tag.{verb}", actor=g.actor.audit, target=("tag", row.id, row.name))
    answer = jsonify(tags.tag_json(row))
    db.session().commit()
    return answer
