"""Running a workflow by hand: at once where it needs no input, else with the form's fields or names and values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from uuid import UUID

from flask import Blueprint, Response, flash, g, request
from flask_babel import gettext as _
from pydantic import Field
from sqlalchemy import select

from flowapp import events, tasks, workflows
from flowapp.catalog import N_, Params, ui
from flowapp.catalog.entities import ENTITIES, SYNONYMS, read_all
from flowapp.crm.steps import references
from flowapp.data import forms
from flowapp.data.names import find
from flowapp.engine.store.start import start
from flowapp.errors import InvalidError, NotFoundError
from flowapp.extensions import db
from flowapp.models import Form, Version, Workflow
from flowapp.models.definitions import DefinitionJson
from flowapp.security.roles import Role
from flowapp.web import access, go, page
from flowapp.web.forms import ParamsForm, PlainForm, build
from flowapp.web.forms.draft import Draft
from flowapp.web.forms.field import Posted
from flowapp.web.forms.page import FieldsForm
from flowapp.web.forms.providers import of_project
from flowapp.web.forms.user_fields import answers_form
from flowapp.web.texts import translated

bp = Blueprint("workflow_run", __name__)
PREFIX = "form-"
_INPUT = re.compile(r"\b(input|form_data|contact|company|organisation|deal|task)\b")
_NOUNS = [("contact", N_("Contact")), ("company", N_("Company")), ("deal", N_("Deal")), ("task", N_("Task"))]
_WHICH = ui(
    N_("Which one"), N_("Its name, number or e-mail address."), plain=True, resource="{noun}", others="new"
)  # fmt: skip


class RunParams(Params):
    """What a person hands to the workflow. `record`: what steps take to mean one, such as its number or address."""

    noun: str = Field("", json_schema_extra=ui(N_("About"), widget="select", choices=_NOUNS))
    record: str = Field("", json_schema_extra=_WHICH)
    input: dict[str, object] = Field(
        default_factory=dict,
        json_schema_extra=ui(N_("Input"), N_("Steps can use it as input.<name>."), widget="keyvalue"),
    )


def _definition(workflow: Workflow) -> DefinitionJson:
    """What would run: the published version, else the draft."""
    published = db.session.get(Version, workflow.published_version_id) if workflow.published_version_id else None
    return published.definition if published else workflow.draft


@bp.app_template_global("wants_input")
def wants_input(workflow: Workflow) -> bool:
    """Whether a run by hand needs values: a step uses some of the input, or a record, and has no default."""
    definition = _definition(workflow)
    pieces = json.dumps([step["params"] for step in definition["steps"]]).split("{{")
    texts = (piece.partition("}}")[0] for piece in pieces[1:])
    return any(_INPUT.search(text) and "default" not in text for text in texts)


@bp.get("/workflows/<uuid:workflow_id>/run")
@access(Role.OPERATOR)
def ask(workflow_id: UUID) -> Response:
    """The form for the input: the fields of the workflow's own form, else names and values."""
    workflow = workflows.get(db.session(), str(workflow_id))
    form = _form(workflow)
    answers = answers_form(form.fields, prefix=PREFIX) if form else None
    return _page(workflow, form, answers, _rows(workflow))


@bp.post("/workflows/<uuid:workflow_id>/run")
@access(Role.OPERATOR)
def run(workflow_id: UUID) -> Response:
    """Starts it and goes to its live page. Without input where some is needed, asks for it."""
    workflow = workflows.get(db.session(), str(workflow_id))
    form = _form(workflow)
    if "_input" not in request.form:
        return go("workflow_run.ask", workflow_id=workflow_id) if wants_input(workflow) else _start(workflow, {})
    if form is not None:
        return _answer(workflow, form)
    rows = _rows(workflow, request.form)
    if rows.acted or not rows.validate():
        return _page(workflow, None, None, rows, 422 if rows.errors else 200)
    params = RunParams.model_validate(rows.data)
    try:
        about = (
            (params.noun, references.chosen(db.session(), params.noun, params.record).id) if params.noun else ("", "")
        )
    except (NotFoundError, InvalidError) as error:
        rows["record"].show((), translated(error.message))
        return _page(workflow, None, None, rows, 422)
    return _start(workflow, _filled_in(workflow, params.input, about), about)


def _filled_in(workflow: Workflow, data: Mapping[str, object], about: tuple[str, str]) -> dict[str, object]:
    """The input; what the example says of records is said of the one that is meant, and of what it leads to."""
    if about == ("", ""):
        return dict(data)
    sample = Draft(workflow.id).sample()
    said = {name for one in ENTITIES.values() for name, of in one.flat.items() if of} | {*ENTITIES, *SYNONYMS}
    views = read_all(db.session().connection(), workflow.organization_id, [about])
    names = {name: value for noun, view in views.items() for name, value in ENTITIES[noun].names(view).items()}
    return {
        name: names.get(name) if name in said and value == sample.get(name) else value for name, value in data.items()
    }


def _answer(workflow: Workflow, form: Form) -> Response:
    """Starts it with the answers, taken as the form's own page would take them."""
    answers = answers_form(form.fields, request.form, PREFIX)
    try:
        form_data = forms.answers(form, answers.typed, g.organization.conventions)
    except InvalidError as error:
        return _page(workflow, form, answers.refused(error), None, 422)
    return _start(workflow, {"form_id": form.slug, "form_data": form_data})


def _page(
    workflow: Workflow, form: Form | None, answers: FieldsForm | None, rows: ParamsForm | None, status: int = 200
) -> Response:
    return page(
        "workflows/run.html", block="form", status=status, workflow=workflow, form=form, answers=answers, rows=rows
    )  # fmt: skip


def _form(workflow: Workflow) -> Form | None:
    """The form whose answers the workflow expects."""
    triggers = _definition(workflow)["triggers"]
    slug = next((t["config"].get("form_id") for t in triggers if t["trigger_type"] == "form_submit"), None)
    if not slug:
        return None
    form = find(db.session.scalars(select(Form).filter_by(project_id=workflow.project_id)), str(slug))
    return form if isinstance(form, Form) else None


def _rows(workflow: Workflow, posted: Posted | None = None) -> ParamsForm:
    """Names and values, begun with what the workflow's trigger would bring; braces in them are no expressions."""
    sample = Draft(workflow.id).sample()
    stored = {"input": sample} if sample else {}
    offered = of_project(db.session(), workflow.project_id)
    return build(RunParams, stored, posted, base=PlainForm, providers=offered, check=lambda _params: [])


def _start(workflow: Workflow, data: Mapping[str, object], about: tuple[str, str] = ("", "")) -> Response:
    session = db.session()
    user = g.actor.user
    try:
        version = workflows.version_to_run(session, workflow, actor_id=user.id)
    except InvalidError:
        session.rollback()
        flash(_("This workflow cannot run yet. See below what is missing."), "danger")
        return go("workflow.show", workflow_id=workflow.id)
    trigger = workflows.trigger_meant(workflow, version, "manual")
    execution, _created = start(
        session, workflow, version, trigger=trigger, input_data=data, entity=about, started_by=user.id
    )
    target = ("workflow", workflow.id, workflow.name)
    details = {"execution_id": execution.id}
    events.audit(session, "workflow.run", actor=g.actor.audit, target=target, details=details)
    tasks.commit_and_start(session, execution)
    return go("executions.show", execution_id=execution.id)
