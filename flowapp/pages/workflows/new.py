"""A new workflow in five stages: basics, trigger, conditions, steps, review.

After the basics it is a draft like any other, so that reloading, going back and leaving lose nothing. While the wizard
is under way (the session says for which workflow), the step editor leads back to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, flash, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from flowapp import workflows
from flowapp.catalog import N_, TRIGGERS
from flowapp.engine.graph import edit
from flowapp.errors import InvalidError, Problem, StaleError
from flowapp.extensions import db
from flowapp.models import Workflow, new_id
from flowapp.models.definitions import DefinitionJson, TriggerJson
from flowapp.security.roles import Role
from flowapp.template_library import library
from flowapp.template_library.library import WorkflowTemplate
from flowapp.web import access, go, page, wants_fragment
from flowapp.web.edits import Edit, at_the_same_moment
from flowapp.web.forms.draft import Draft
from flowapp.web.forms.flow import flow
from flowapp.web.forms.form import ParamsForm
from flowapp.web.forms.page import PageForm, text
from flowapp.web.forms.template_values import values_form, values_of
from flowapp.web.forms.triggers import TriggerForm
from flowapp.web.locale import select_locale, select_timezone
from flowapp.web.texts import localized_problems

bp = Blueprint("workflow_new", __name__, url_prefix="/workflows")
Stage = Callable[[Draft, TriggerForm], Response]
STAGES = (
    ("basics", N_("Basics")),
    ("trigger", N_("Trigger")),
    ("conditions", N_("Conditions")),
    ("steps", N_("Steps")),
    ("review", N_("Review")),
)


class BasicsForm(PageForm):
    """Name and description, and for a new workflow what it begins with: a template, another workflow or nothing."""

    name = text(filters=[str.strip])
    description = text(filters=[str.strip])
    start = text(filters=[str.strip])


@bp.before_app_request
def _stay() -> ResponseReturnValue | None:
    """The step editor's own list of steps is the wizard's fourth stage, until the wizard ends or is left."""
    wizard = session.get("wizard") if request.endpoint in ("steps.index", "workflow.show") else None
    if not wizard or wizard != str((request.view_args or {}).get("workflow_id")):
        return None
    if request.endpoint == "workflow.show":
        del session["wizard"]
    elif request.method == "GET" and not wants_fragment():
        return redirect(url_for("workflow_new.steps", workflow_id=wizard), 303)
    return None


@bp.get("/new")
@access(Role.EDITOR)
def show() -> Response:
    """The basics of a workflow that does not exist yet.

    Its address names the draft to be made, so that whoever comes back to it changes that draft and makes no second one.
    """
    draft = request.args.get("draft")
    if draft is None:
        return go("workflow_new.show", draft=new_id(), start=request.args.get("start"))
    made = _made_before(draft)
    if made is not None:
        return go("workflow_new.basics", workflow_id=made.id)
    return _basics(None, BasicsForm(data={"start": request.args.get("start", "")}))


@bp.post("/new")
@access(Role.EDITOR)
def create() -> Response:
    """Makes the draft, blank or from a template, and goes on to its trigger."""
    form = BasicsForm(request.form)
    database = db.session()
    draft = request.form.get("draft", "")[:36]  # an id; it goes into the session's cookie
    made = _made_before(draft)
    if made is not None:
        return (
            go("workflow_new.review", workflow_id=made.id) if "filled" in request.form else save_basics(UUID(made.id))
        )
    template = library.find(database, form.start.data, select_locale(), g.actor.user.email)
    filled = values_form(template, request.form if "filled" in request.form else None) if template else None
    if template and filled and template.asks:
        ready = "filled" in request.form and not filled.acted and filled.validate()
        if not ready:
            return _fill(template, form, filled)
    try:
        workflow = _made(form.data, template, filled)
        database.commit()
    except InvalidError as error:
        database.rollback()
        return _basics(None, form.refused(error))
    session["wizard"], session["wizard_made"] = workflow.id, [draft, workflow.id]
    complete = template is not None and template.asks
    return go("workflow_new.review" if complete else "workflow_new.trigger", workflow_id=workflow.id)


def _made_before(draft: str) -> Workflow | None:
    """The workflow that was made of this draft's page already."""
    name, workflow_id = session.get("wizard_made", ("", ""))
    return db.session.get(Workflow, workflow_id) if draft and draft == name else None


