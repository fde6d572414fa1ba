"""Pipelines: list, read, make, change, delete."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Response, g, jsonify
from sqlalchemy import select

from flowapp.api.bodies import list_of, read_model, read_query
from flowapp.api.crm import work_schemas as schemas
from flowapp.api.crm.records import Key, NamedQuery, sorted_page
from flowapp.api.routes import route
from flowapp.catalog import N_
from flowapp.crm import pipelines
from flowapp.events import audit
from flowapp.extensions import db
from flowapp.models import Pipeline
from flowapp.security.roles import Role
from flowapp.web.access import access

bp = Blueprint("pipelines_api", __name__)
TAG = N_("Pipelines")
ONE = "/pipelines/<pipeline_id>/"

SORTS: Mapping[str, Key] = {"created_at": Pipeline.id, "position": Pipeline.position, "name": Pipeline.name}


@route(bp, "/pipelines/", "GET", tag=TAG, summary=N_("List pipelines"), query=NamedQuery, answer=schemas.PipelinesOut)
@access(Role.VIEWER)
def list_pipelines() -> Response:
    """All of the organization."""
    query = read_query(NamedQuery)
    pipelines.every(db.session())  # there is at least one
    page = sorted_page(select(Pipeline), query, SORTS, "position")
    answer = jsonify(list_of(page, [pipelines.pipeline_json(row) for row in page.rows]))
    db.session().commit()
    return answer


@route(bp, ONE, "GET", tag=TAG, summary=N_("Get a pipeline"), answer=schemas.PipelineOut)
@access(Role.VIEWER)
def get_pipeline(pipeline_id: str) -> Response:
    """By its id."""
    return jsonify(pipelines.pipeline_json(pipelines.get(db.session(), pipeline_id)))


@route(
    bp, "/pipelines/", "POST", tag=TAG, summary=N_("Create a pipeline"),
    body=schemas.PipelineIn, answer=schemas.PipelineOut, status=201,
)  # fmt: skip
@access(Role.ADMIN)
def create_pipeline() -> tuple[Response, int]:
    """409 where there is one of this name."""
    data = read_model(schemas.PipelineIn).model_dump(mode="json", exclude_unset=True)
    return _answer(pipelines.create(db.session(), data), "created"), 201


@route(
    bp, ONE, "PATCH", "PUT", tag=TAG, summary=N_("Update a pipeline"),
    body=schemas.PipelineChangeIn, answer=schemas.PipelineOut,
)  # fmt: skip
@access(Role.ADMIN)
def update_pipeline(pipeline_id: str) -> Response:
    """What is named is changed."""
    row = pipelines.get(db.session(), pipeline_id)
    data = read_model(schemas.PipelineChangeIn).model_dump(mode="json", exclude_unset=True)
    return _answer(pipelines.change(db.session(), row, data), "updated")


@route(bp, ONE, "DELETE", tag=TAG, summary=N_("Delete a pipeline"), status=204)
@access(Role.ADMIN)
def delete_pipeline(pipeline_id: str) -> tuple[str, int]:
    """For good; records stay."""
    row = pipelines.get(db.session(), pipeline_id)
    audit(db.session(), "pipeline.deleted", actor=g.actor.audit, target=("pipeline", row.id, row.name))
    pipelines.remove(db.session(), row)
    db.session().commit()
    return "", 204


def _answer(row: Pipeline, verb: str) -> Response:
    db.session().flush()
    audit(db.session(), f"pipeline.{verb}", actor=g.actor.audit, target=("pipeline", row.id, row.name))
    answer = jsonify(pipelines.pipeline_json(row))
    db.session().commit()
    return answer
