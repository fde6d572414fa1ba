"""Simulating a workflow from the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from flask.cli import with_appcontext
from sqlalchemy import or_

from flowapp import tasks
from flowapp.catalog import ACTIONS
from flowapp.cli.words import RefusedError, tell
from flowapp.errors import FlowError
from flowapp.extensions import db
from flowapp.models import Workflow, read_id, read_number
from flowapp.models.tenancy import system_session
from flowapp.web.locale import duration


@click.command("simulate")
@click.argument("workflow")
@click.option("--input", "input_", type=click.File(), help="A JSON file with the input, - for standard input.")
@click.option("--contact", help="Id or e-mail address of a contact.")
@click.option("--start", type=click.DateTime(), help="Start time in UTC; default: now.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@with_appcontext
def simulate(workflow: str, input_: Any, contact: str | None, start: datetime | None, as_json: bool) -> None:
    """Runs the draft of WORKFLOW (id or name) on a clock that jumps over its waits. Nothing goes out."""
    row = _find(workflow)
    try:
        data = json.load(input_) if input_ else {}
    except ValueError as error:
        raise click.ClickException(f"The input is not valid JSON: {error}") from None
    begin = start.replace(tzinfo=UTC) if start else None
    try:
        report = tasks.simulate_workflow(
            row.organization_id, row.id, row.draft, input_data=data, contact=contact, start=begin
        )
    except FlowError as error:
        raise RefusedError(error) from None
    tell(*(json.dumps(report, indent=1, default=str, ensure_ascii=False).split("\n") if as_json else _lines(report)))
    if report["status"] not in ("completed", "goal_reached"):
        raise click.exceptions.Exit(1)


def _find(reference: str) -> Workflow:
    with system_session(db.engine) as system:
        known = read_id(reference)
        by = (
            Workflow.id == known
            if known
            else or_(Workflow.name == reference, Workflow.number == read_number(reference))
        )
        workflows = system.query(Workflow).filter(by).limit(2).all()
    if len(workflows) != 1:
        problem = "There are several workflows" if workflows else "There is no workflow"
        raise click.ClickException(f"{problem} “{reference}”: give the id.")
    return workflows[0]


def _lines(report: dict[str, Any]) -> list[str]:
    lines = [_step(run) for run in report["steps"]]
    lines += [f"would {call['kind']:8} {_about(call)}" for call in report["calls"]]
    lines += [f"note: {note}" for note in report["notes"]]
    took = duration(report["duration"])
    end = f"{report['status']} at {report['ended_at']:%Y-%m-%d %H:%M:%S} after {took} of its own time"
    return [*lines, end, *([report["error_message"]] if report["error_message"] else [])]


def _step(run: dict[str, Any]) -> str:
    """When it began and how it ended; of a step that took time on the simulated clock, until when."""
    begin, end, status = run["started_at"], run["ended_at"], run["status"]
    if spec := ACTIONS.get(run["action_type"]):
        status = spec.shown_status(status, run["output"]).replace("_", " ")
    until = ""
    if end and end - begin >= timedelta(seconds=1):
        status = "waited" if status == "completed" else status
        until = f", until {end:%Y-%m-%d %H:%M:%S}"
    return f"{begin:%Y-%m-%d %H:%M:%S}  {status:10} {run['step_id']}{until}"


def _about(call: dict[str, Any]) -> str:
    if call["kind"] == "email":
        return f"{', '.join(call['to'])}: {call['subject']}"
    if call["kind"] == "http":
        return f"{call['method']} {call['url']}"
    return str(call.get("table") or call.get("workflow") or call.get("title") or "")


COMMANDS = (simulate,)