def _made(typed: dict[str, str], template: WorkflowTemplate | None, filled: ParamsForm | None) -> Workflow:
    database, actor_id, start = db.session(), g.actor.user.id, typed["start"]
    if template and filled:
        named = {name: typed[name] for name in ("name", "description") if typed[name]}
        return library.create(
            database, template, values=values_of(template, filled), overrides=named, language=select_locale(),
            actor_id=actor_id,
        )  # fmt: skip
    if not typed["name"]:
        raise InvalidError.at("name", _("Give the workflow a name."), "missing")
    if not start:
        named = {"name": typed["name"], "description": typed["description"]}
        return workflows.create(database, named, actor_id=actor_id)
    source = workflows.get(database, start)
    copy = workflows.duplicate(database, source, actor_id=actor_id, name=typed["name"])
    return workflows.update(
        database, copy, {"description": typed["description"] or source.description}, actor_id=actor_id
    )


def _fill(template: WorkflowTemplate, form: BasicsForm, filled: ParamsForm) -> Response:
    """What the template asks for, before there is a draft."""
    status = 422 if filled.errors else 200
    return _stage("fill", None, status=status, shown="basics", form=form, chosen=template, filled=filled)


def _basics(draft: Draft | None, form: BasicsForm, edit: Edit | None = None) -> Response:
    offered = library.every(db.session(), select_locale(), g.actor.user.email) if draft is None else []
    return _stage(
        "basics",
        draft,
        status=422 if form.errors or (edit and edit.questions) else 200,
        form=form,
        edit=edit or (_edit(draft) if draft else None),
        templates=offered,
    )


@bp.get("/<uuid:workflow_id>/wizard/basics")
@access(Role.EDITOR)
def basics(workflow_id: UUID) -> Response:
    """Back to name and description."""
    draft = Draft(workflow_id)
    return _basics(draft, BasicsForm(data=_named(draft)))


@bp.post("/<uuid:workflow_id>/wizard/basics")
@access(Role.EDITOR)
def save_basics(workflow_id: UUID) -> Response:
    """Changes name and description."""
    draft = Draft(workflow_id)
    form, edit = BasicsForm(request.form), _edit(draft)
    named: Any = edit.merge({"name": form.name.data, "description": form.description.data})
    if edit.asks or form.acted:
        return _basics(draft, BasicsForm(data=named), edit)
    definition: DefinitionJson = {**draft.definition, **named}
    try:
        draft.save_over(definition)
    except (InvalidError, StaleError) as error:
        db.session.rollback()
        refused = error if isinstance(error, InvalidError) else InvalidError.at("", at_the_same_moment())
        return _basics(Draft(workflow_id), form.refused(refused), edit)
    edit.tell()
    return go("workflow_new.trigger", workflow_id=workflow_id)


def _named(draft: Draft) -> dict[str, object]:
    return {"name": draft.definition["name"], "description": draft.definition["description"]}


def _edit(draft: Draft) -> Edit:
    return Edit(_named(draft), lambda path: str(_("Name") if path[0] == "name" else _("Description")))


@bp.get("/<uuid:workflow_id>/wizard/trigger")
@access(Role.EDITOR)
def trigger(workflow_id: UUID) -> Response:
    """The types as cards, and the form of the chosen one."""
    draft = Draft(workflow_id)
    return _trigger_stage(draft, _form(draft, request.args.get("type", "")))


@bp.post("/<uuid:workflow_id>/wizard/trigger")
@access(Role.EDITOR)
def save_trigger(workflow_id: UUID) -> Response:
    """Saves the first trigger; others of the draft stay."""
    draft = Draft(workflow_id)
    return _saved(draft, _form(draft, request.form.get("trigger_type", "")), _trigger_stage, "workflow_new.conditions")


def _form(draft: Draft, wanted: str = "") -> TriggerForm:
    posted = request.form if request.method == "POST" else None
    return TriggerForm.editing(_chosen(draft, wanted), draft.providers(), posted)


def _trigger_stage(draft: Draft, form: TriggerForm) -> Response:
    return _stage("trigger", draft, form=form, types=list(TRIGGERS.values()), status=_status(form))


