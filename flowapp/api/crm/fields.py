"""Fields: list, read, make, change, delete."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Response, g, jsonify
from sqlalchemy import select

from flowapp.api.bodies import list_of, read_model, read_query
from flowapp.api.crm import work_schemas as schemas
from flowapp.api.crm.records import Key, sorted_page
from flowapp.api.routes import route
from flowapp.catalog import N_
from flowapp.crm import fields
from flowapp.events import audit
from flowapp.extensions import db
from flowapp.models import FieldDef
from flowapp.security.roles import Role
from flowapp.web.access import access

bp = Blueprint("fields_api", __name__)
TAG = N_("Fields")
ONE = "/fields/<field_id>/"

SORTS: Mapping[str, Key] = {
    "created_at": FieldDef.id,
    "position": FieldDef.position,
    "key": FieldDef.key,
    "label": FieldDef.label,
}


@route(bp, "/fields/", "GET", tag=TAG, summary=N_("List fields"), query=schemas.FieldQuery, answer=schemas.FieldsOut)
@access(Role.VIEWER)
def list_fields() -> Response:
    """All of the organization."""
    query = read_query(schemas.FieldQuery)
    statement = select(FieldDef)
    if query.object:
        statement = statement.where(FieldDef.noun == query.object)
    page = sorted_page(statement, query, SORTS, "created_at")
    return jsonify(list_of(page, [fields.field_json(row) for row in page.rows]))


@route(bp, ONE, "GET", tag=TAG, summary=N_("Get a field"), answer=schemas.FieldOut)
@access(Role.VIEWER)
def get_field(field_id: str) -> Response:
    """By its id."""
    return jsonify(fields.field_json(fields.get(db.session(), field_id)))


@route(
    bp, "/fields/", "POST", tag=TAG, summary=N_("Create a field"),
    body=schemas.FieldIn, answer=schemas.FieldOut, status=201,
)  # fmt: skip
@access(Role.ADMIN)
def create_field() -> tuple[Response, int]:
    """409 where there is one of this name."""
    data = read_model(schemas.FieldIn).model_dump(mode="json", exclude_unset=True)
    return _answer(fields.create(db.session(), data), "created"), 201


@route(
    bp, ONE, "PATCH", "PUT", tag=TAG, summary=N_("Update a field"),
    body=schemas.FieldChangeIn, answer=schemas.FieldOut,
)  # fmt: skip
@access(Role.ADMIN)
def update_field(field_id: str) -> Response:
    """What is named is changed."""
    row = fields.get(db.session(), field_id)
    data = read_model(schemas.FieldChangeIn).model_dump(mode="json", exclude_unset=True)
    return _answer(fields.update(db.session(), row, data), "updated")


@route(bp, ONE, "DELETE", tag=TAG, summary=N_("Delete a field"), status=204)
@access(Role.ADMIN)
def delete_field(field_id: str) -> tuple[str, int]:
    """For good; records stay."""
    row = fields.get(db.session(), field_id)
    audit(db.session(), "field.deleted", actor=g.actor.audit, target=("field", row.id, row.label))
    fields.remove(db.session(), row)
    db.session().commit()
    return "", 204


def _answer(row: FieldDef, verb: str) -> Response:
    db.session().flush()
    audit(db.session(), f"field.{verb}", actor=g.actor.audit, target=("field", row.id, row.label))
    answer = jsonify(fields.field_json(row))
    db.session().commit()
    return answer
