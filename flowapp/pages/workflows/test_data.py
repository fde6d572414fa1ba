"""Trying a draft: with which input, with which pinned results, up to which step."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import wtforms
from flask import Blueprint, Response, flash, g, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from wtforms.fields.choices import SelectChoice
from wtforms.validators import ValidationError

from flowapp import events, tasks
from flowapp.engine.graph import edit
from flowapp.errors import InvalidError
from flowapp.executions import history
from flowapp.extensions import db
from flowapp.models import Execution, StepRun, Workflow
from flowapp.security.roles import Role
from flowapp.web import access, go, page
from flowapp.web.forms.draft import Draft
from flowapp.web.forms.field import Posted
from flowapp.web.forms.json_text import JsonTextField
from flowapp.web.forms.page import PageForm
from flowapp.workflows import test_data

bp = Blueprint("test_data", __name__)
MAX_TEXT = 262_144  # characters of an input or a pinned result


class TestForm(PageForm):
    """With which input, and how far."""

    input = JsonTextField(
        _l("Input as JSON"),
        longest=MAX_TEXT,
        description=_l("What the trigger would provide. Masked secrets you leave unchanged are kept."),
        render_kw={"rows": 12},
    )
    to = wtforms.SelectField(_l("Run up to"), default="", validate_choice=False)

    def __init__(self, draft: Draft, posted: Posted | None, to: str = "") -> None:
        super().__init__(posted, data={"input": _input(draft), "to": to})
        steps = [(step["step_id"], _("Up to “%(name)s”", name=step["name"])) for step in draft.definition["steps"]]
        self.to.choices = [SelectChoice(value, name) for value, name in [("", _("The end")), *steps]]

    def validate_to(self, field: wtforms.Field) -> None:
        """The step may have been deleted since the page was shown."""
        if field.data not in {choice.value for choice in field.iter_choices()}:
            raise ValidationError(_("This step no longer exists. Choose another."))


class PinForm(PageForm):
    """What a step gives in tests."""

    result = JsonTextField(
        _l("Result as JSON"),
        longest=MAX_TEXT,
        description=_l("Prefilled with the pinned result, or the step's latest result."),
        render_kw={"rows": 16},
    )


@bp.get("/workflows/<uuid:workflow_id>/test")
@access(Role.EDITOR)
def show(workflow_id: UUID) -> Response:
    """The input, the pins, and how far to run."""
    draft = Draft(workflow_id)
    return _page(draft, TestForm(draft, None, request.args.get("to", "")))


def _page(draft: Draft, form: TestForm, status: int = 200) -> Response:
    kept = test_data.of(draft.workflow)
    return page(
        "workflows/test.html",
        status=status,
        workflow=draft.workflow,
        tab="test",
        form=form,
        pins=kept["pins"],
        copied=_source(kept["execution_id"]),
        steps=draft.definition["steps"],
    )


def _input(draft: Draft) -> object:
    """What is kept, else what really came last, else an example."""
    return draft.input_of(draft.inputs()[0][0])[0]


def _source(execution_id: str | None) -> Execution | None:
    return db.session.get(Execution, execution_id) if execution_id else None


@bp.post("/workflows/<uuid:workflow_id>/test")
@access(Role.EDITOR)
def run(workflow_id: UUID) -> Response:
    """Keeps the input; then starts the draft and goes to its live page, unless it was only to be kept."""
    draft, session = Draft(workflow_id), db.session()
    form, workflow = TestForm(draft, request.form), draft.workflow
    if not form.validate():
        return _page(draft, form, 422)
    step_id = form.to.data
    try:
        test_data.keep_input(workflow, form.input.value)
        if "_save" in request.form:
            session.commit()
            flash(_("The test data was saved."), "success")
            return go("test_data.show", workflow_id=workflow_id)
        execution = test_data.begin(session, workflow, form.input.value, step_id, started_by=g.actor.user.id)
    except InvalidError:
        session.rollback()
        form.form_errors.append(_("The draft has errors that prevent it from running. See the steps."))
        return _page(Draft(workflow_id), form, 422)
    _audit("workflow.tested", workflow, {"execution_id": execution.id, "run_to": step_id})
    tasks.commit_and_start(session, execution)
    return go("executions.show", execution_id=execution.id)


# --- pins


@bp.get("/workflows/<uuid:workflow_id>/pins/<step_id>")
@access(Role.EDITOR)
def pin(workflow_id: UUID, step_id: str) -> Response:
    """The pinned result, or what the step gave last, to be edited."""
    draft = Draft(workflow_id)
    return _pin_page(draft, step_id, PinForm(data={"result": _result(draft, step_id)}))


def _pin_page(draft: Draft, step_id: str, form: PinForm, status: int = 200) -> Response:
    step = edit.step_of(draft.definition, step_id)
    pinned = step_id in test_data.of(draft.workflow)["pins"]
    return page(
        "workflows/pin.html", status=status, workflow=draft.workflow, step=step, pinned=pinned, form=form
    )  # fmt: skip


def _result(draft: Draft, step_id: str) -> object:
    """What is pinned, else what the step gave when it was tried or ran last."""
    pins = test_data.of(draft.workflow)["pins"]
    if step_id in pins:
        return pins[step_id]
    tried = draft.results([step_id], None)
    if step_id in tried:
        return tried[step_id]
    last = (
        select(StepRun.output)
        .join(Execution, Execution.id == StepRun.execution_id)
        .where(
            Execution.workflow_id == draft.workflow.id,
            Execution.id.in_([execution.id for execution in draft.executions()]),
            StepRun.step_id == step_id,
            StepRun.status == "completed",
        )
        .order_by(Execution.id.desc(), StepRun.seq.desc())
        .limit(1)
    )
    run = db.session.execute(last).first()
    return run.output if run else {}


@bp.post("/workflows/<uuid:workflow_id>/pins/<step_id>")
@access(Role.EDITOR)
def save_pin(workflow_id: UUID, step_id: str) -> Response:
    """Pins what was written."""
    draft = Draft(workflow_id)
    step = edit.step_of(draft.definition, step_id)
    form = PinForm(request.form, data={"result": _result(draft, step_id)})
    if not form.validate():
        return _pin_page(draft, step_id, form, 422)
    test_data.pin(draft.workflow, step_id, form.result.value)
    _audit("step.pinned", draft.workflow, {"step_id": step_id})
    db.session.commit()
    flash(_("The result of “%(name)s” is pinned. The step does not run in tests.", name=step["name"]), "success")
    return go("test_data.show", workflow_id=workflow_id)


@bp.post("/workflows/<uuid:workflow_id>/pins/<step_id>/remove")
@access(Role.EDITOR)
def unpin(workflow_id: UUID, step_id: str) -> Response:
    """Takes the pin off."""
    draft = Draft(workflow_id)
    test_data.unpin(draft.workflow, step_id)
    _audit("step.unpinned", draft.workflow, {"step_id": step_id})
    db.session.commit()
    flash(_("The step runs in tests again."), "success")
    return go("test_data.show", workflow_id=workflow_id)


@bp.post("/executions/<uuid:execution_id>/use-as-test-data")
@access(Role.EDITOR)
def copy(execution_id: UUID) -> Response:
    """Takes an execution's input and results into the editor."""
    session = db.session()
    workflow = test_data.copy(session, history.get(session, str(execution_id)))
    _audit("workflow.test_data_copied", workflow, {"execution_id": str(execution_id)})
    session.commit()
    flash(
        _("The execution's data is now the test data. The results of steps that sent or saved something are pinned."),
        "success",
    )
    return go("test_data.show", workflow_id=workflow.id)


def _audit(action: str, workflow: Workflow, details: Mapping[str, object]) -> None:
    target = ("workflow", workflow.id, workflow.name)
    events.audit(
        db.session(), action, actor=g.actor.audit, target=target, details=details
    )  # fmt: skip
