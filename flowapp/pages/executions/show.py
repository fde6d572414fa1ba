"""Executions: the list, and one of them with all that happened in it, live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, flash, g, make_response, request
from flask_babel import format_datetime
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from flowapp import events, tasks
from flowapp.catalog import N_, TRIGGERS, Reason
from flowapp.crm import contacts
from flowapp.engine.store import control
from flowapp.errors import ConflictError, InvalidError, NotFoundError
from flowapp.executions import explanations, history, timeline
from flowapp.extensions import db
from flowapp.models import EXECUTION_STATUSES, TERMINAL, Contact, Execution, StepRun, User, Version, Workflow, read_id
from flowapp.records.paging import PageAt
from flowapp.security.roles import Role
from flowapp.web import Nav, access, go, page, wants_fragment
from flowapp.web.crm.links import link_to
from flowapp.web.locale import local_times, midnight
from flowapp.web.texts import translated

bp = Blueprint("executions", __name__, url_prefix="/executions")
NAV = Nav(30, N_("Executions"), "activity", "executions.index", "/executions")

LINES = 2000  # of the log, as many as static/src/live.js keeps
_LEVELS = ("all", "info", "warning", "error")
_PARTS = ("state", "actions", "live", "data")
_PAYLOADS = ("input_data", "output_data", "context")
_RUN_PAYLOADS = ("input", "output", "error_details")


# --- the list


@bp.get("")
@access(Role.VIEWER)
def index() -> Response:
    """The newest first; filters that make no sense are left out."""
    session = db.session()
    search, cursor = _search(), request.args.get("cursor") or None
    try:
        rows, cursors = history.find(session, search, PageAt(cursor=cursor))
    except InvalidError:  # a cursor of another list
        rows, cursors = history.find(session, search)
    return page(
        "executions/index.html",
        block="list",
        rows=rows,
        cursors=cursors,
        filtered=search != history.Search(),
        workflows=history.workflow_names(session),
        triggers=[(spec.type, _(spec.label)) for spec in TRIGGERS.values()],
        statuses=EXECUTION_STATUSES,
    )


def _search() -> history.Search:
    asked = {name: value.strip() for name, value in request.args.items()}
    status = asked.get("status", "")
    return history.Search(
        statuses=(status,) if status in EXECUTION_STATUSES else (),
        workflow_id=read_id(asked.get("workflow", "")) or "",
        trigger_type=asked.get("trigger", "")[:64],
        since=midnight(asked.get("since", "")),
        until=midnight(asked.get("until", ""), days=1),
        text=asked.get("q", "")[:200],
        fingerprint=asked.get("fingerprint", "")[:16],
        replay_id=read_id(asked.get("replay", "")) or "",
    )


# --- one execution


@bp.get("/<uuid:execution_id>")
@access(Role.VIEWER)
def show(execution_id: UUID) -> Response:
    """The whole page, or one of its parts that are fetched again while it runs."""
    session = db.session()
    execution = history.get(session, str(execution_id))
    workflow = session.get_one(Workflow, execution.workflow_id)
    part = request.args.get("part", "") if wants_fragment() else ""
    part = part if part in _PARTS else ""
    context: dict[str, Any] = {"execution": execution, "workflow": workflow, "ended": execution.status in TERMINAL}
    budget = timeline.Budget()
    if part in ("", "data"):
        context["payloads"] = {name: budget.show(getattr(execution, name) or None) for name in _PAYLOADS}
    if part in ("", "live"):
        context |= _story(session, execution, budget) | _facts(session, execution)
    return page("executions/show.html", block=part, **context)


def _story(session: Session, execution: Execution, budget: timeline.Budget) -> dict[str, object]:
    level, before = request.args.get("level", "all"), request.args.get("before", "")
    runs, more = timeline.attempts(session, execution, int(before) if before.isdecimal() and len(before) < 10 else None)
    # What is written after `execution` was read comes over the socket.
    lines = [line for line in history.lines(session, execution, LINES) if line.seq <= execution.seq]
    names = history.step_names(session, execution)
    visits = timeline.visits(session, execution, runs, lines, budget)
    story = explanations.Story(execution, names)
    return {
        "visits": visits,
        "older": runs[0].seq if more else None,
        "newest": not before,
        "lines": [_line(line, names) for line in lines],
        "lines_of": lambda visit: [_line(line, names) for line in visit.lines],
        "level": level if level in _LEVELS else "all",
        "why": lambda visit: _localized(explanations.of_visit(story, visit)),
        "item_of": explanations.items_of,
        "why_not": _localized(explanations.of_execution(session, execution)),
    }


def _localized(reasons: list[Reason]) -> list[Reason]:
    return [replace(reason, text=translated(reason.text)) for reason in reasons]


def _line(line: Any, names: dict[str, str]) -> dict[str, str]:
    return {
        "time": format_datetime(line.created_at, "HH:mm:ss"),
        "level": line.level,
        "step": names.get(line.step_id, line.step_id),
        "message": local_times(translated(line.text)),
    }


def _facts(session: Session, execution: Execution) -> dict[str, object]:
    starter = session.get(User, execution.started_by) if execution.started_by else None
    due = timeline.timers(session, execution) if execution.status == "waiting" else []
    contact = session.get(Contact, execution.contact_id) if execution.contact_id else None
    return {
        "version": session.get_one(Version, execution.version_id).number,
        # Without a name, its address stands for it.
        "contact": dict.fromkeys((contacts.view(contact)["name"], contact.email)) if contact else (),
        "about": link_to(
            session, execution.organization_id, execution.trigger_entity_type or "", execution.trigger_entity_id or ""
        ),
        "starter": starter.name or starter.email if starter else "",
        "seconds": history.seconds(execution),
        "wakes_at": due[0].due_at if due else None,
        "repetitions": history.repetitions(session, execution),
    }


@bp.get("/<uuid:execution_id>/<name>.json")
@access(Role.VIEWER)
def payload(execution_id: UUID, name: str) -> Response:
    """input_data, output_data or context as a file, secrets masked."""
    execution = history.get(db.session(), str(execution_id))
    if name not in _PAYLOADS:
        raise NotFoundError(_("There is no such file."))
    return _download(getattr(execution, name), f"{name}-{execution.id}.json")


@bp.get("/<uuid:execution_id>/steps/<int:seq>/<name>.json")
@access(Role.VIEWER)
def step_payload(execution_id: UUID, seq: int, name: str) -> Response:
    """What an attempt got or gave, as a file, secrets masked."""
    run = _run(db.session(), history.get(db.session(), str(execution_id)), seq)
    if run is None or name not in _RUN_PAYLOADS:
        raise NotFoundError(_("There is no such file."))
    return _download(getattr(run, name), f"{run.step_id}-{name}.json")


def _run(session: Session, execution: Execution, seq: int) -> StepRun | None:
    return session.get(StepRun, (execution.id, seq)) if seq < 2**31 else None


def _download(value: object, filename: str) -> Response:
    response = make_response(timeline.as_text(value))
    response.mimetype = "application/json"
    response.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response


# --- what people do to it


@bp.post("/<uuid:execution_id>/cancel")
@access(Role.OPERATOR)
def cancel(execution_id: UUID) -> Response:
    """Ends it; one that has ended meanwhile is left as it is."""
    session = db.session()
    execution = history.get(session, str(execution_id))
    try:
        ended = control.cancel(session, execution)
    except ConflictError:
        session.rollback()
        flash(_("This execution had already ended."), "info")
        return go("executions.show", execution_id=execution_id)
    _audit(session, "execution.cancelled", execution)
    session.commit()
    tasks.announce_ends(ended)
    flash(_("The execution was cancelled."), "success")
    return go("executions.show", execution_id=execution_id)


@bp.post("/<uuid:execution_id>/steps/<int:seq>/decide")
@access(Role.OPERATOR)
def decide(execution_id: UUID, seq: int) -> Response:
    """Settles an attempt of which nobody knows whether it took effect."""
    session = db.session()
    execution = history.get(session, str(execution_id))
    run = _run(session, execution, seq)
    decision = request.form.get("decision")
    if run is None:
        raise NotFoundError(_("There is no such step."))
    try:
        if decision == "resend":
            control.decide(session, execution, seq, "resend")
        elif decision == "done":
            control.decide(session, execution, seq, "done")
        else:
            raise InvalidError.at("decision", _("Choose “Send again” or “Treat as done”."))
    except ConflictError:
        session.rollback()
        flash(_("Someone else has decided this in the meantime. This is the current state."), "info")
        return go("executions.show", execution_id=execution_id)
    _audit(session, "execution.decided", execution, {"step_id": run.step_id, "decision": decision})
    tasks.commit_and_wake(session, execution)
    return go("executions.show", execution_id=execution_id)


def _audit(session: Session, action: str, execution: Execution, details: Mapping[str, object] | None = None) -> None:
    label = session.get_one(Workflow, execution.workflow_id).name
    target = ("execution", execution.id, label)
    events.audit(
        session, action, actor=g.actor.audit, target=target, details=details
    )  # fmt: skip
