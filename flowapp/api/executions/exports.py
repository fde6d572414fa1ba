"""The log and the steps of executions as a file to keep."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from flask import Blueprint, Response, g
from pydantic import BaseModel, Field, WithJsonSchema
from sqlalchemy import Engine

from flowapp import workflows
from flowapp.api.bodies import read_query
from flowapp.api.routes import route
from flowapp.api.schemas import one_of
from flowapp.catalog import N_
from flowapp.errors import NotFoundError
from flowapp.executions.exports import FORMATS, Wanted, check, export, known_format, moment
from flowapp.extensions import db
from flowapp.models import read_id
from flowapp.models.tenancy import tenant_session
from flowapp.security.roles import Role
from flowapp.texts import say
from flowapp.web.access import access
from flowapp.web.texts import client_language

bp = Blueprint("exports", __name__)
TAG = N_("Executions")
_TYPES = tuple(kind.split(";")[0] for kind in FORMATS.values())
_Moment = Annotated[str, WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"const": ""}]})]


class ExportQuery(BaseModel):
    """How the file is written."""

    export_format: Annotated[str, one_of(*FORMATS)] = Field(
        default="json", description="json, jsonl (an object a line) or csv."
    )


class WorkflowExportQuery(ExportQuery):
    """Which executions of the workflow, by the time they were made."""

    since: _Moment = Field(default="", description="ISO time, included.")
    until: _Moment = Field(default="", description="ISO time, left out.")


@route(
    bp, "/executions/<execution_id>/logs/export/", "GET", tag=TAG,
    summary=N_("Export the log and the steps of an execution"), query=ExportQuery, media=_TYPES,
)  # fmt: skip
@access(Role.VIEWER)
def export_execution(execution_id: str) -> Response:
    """A file; streamed."""
    query = read_query(ExportQuery)
    return _file(Wanted(execution_id=_id(execution_id)), query, execution_id)


@route(
    bp, "/workflows/<workflow_id>/logs/export/", "GET", tag=TAG,
    summary=N_("Export the logs and the steps of a workflow's executions"), query=WorkflowExportQuery, media=_TYPES,
)  # fmt: skip
@access(Role.VIEWER)
def export_workflow(workflow_id: str) -> Response:
    """A file; streamed, the oldest execution first."""
    query = read_query(WorkflowExportQuery)
    since, until = moment("since", query.since), moment("until", query.until)
    workflow_id = workflows.get(db.session(), workflow_id).id
    return _file(Wanted(workflow_id=workflow_id, since=since, until=until), query, workflow_id)


def _id(text: str) -> str:
    known = read_id(text)
    if known is None:
        raise NotFoundError(say("There is no execution or workflow with the id “%(id)s”.", id=text[:100]))
    return known


def _pieces(engine: Engine, organization_id: str, wanted: Wanted, kind: str, language: str) -> Iterator[str]:
    """In a session of its own: the request's ends before the first piece is sent."""
    with tenant_session(engine, organization_id) as session:
        yield from export(session, wanted, kind, language=language)


def _file(wanted: Wanted, query: ExportQuery, name: str) -> Response:
    kind = known_format(query.export_format)
    check(db.session(), wanted)
    return Response(
        _pieces(db.engine, g.organization.id, wanted, kind, client_language()),
        content_type=FORMATS[kind],
        headers={"Content-Disposition": f'attachment; filename="{name.lower()}.{kind}"'},
    )
