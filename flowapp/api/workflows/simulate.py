"""Simulating a workflow: nothing goes out, and time flies."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, g, jsonify
from pydantic import Field

from flowapp import tasks, workflows
from flowapp.api.bodies import read_model
from flowapp.api.routes import route
from flowapp.api.schemas import In, Out
from flowapp.catalog import N_
from flowapp.exact_json import Json
from flowapp.executions import log
from flowapp.executions.serialisers import step_json
from flowapp.extensions import db
from flowapp.logs import mask
from flowapp.models import LogLine, StepRun, iso
from flowapp.security.roles import Role
from flowapp.web.access import access

bp = Blueprint("simulate_api", __name__)


class SimulateIn(In):
    """What to simulate the draft with."""

    input_data: object = Field(default_factory=dict, description="What the steps see as `input`.")
    context: Json = Field(default_factory=dict)
    contact: str | None = Field(default=None, max_length=254, description="Id or e-mail of a contact.")
    start_at: datetime | None = Field(default=None, description="When it begins; default: now.")
    pins: Json = Field(default_factory=dict, description="Results by step_id: these steps do not run.")
    answers: dict[str, Json] = Field(
        default_factory=dict, description="What comes for steps that wait for somebody, by step_id: {kind, payload}."
    )


class SimulationOut(Out):
    """What would happen. `duration`: virtual seconds; `calls`: what would have gone out, and what would be saved."""

    status: str
    output_data: object
    error_message: str
    response: Json | None
    started_at: str
    ended_at: str
    duration: float
    steps: list[Json]
    logs: list[Json]
    calls: list[Json]
    notes: list[str]
    waits_for: list[str]


@route(
    bp, "/workflows/<workflow_id>/simulate/", "POST", tag=N_("Workflows"), summary=N_("Simulate a workflow"),
    body=SimulateIn, answer=SimulationOut,
)  # fmt: skip
@access(Role.EDITOR)
def simulate_workflow(workflow_id: str) -> Response:
    """Runs the draft on a virtual clock, with services that record: no e-mail, no call, no row. At most ten seconds."""
    body = read_model(SimulateIn)
    workflow = workflows.get(db.session(), workflow_id)
    start = body.start_at if body.start_at is None or body.start_at.tzinfo else body.start_at.replace(tzinfo=UTC)
    report = tasks.simulate_workflow(
        g.organization.id,
        workflow.id,
        workflow.draft,
        input_data=body.input_data,
        start=start,
        contact=body.contact,
        context=body.context,
        pins=body.pins,
        answers=body.answers,
    )
    return jsonify(as_json(report))


def as_json(report: Mapping[str, Any]) -> Json:
    """A report (tasks.simulation) as the API prints it."""
    runs = [StepRun(**run) for run in report["steps"]]
    names = {run.step_id: run.step_name for run in runs}
    return {
        **report,
        "output_data": mask(report["output_data"]),
        "response": mask(report["response"]),
        "started_at": iso(report["started_at"]),
        "ended_at": iso(report["ended_at"]),
        "steps": [step_json(run) for run in runs],
        "logs": [log.line_json(LogLine(**line), names) for line in report["logs"]],
        "calls": [{**call, "at": iso(call["at"])} for call in report["calls"]],
    }