def _chosen(draft: Draft, wanted: str) -> TriggerJson:
    """The draft's first trigger if it is of the wanted type, else a new one; by hand where nothing was chosen."""
    first = next(iter(draft.definition["triggers"]), None)
    kind = wanted if wanted in TRIGGERS else first["trigger_type"] if first else "manual"
    if first is not None and first["trigger_type"] == kind:
        return first
    config: dict[str, object] = {"every": "daily", "timezone": select_timezone()} if kind == "schedule" else {}
    return {"trigger_type": kind, "config": config, "conditions": first["conditions"] if first else None}


@bp.get("/<uuid:workflow_id>/wizard/conditions")
@access(Role.EDITOR)
def conditions(workflow_id: UUID) -> Response:
    """When the trigger really starts the workflow."""
    draft = Draft(workflow_id)
    return _conditions_stage(draft, _form(draft))


@bp.post("/<uuid:workflow_id>/wizard/conditions")
@access(Role.EDITOR)
def save_conditions(workflow_id: UUID) -> Response:
    """Saves them with the first trigger."""
    draft = Draft(workflow_id)
    return _saved(draft, _form(draft), _conditions_stage, "workflow_new.steps")


def _conditions_stage(draft: Draft, form: TriggerForm) -> Response:
    return _stage("conditions", draft, form=form, values=draft.values(draft.definition, None), status=_status(form))


def _saved(draft: Draft, form: TriggerForm, again: Stage, onward: str) -> Response:
    """Saves what the form reads into the first trigger and goes on; else shows the stage again as it was typed."""
    if form.acted or not form.validate():
        return again(draft, form)
    form = form.merged()
    if form.edit.asks:
        return again(draft, form)
    definition: DefinitionJson = {**draft.definition, "triggers": [form.trigger, *draft.definition["triggers"][1:]]}
    try:
        draft.save_over(definition)
    except (InvalidError, StaleError) as error:
        db.session.rollback()
        form.show(error.problems if isinstance(error, InvalidError) else [Problem("", at_the_same_moment())], 0)
        return again(Draft(draft.workflow.id), form)
    form.edit.tell()
    return go(onward, workflow_id=draft.workflow.id)


def _status(form: TriggerForm) -> int:
    return 422 if (form.errors or form.edit.questions) and not form.acted else 200


@bp.get("/<uuid:workflow_id>/wizard/steps")
@access(Role.EDITOR)
def steps(workflow_id: UUID) -> Response:
    """The flow, with the step editor's own forms behind it."""
    draft = Draft(workflow_id)
    session["wizard"] = draft.workflow.id
    errors, warnings = workflows.validate(db.session(), draft.workflow)
    view = flow(draft.definition, draft.providers(), errors, warnings)

    def removes(step_id: str) -> list[str]:
        return [view.cards[other].name for other in edit.only_in_lanes(draft.definition, step_id)]

    return _stage("steps", draft, view=view, removes=removes)


@bp.get("/<uuid:workflow_id>/wizard/review")
@access(Role.EDITOR)
def review(workflow_id: UUID) -> Response:
    """All of it at a glance, with what is still wrong, and as JSON."""
    return _review(Draft(workflow_id))


@bp.post("/<uuid:workflow_id>/wizard/review")
@access(Role.EDITOR)
def finish(workflow_id: UUID) -> Response:
    """Leaves it as a draft, or activates it; what keeps it from starting is listed."""
    database = db.session()
    workflow = workflows.get(database, str(workflow_id))
    if "activate" in request.form:
        try:
            workflows.activate(database, workflow, actor_id=g.actor.user.id)
            database.commit()
        except InvalidError:
            database.rollback()
            return _review(Draft(workflow_id), 422)
        flash(_("“%(name)s” is now active.", name=workflow.name), "success")
    else:
        flash(_("“%(name)s” was saved as a draft. Activate it when it is ready.", name=workflow.name), "success")
    session.pop("wizard", None)
    return go("workflow.show", workflow_id=workflow_id)


def _review(draft: Draft, status: int = 200) -> Response:
    errors, warnings = workflows.validate(db.session(), draft.workflow)
    view = flow(draft.definition, draft.providers(), errors, warnings)
    return _stage(
        "review", draft, status=status, found=(localized_problems(errors), localized_problems(warnings)), view=view
    )


def _stage(name: str, draft: Draft | None, *, status: int = 200, shown: str = "", **context: object) -> Response:
    return page(
        f"workflows/wizard/{name}.html",
        block="stage",
        status=status,
        stage=shown or name,
        stages=STAGES,
        draft=draft,
        workflow=draft.workflow if draft else None,
        **context,
    )
