"""Run again: from where and on which version, with which input, and what that does once more."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from flask import Blueprint, Response, flash, g, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session
from wtforms.fields.choices import SelectChoice

from flowapp import events, tasks, workflows
from flowapp.engine.store.rerun import can_go_on, repeat
from flowapp.errors import ConflictError, InvalidError
from flowapp.executions import history, timeline
from flowapp.executions.replays import Choice
from flowapp.executions.side_effects import EffectPreview, preview
from flowapp.extensions import db
from flowapp.models import TERMINAL, Execution, Version, Workflow
from flowapp.security.roles import Role
from flowapp.web import access, go, page
from flowapp.web.forms.field import Posted
from flowapp.web.forms.json_text import JsonTextField
from flowapp.web.forms.page import ChoiceField, PageForm
from flowapp.web.texts import translated

bp = Blueprint("run_again", __name__, url_prefix="/executions/<uuid:execution_id>/run-again")
Start = Literal["start", "failed"]
VersionChoice = Literal["newest", "same"]
STARTS: tuple[Start, ...] = ("start", "failed")


@bp.get("")
@access(Role.OPERATOR)
def ask(execution_id: UUID) -> Response:
    """The choices; one that has not ended is shown instead."""
    execution = history.get(db.session(), str(execution_id))
    if execution.status not in TERMINAL:
        flash(_("This execution has not ended yet. Cancel it or wait until it ends, then run it again."), "info")
        return go("executions.show", execution_id=execution_id)
    return _page(execution, _form(execution))


class RunAgainForm(PageForm):
    """From where, on which version, with which input."""

    start = ChoiceField(
        _l("From which step?"),
        choices=[SelectChoice("start"), SelectChoice("failed")],
        validate_choice=False,
        name="from",
    )
    version = ChoiceField(
        _l("On which version?"), choices=[SelectChoice("newest"), SelectChoice("same")], validate_choice=False
    )
    input = JsonTextField(
        _l("Input as JSON"),
        description=_l("Masked secrets you leave unchanged are kept."),
        render_kw={"rows": 12},
    )

    @property
    def from_step(self) -> Start:
        return "failed" if self.start.data == "failed" else "start"

    @property
    def on_version(self) -> VersionChoice:
        return "same" if self.version.data == "same" else "newest"


def _form(execution: Execution, posted: Posted | None = None) -> RunAgainForm:
    """Begun with what most people want."""
    start = "failed" if can_go_on(execution) else "start"
    stored = {"start": start, "version": "newest", "input": execution.input_data}
    return RunAgainForm(posted, data=stored)


@bp.post("")
@access(Role.OPERATOR)
def run(execution_id: UUID) -> Response:
    """Starts the new execution and goes to it; what keeps it from starting is said in the form."""
    session = db.session()
    old = history.get(session, str(execution_id))
    form = _form(old, request.form)
    if not form.validate():
        return _page(old, form, 422)
    try:
        new = _repeat(session, old, form)
    except (ConflictError, InvalidError) as error:
        session.rollback()
        form.form_errors.append(_reason(error))
        return _page(history.get(session, str(execution_id)), form, 409)
    _audit(session, old, new)
    tasks.commit_and_start(session, new)
    return go("executions.show", execution_id=new.id)


@bp.post("/anyway")
@access(Role.OPERATOR)
def anyway(execution_id: UUID) -> Response:
    """Runs what the conditions of its trigger kept from running, without asking them: a person says so."""
    session = db.session()
    old = history.get(session, str(execution_id))
    try:
        new = repeat(session, old, version="newest", started_by=g.actor.user.id)
    except ConflictError as error:
        session.rollback()
        flash(translated(error.message), "danger")
        return go("executions.show", execution_id=execution_id)
    _audit(session, old, new)
    tasks.commit_and_start(session, new)
    return go("executions.show", execution_id=new.id)


def _audit(session: Session, old: Execution, new: Execution) -> None:
    label = session.get_one(Workflow, old.workflow_id).name
    target = ("execution", new.id, label)
    events.audit(session, "execution.run_again", actor=g.actor.audit, target=target, details={"of": old.id})


def _reason(error: ConflictError | InvalidError) -> str:
    if isinstance(error, InvalidError):
        return str(_("This workflow cannot run right now. Its page shows what is missing."))
    return translated(error.message)


def _repeat(session: Session, old: Execution, form: RunAgainForm) -> Execution:
    if form.on_version == "newest":
        workflow = session.get_one(Workflow, old.workflow_id)
        workflows.version_to_run(session, workflow, actor_id=g.actor.user.id)  # a draft is tried as it is now
    return repeat(
        session,
        old,
        from_step=form.from_step,
        version=form.on_version,
        input_data=form.input.value if form.input.value != old.input_data else None,
        started_by=g.actor.user.id,
    )


def _page(execution: Execution, form: RunAgainForm, status: int = 200) -> Response:
    session = db.session()
    workflow = session.get_one(Workflow, execution.workflow_id)
    names = history.step_names(session, execution)
    return page(
        "executions/run_again.html",
        block="form",
        status=status,
        execution=execution,
        workflow=workflow,
        form=form,
        shows_input=len(form.input.data) <= timeline.MAX_PAYLOAD,
        goes_on=can_go_on(execution),
        step_name=names.get(execution.current_step_id, execution.current_step_id),
        ran=session.get_one(Version, execution.version_id),
        newest=workflow.published,
        effects={start: _foreseen(session, execution, start, form.on_version) for start in STARTS},
    )


def _foreseen(session: Session, execution: Execution, start: Start, version: VersionChoice) -> EffectPreview:
    return preview(session, Choice(ids=(execution.id,), fresh=False), start, version)
