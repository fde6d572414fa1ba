"""Simulating a draft: with sample or past real input, what would happen, step by step, and what would go out."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, g, request
from flask_babel import gettext as _

from flowapp import tasks
from flowapp.catalog import ACTIONS
from flowapp.catalog.times import parse_moment
from flowapp.errors import InvalidError
from flowapp.extensions import db
from flowapp.security.roles import Role
from flowapp.web import json_text
from flowapp.web.access import access
from flowapp.web.forms.draft import Draft
from flowapp.web.render import page
from flowapp.web.texts import translated

bp = Blueprint("simulate", __name__, url_prefix="/workflows/<uuid:workflow_id>/simulate")
Json = dict[str, Any]
MAX_INPUT = 262_144


@bp.get("")
@access(Role.EDITOR)
def ask(workflow_id: UUID) -> Response:
    """The form, begun with the draft's test data, else with an example."""
    return _filled(Draft(workflow_id))


def _filled(draft: Draft) -> Response:
    """The form with the input that was chosen in its box; nothing is simulated."""
    inputs = draft.inputs()
    source = request.form.get("source", "")
    source = source if source in dict(inputs) else inputs[0][0]
    values = {name: request.form.get(name, "") for name in ("start", "contact")}
    values |= {"input": json_text.shown(draft.input_of(source)[0]), "filled": source}
    return _page(draft, values, {})


@bp.post("")
@access(Role.EDITOR)
def run(workflow_id: UUID) -> Response:
    """Simulates, and shows what came of it below the form."""
    draft = Draft(workflow_id)
    if "_take" in request.form:
        return _filled(draft)
    values = {name: request.form.get(name, "") for name in ("input", "start", "contact", "filled")}
    before = draft.input_of(values["filled"])[0]
    try:
        report = tasks.simulate_workflow(
            g.organization.id,
            draft.workflow.id,
            draft.workflow.draft,
            input_data=_input(values["input"], before),
            start=_start(values["start"]),
            contact=values["contact"],
            pins=_pins(draft),
        )
    except InvalidError as error:
        errors = {problem.path.removesuffix("_at"): translated(problem.message) for problem in error.problems}
        return _page(draft, values, errors, status=422)
    return _page(draft, values, {}, report=report)


def _pins(draft: Draft) -> Json:
    """Pinned results of steps that are still there."""
    steps = {step["step_id"] for step in draft.definition["steps"]}
    pins = (draft.workflow.test_data or {}).get("pins") or {}
    return {step_id: result for step_id, result in pins.items() if step_id in steps}


def _input(text: str, before: object) -> object:
    """What the text says; secrets of `before` whose masks still stand in it come back."""
    if len(text) > MAX_INPUT:
        raise InvalidError.at("input", _("This is too long. Enter at most 256 KiB."))
    return json_text.read(text, before, "input") if text.strip() else {}


def _start(text: str) -> datetime | None:
    """What the field says, in the organization's zone. None: now."""
    if not text.strip():
        return None
    moment = parse_moment(text.strip(), g.organization.timezone)
    if moment is None:
        raise InvalidError.at("start", _("Enter a date and time, for example 2026-12-24T09:00."))
    return moment


def _page(
    draft: Draft,
    values: Json,
    errors: dict[str, str],
    *,
    report: Json | None = None,
    status: int = 200,
) -> Response:
    db.session.rollback()
    return page(
        "workflows/simulate/show.html",
        block="simulation",
        status=status,
        workflow=draft.workflow,
        values=values,
        errors=errors,
        report=report,
        inputs=draft.inputs(),
        pins=_pins(draft),
        icon_of=lambda kind: ACTIONS[kind].icon if kind in ACTIONS else "circle",
        label_of=lambda kind: ACTIONS[kind].label if kind in ACTIONS else kind,
    )
