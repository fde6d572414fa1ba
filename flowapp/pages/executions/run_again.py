"""Run again: from where and on which version, with which input, and what that does once more."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, flash, g, request
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from flowapp import events, tasks, workflows
from flowapp.engine.store.rerun import can_go_on, repeat
from flowapp.errors import ConflictError, InvalidError
from flowapp.executions import history, timeline
from flowapp.executions.replays import Choice
from flowapp.executions.side_effects import EffectPreview, preview
from flowapp.extensions import db
from flowapp.models import TERMINAL, Execution, Version, Workflow
from flowapp.security.roles import Role
from flowapp.web import access, go, json_text, page
from flowapp.web.texts import translated

bp = Blueprint("run_again", __name__, url_prefix="/executions/<uuid:execution_id>/run-again")


@bp.get("")
@access(Role.OPERATOR)
def ask(execution_id: UUID) -> Response:
    """The choices; one that has not ended is shown instead."""
    execution = history.get(db.session(), str(execution_id))
    if execution.status not in TERMINAL:
        flash(_("This execution has not ended yet. Cancel it or wait until it ends, then run it again."), "info")
        return go("executions.show", execution_id=execution_id)
    return _page(execution, {})


@bp.post("")
@access(Role.OPERATOR)
def run(execution_id: UUID) -> Response:
    """Starts the new execution and goes to it; what keeps it from starting is said in the form."""
    session = db.session()
    old = history.get(session, str(execution_id))
    try:
        new = _repeat(session, old)
    except (ConflictError, InvalidError) as error:
        session.rollback()
        problems = error.problems if isinstance(error, InvalidError) else []
        wrong = {problem.path: translated(problem.message) for problem in problems if problem.path == "input"}
        wrong = wrong or {"": _reason(error)}
        return _page(history.get(session, str(execution_id)), wrong, 409 if "" in wrong else 422)
    label = session.get_one(Workflow, old.workflow_id).name
    events.audit(
        session,
        "execution.run_again",
        actor=g.actor.audit,
        target=("execution", new.id, label),
        details={"of": old.id},
    )
    tasks.commit_and_start(session, new)
    return go("executions.show", execution_id=new.id)


def _reason(error: ConflictError | InvalidError) -> str:
    if isinstance(error, InvalidError):
        return str(_("This workflow cannot run right now. Its page shows what is missing."))
    return translated(error.message)


def _repeat(session: Session, old: Execution) -> Execution:
    asked = _asked(old)
    given = request.form.get("input")
    data = json_text.read(given, old.input_data, "input") if given is not None else old.input_data
    if asked["version"] == "newest":
        workflow = session.get_one(Workflow, old.workflow_id)
        workflows.version_to_run(session, workflow, actor_id=g.actor.user.id)  # a draft is tried as it is now
    return repeat(
        session,
        old,
        from_step=asked["from"],
        version=asked["version"],
        input_data=data if data != old.input_data else None,
        started_by=g.actor.user.id,
    )


def _asked(old: Execution) -> dict[str, Any]:
    """What the form says, else what most people want."""
    start = request.form.get("from") or ("failed" if can_go_on(old) else "start")
    version = request.form.get("version") or "newest"
    return {"from": "failed" if start == "failed" else "start", "version": "same" if version == "same" else "newest"}


def _page(execution: Execution, wrong: dict[str, str], status: int = 200) -> Response:
    session = db.session()
    workflow = session.get_one(Workflow, execution.workflow_id)
    asked = _asked(execution)
    text = request.form.get("input", json_text.shown(execution.input_data))
    names = history.step_names(session, execution)
    return page(
        "executions/run_again.html",
        block="form",
        status=status,
        execution=execution,
        workflow=workflow,
        asked=asked,
        input=text if len(text) <= timeline.MAX_PAYLOAD else None,
        wrong=wrong,
        goes_on=can_go_on(execution),
        step_name=names.get(execution.current_step_id, execution.current_step_id),
        ran=session.get_one(Version, execution.version_id),
        newest=workflow.published,
        effects={start: _foreseen(session, execution, start, asked["version"]) for start in ("start", "failed")},
    )


def _foreseen(session: Session, execution: Execution, start: Any, version: Any) -> EffectPreview:
    return preview(session, Choice(ids=(execution.id,), fresh=False), start, version)
