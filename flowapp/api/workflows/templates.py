"""Workflow templates: list them, make a workflow from one, save a workflow as one."""

from __future__ import annotations

from flask import Blueprint, Response, g, jsonify
from pydantic import Field

from flowapp import workflows
from flowapp.api import schemas
from flowapp.api.bodies import read_model
from flowapp.api.routes import route
from flowapp.api.schemas import In, Out
from flowapp.catalog import N_
from flowapp.extensions import db
from flowapp.models import Workflow
from flowapp.security.roles import Role
from flowapp.template_library import library
from flowapp.web.access import access
from flowapp.web.locale import select_locale

bp = Blueprint("workflow_templates_api", __name__)
TAG = N_("Workflow templates")
LIST = "/workflows/templates/list/"


class WorkflowTemplateOut(Out):
    """A template. `schema` is the JSON Schema of the `values` to fill in, `values` what stands there at first."""

    id: str
    name: str
    description: str
    icon: str
    is_builtin: bool
    number: int | None
    trigger_types: list[str]
    action_types: list[str]
    schema_: dict[str, object] = Field(alias="schema")
    values: dict[str, object]


class WorkflowTemplatesOut(schemas.ListOut):
    results: list[WorkflowTemplateOut]


class FromTemplateIn(In):
    """All of it may be left out."""

    name: str | None = Field(default=None, max_length=200, examples=["Relance"], description="Else the template's.")
    description: str | None = Field(default=None, max_length=10_000)
    values: dict[str, object] = Field(default_factory=dict, examples=[{"days": 45}], description="What to fill in.")
    overrides: dict[str, object] = Field(
        default_factory=dict,
        examples=[{"status": "active"}],
        description="Parts of a workflow, as when one is created, that go before the template's.",
    )


class SaveTemplateIn(In):
    """Empty: as the workflow."""

    name: str = Field(default="", max_length=200, examples=["Our welcome"])
    description: str = Field(default="", max_length=10_000)


@route(
    bp, LIST, "GET", tag=TAG, summary=N_("List workflow templates"), answer=WorkflowTemplatesOut, aliases=("/workflows/templates/",),
)  # fmt: skip
@access(Role.VIEWER)
def list_workflow_templates() -> Response:
    """The organization's own, then those built in; all of them."""
    found = [library.template_json(one) for one in library.every(db.session(), select_locale(), g.actor.user.email)]
    return jsonify({"count": len(found), "next": None, "previous": None, "results": found})


@route(
    bp, "/workflows/templates/<template_key>/create/", "POST", tag=TAG, summary=N_("Create a workflow from a template"),
    body=FromTemplateIn, answer=schemas.WorkflowOut, status=201,
)  # fmt: skip
@access(Role.EDITOR)
def create_from_template(template_key: str) -> Response:
    """A draft with the values filled in. Of the organization's own templates, values are variables."""
    database, language = db.session(), select_locale()
    template = library.get(database, template_key, language, g.actor.user.email)
    given = read_model(FromTemplateIn)
    named = given.model_dump(include={"name", "description"}, exclude_none=True)
    workflow = library.create(
        database, template, values=given.values, overrides={**given.overrides, **named}, language=language,
        actor_id=g.actor.user.id,
    )  # fmt: skip
    database.commit()
    return _answer(workflow)


@route(
    bp, "/workflows/<workflow_id>/save-as-template/", "POST", tag=TAG, summary=N_("Save a workflow as a template"),
    body=SaveTemplateIn, answer=schemas.WorkflowOut, status=201,
)  # fmt: skip
@access(Role.EDITOR)
def save_as_template(workflow_id: str) -> Response:
    """A copy of it with `is_template`; whoever uses it is asked for its variables."""
    database = db.session()
    workflow = workflows.get(database, workflow_id)
    given = read_model(SaveTemplateIn)
    saved = library.save(
        database, workflow, name=given.name, description=given.description or workflow.description, actor_id=g.actor.user.id
    )  # fmt: skip
    database.commit()
    return _answer(saved)


def _answer(workflow: Workflow) -> Response:
    response = jsonify(workflows.workflow_json(db.session(), workflow))
    response.status_code = 201
    response.headers["Location"] = f"/api/v1/automation/workflows/{workflow.id}/"
    response.set_etag(str(workflow.revision))
    return response
