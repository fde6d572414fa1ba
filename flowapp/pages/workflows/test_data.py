"""Trying a draft: with which input, with which pinned results, up to which step."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from flask import Blueprint, Response, flash, g, request
from flask_babel import gettext as _
from sqlalchemy import select

from flowapp import events, tasks
from flowapp.engine.graph import edit
from flowapp.errors import InvalidError
from flowapp.executions import history
from flowapp.extensions import db
from flowapp.models import Execution, StepRun, Workflow
from flowapp.security.roles import Role
from flowapp.web import access, go, json_text, page
from flowapp.web.forms.draft import Draft
from flowapp.web.texts import translated
from flowapp.workflows import test_data

bp = Blueprint("test_data", __name__)
MAX_TEXT = 262_144  # characters of an input or a pinned result
Errors = dict[str, str]


@bp.get("/workflows/<uuid:workflow_id>/test")
@access(Role.EDITOR)
def show(workflow_id: UUID) -> Response:
    """The input, the pins, and how far to run."""
    return _page(Draft(workflow_id), {})


def _page(draft: Draft, wrong: Errors, status: int = 200) -> Response:
    kept = test_data.of(draft.workflow)
    return page(
        "workflows/test.html",
        status=status,
        workflow=draft.workflow,
        tab="test",
        input=request.form.get("input", json_text.shown(_input(draft))),
        pins=kept["pins"],
        copied=_source(kept["execution_id"]),
        steps=draft.definition["steps"],
        to=request.values.get("to", ""),
        wrong=wrong,
    )


def _input(draft: Draft) -> object:
    """What is kept, else an example, else what came last."""
    kept = test_data.of(draft.workflow)
    if "input" in kept:
        return kept["input"]
    return draft.sample() or next((execution.input_data for execution in draft.executions()), {})


def _source(execution_id: str | None) -> Execution | None:
    return db.session.get(Execution, execution_id) if execution_id else None


@bp.post("/workflows/<uuid:workflow_id>/test")
@access(Role.EDITOR)
def run(workflow_id: UUID) -> Response:
    """Keeps the input; then starts the draft and goes to its live page, unless it was only to be kept."""
    draft, session = Draft(workflow_id), db.session()
    workflow = draft.workflow
    try:
        data = _read(request.form.get("input", ""), _input(draft), "input")
        step_id = request.form.get("to", "")
        if step_id and step_id not in {step["step_id"] for step in draft.definition["steps"]}:
            raise InvalidError.at("to", _("This step no longer exists. Choose another."))
        test_data.keep_input(workflow, data)
        if "_save" in request.form:
            session.commit()
            flash(_("The test data was saved."), "success")
            return go("test_data.show", workflow_id=workflow_id)
        execution = test_data.begin(session, workflow, data, step_id, started_by=g.actor.user.id)
    except InvalidError as error:
        session.rollback()
        wrong = {problem.path: translated(problem.message) for problem in error.problems}
        if not wrong.keys() & {"input", "to"}:
            wrong = {"": _("The draft has errors that prevent it from running. See the steps.")}
        return _page(Draft(workflow_id), wrong, 422)
    _audit("workflow.tested", workflow, {"execution_id": execution.id, "run_to": step_id})
    tasks.commit_and_start(session, execution)
    return go("executions.show", execution_id=execution.id)


def _read(text: str, before: object, field: str) -> object:
    if len(text) > MAX_TEXT:
        raise InvalidError.at(field, _("This is too long. Enter at most %(most)s characters.", most=MAX_TEXT))
    return json_text.read(text, before, field)


# --- pins


@bp.get("/workflows/<uuid:workflow_id>/pins/<step_id>")
@access(Role.EDITOR)
def pin(workflow_id: UUID, step_id: str) -> Response:
    """The pinned result, or what the step gave last, to be edited."""
    return _pin_page(Draft(workflow_id), step_id, {})


def _pin_page(draft: Draft, step_id: str, wrong: Errors, status: int = 200) -> Response:
    step = edit.step_of(draft.definition, step_id)
    result, pinned = _result(draft, step_id)
    return page(
        "workflows/pin.html",
        status=status,
        workflow=draft.workflow,
        step=step,
        pinned=pinned,
        result=request.form.get("result", json_text.shown(result)),
        wrong=wrong,
    )


def _result(draft: Draft, step_id: str) -> tuple[object, bool]:
    """What is pinned, else what the step gave when it was tried or ran last; and whether it is pinned."""
    pins = test_data.of(draft.workflow)["pins"]
    if step_id in pins:
        return pins[step_id], True
    tried = draft.results([step_id], None)
    if step_id in tried:
        return tried[step_id], False
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
    return (run.output if run else {}), False


@bp.post("/workflows/<uuid:workflow_id>/pins/<step_id>")
@access(Role.EDITOR)
def save_pin(workflow_id: UUID, step_id: str) -> Response:
    """Pins what was written."""
    draft = Draft(workflow_id)
    step = edit.step_of(draft.definition, step_id)
    try:
        result = _read(request.form.get("result", ""), _result(draft, step_id)[0], "result")
    except InvalidError as error:
        return _pin_page(draft, step_id, {p.path: translated(p.message) for p in error.problems}, 422)
    test_data.pin(draft.workflow, step_id, result)
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
