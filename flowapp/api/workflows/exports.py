"""Workflows as files: what the page downloads and `flask export` writes, and reading them again."""

from __future__ import annotations

from typing import Literal

from flask import Blueprint, Response, g, jsonify
from pydantic import Field

from flowapp import workflows
from flowapp.api.bodies import read_object, read_query
from flowapp.api.routes import route
from flowapp.api.schemas import In, Out
from flowapp.catalog import N_
from flowapp.exact_json import Json
from flowapp.extensions import db
from flowapp.security.roles import Role
from flowapp.web.access import access
from flowapp.workflows import exports

bp = Blueprint("exports_of_workflows_api", __name__)
TAG = N_("Workflows")


class FileOut(Out):
    """Workflows in the canonical form, and the tables, schemas, forms and e-mail templates that they use, without records."""

    workflows: list[Json]
    tables: list[Json]
    schemas: list[Json]
    forms: list[Json]
    email_templates: list[Json]


class FileIn(In):
    """A file as it was exported. A single workflow, in any dialect, is read as well."""

    workflows: list[Json] = Field(max_length=1000)
    tables: list[Json] = Field(default_factory=list)
    schemas: list[Json] = Field(default_factory=list)
    forms: list[Json] = Field(default_factory=list)
    email_templates: list[Json] = Field(default_factory=list)


class ImportQuery(In):
    """What to do with a workflow that is here already, known by its id or by a webhook's key."""

    mode: Literal["replace", "copy"] | None = Field(
        default=None,
        description="replace: its draft becomes that of the file; copy: a new workflow with new webhook keys. Absent: 409.",
    )


class ImportRowOut(Out):
    """`new_webhook_keys`: of the webhooks whose address is another one than in the file."""

    id: str
    name: str
    outcome: Literal["created", "replaced", "copied"]
    new_webhook_keys: list[str]


class ImportOut(Out):
    """What became of each workflow of the file, and the names of what was made for them."""

    workflows: list[ImportRowOut]
    tables: list[str]
    schemas: list[str]
    forms: list[str]
    email_templates: list[str]


@route(
    bp, "/workflows/<workflow_id>/export/", "GET", tag=TAG, summary=N_("Export a workflow"), answer=FileOut
)  # fmt: skip
@access(Role.VIEWER)
def export_workflow_file(workflow_id: str) -> Response:
    """The draft with what it uses, for import. Secrets are masked."""
    session = db.session()
    return jsonify(exports.exported(session, [workflows.get(session, workflow_id)]))


@route(
    bp, "/import/", "POST", tag=TAG, summary=N_("Import workflows"),
    body=FileIn, query=ImportQuery, answer=ImportOut,
)  # fmt: skip
@access(Role.EDITOR)
def import_workflow_file() -> Response:
    """Drafts: nothing starts. All of the file, or nothing. What they use is made where it is missing.

    A masked secret keeps the one that is stored here; 422 where none is.
    """
    session = db.session()
    mode = read_query(ImportQuery).mode
    imported, made = exports.import_file(
        session, exports.read_file(read_object()), mode, actor_id=g.actor.user.id
    )  # fmt: skip
    answer = [
        {"id": one.workflow.id, "name": one.workflow.name, "outcome": one.outcome, "new_webhook_keys": one.new_keys}
        for one in imported
    ]
    session.commit()
    return jsonify({"workflows": answer, **made})
