"""Pipelines: their stages, in order; what a stage means for a deal, and how likely it is won from there."""

from __future__ import annotations

from uuid import UUID

import wtforms
from flask import Blueprint, Response, flash, g, request
from flask_babel import gettext as _
from sqlalchemy import func, select

from flowapp.catalog import N_
from flowapp.crm import pipelines
from flowapp.errors import ConflictError, InvalidError
from flowapp.events import audit
from flowapp.extensions import db
from flowapp.models import Deal, Pipeline
from flowapp.records.lock import lock
from flowapp.security.roles import Role
from flowapp.web import Nav, access, go, page
from flowapp.web.crm.pipelines import every_pipeline
from flowapp.web.edits import Edit, labels
from flowapp.web.forms.page import PageForm, RowList, text
from flowapp.web.texts import translated

bp = Blueprint("pipelines", __name__, url_prefix="/settings/pipelines")
NAV = Nav(42, N_("Pipelines"), "layout-dashboard", "pipelines.index", "/settings/pipelines", Role.ADMIN, "settings")
KINDS = {"open": N_("Open"), "won": N_("Won"), "lost": N_("Lost")}


class StageForm(PageForm):
    """A stage; `key` is its id, empty for a new one."""

    key = wtforms.HiddenField(default="")
    name = text()
    kind = text(default="open")
    probability = text(default="0")


class PipelineForm(PageForm):
    """A pipeline with its stages."""

    name = text()
    is_default = wtforms.BooleanField()
    stages = RowList(wtforms.FormField(StageForm))


@bp.get("")
@access(Role.ADMIN)
def index() -> Response:
    """Every pipeline, with its stages and how many deals it has."""
    counted = db.session.execute(select(Deal.pipeline_id, func.count(Deal.id)).group_by(Deal.pipeline_id))
    every = every_pipeline(db.session())
    return page("crm/settings/pipelines.html", pipelines=every, counts={row[0]: row[1] for row in counted})


@bp.get("/new")
@access(Role.ADMIN)
def new() -> Response:
    """The form of a new pipeline, begun with the usual stages."""
    usual = [{"name": name, "kind": kind, "probability": str(odds)} for name, kind, odds in pipelines.FIRST_STAGES]
    return _form(None, PipelineForm(data={"stages": usual}))


@bp.post("/new")
@access(Role.ADMIN)
def create() -> Response:
    """Makes a pipeline."""
    return _save(None)


@bp.get("/<uuid:pipeline_id>")
@access(Role.ADMIN)
def edit(pipeline_id: UUID) -> Response:
    """The form of a pipeline."""
    pipeline = pipelines.get(db.session(), str(pipeline_id))
    return _form(pipeline, _shown(pipeline))


@bp.post("/<uuid:pipeline_id>")
@access(Role.ADMIN)
def update(pipeline_id: UUID) -> Response:
    """Changes a pipeline; a button that adds, removes or moves a stage only changes the form."""
    pipeline = pipelines.get(db.session(), str(pipeline_id))
    lock(db.session(), pipeline)
    return _save(pipeline)


def _save(pipeline: Pipeline | None) -> Response:
    form, edit, session = PipelineForm(request.form), _edit(pipeline), db.session()
    if form.acted:
        return _form(pipeline, form, edit)
    typed = edit.merge(form.data) if pipeline else form.data
    if edit.asks:
        return _form(pipeline, PipelineForm(data=typed), edit, edit.status)
    given = {**typed, "stages": [{**stage, "id": stage["key"]} for stage in form.stages.data]}
    try:
        saved = pipelines.change(session, pipeline, given) if pipeline else pipelines.create(session, given)
    except (InvalidError, ConflictError) as error:
        session.rollback()
        refused = error if isinstance(error, InvalidError) else InvalidError.at("", error.message)
        return _form(pipeline, PipelineForm(request.form).refused(refused), edit, 422)
    _note("changed" if pipeline else "created", saved)
    edit.tell()
    flash(_("The pipeline “%(name)s” was saved.", name=saved.name), "success")
    return go("pipelines.index")


@bp.post("/<uuid:pipeline_id>/delete")
@access(Role.ADMIN)
def delete(pipeline_id: UUID) -> Response:
    """Deletes a pipeline that has no deals."""
    pipeline = pipelines.get(db.session(), str(pipeline_id))
    try:
        pipelines.remove(db.session(), pipeline)
    except ConflictError as error:
        flash(translated(error.message), "danger")
        return go("pipelines.edit", pipeline_id=pipeline_id)
    _note("deleted", pipeline)
    flash(_("The pipeline “%(name)s” was deleted.", name=pipeline.name), "success")
    return go("pipelines.index")


def _shown(pipeline: Pipeline) -> PipelineForm:
    stages = [
        {"key": stage.id, "name": stage.name, "kind": stage.kind, "probability": str(stage.probability)}
        for stage in pipeline.stages
    ]
    return PipelineForm(data={"name": pipeline.name, "is_default": pipeline.is_default, "stages": stages})


def _edit(pipeline: Pipeline | None) -> Edit:
    texts = {"name": _("Name"), "is_default": _("Default"), "stages": _("Stages"), "kind": _("Meaning"),
             "probability": _("Probability")}  # fmt: skip
    return Edit(_shown(pipeline).data if pipeline else {}, labels(texts))


def _form(pipeline: Pipeline | None, form: PipelineForm, edit: Edit | None = None, status: int = 200) -> Response:
    rows = [{"id": str(at), "label": row.form.name.data, "form": row.form} for at, row in enumerate(form.stages)]
    return page(
        "crm/settings/pipeline.html", block="form", status=status, pipeline=pipeline, form=form, rows=rows,
        edit=edit or _edit(pipeline), kinds=[(kind, _(label)) for kind, label in KINDS.items()],
    )  # fmt: skip


def _note(what: str, pipeline: Pipeline) -> None:
    audit(db.session(), f"pipeline.{what}", actor=g.actor.audit, target=("pipeline", pipeline.id, pipeline.name))
    db.session.commit()
