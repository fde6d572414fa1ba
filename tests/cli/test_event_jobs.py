"""The jobs of events and schedules as commands, each in a process of its own: work is due, the command runs, rows change."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest

from flowapp.crm import companies, deals
from flowapp.events import SYSTEM
from flowapp.models import (
    Company,
    Event,
    Execution,
    Import,
    ImportPart,
    Job,
    JobFailure,
    JobFile,
    Notification,
    Trigger,
    utcnow,
)
from flowapp.records.jobs import create, files
from tests.engine.place import Place, _actions, place
from tests.support.tenant import add_person

__all__ = ["_actions", "place"]
LOG = [{"step_id": "a", "action_type": "log", "params": {"message": "x"}}]


def command(environ: dict[str, str], *words: str) -> Any:
    """What the command prints."""
    argv = [sys.executable, "-m", "flask", "--app", "wsgi", *words]
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


def listening(place: Place, trigger_type: str, config: dict[str, Any], source: str = "", **columns: Any) -> str:
    workflow_id = place.publish({"steps": LOG})
    with place.session() as session:
        more = {"trigger_type": trigger_type, "source": source, "config": config, **columns}
        session.add(Trigger(workflow_id=workflow_id, key="t", **more))
        session.commit()
    return workflow_id


def started(place: Place, workflow_id: str) -> list[Execution]:
    with place.session() as session:
        return session.query(Execution).filter_by(workflow_id=workflow_id).all()


def test_trigger_workflows_for_event(place: Place, environ: dict[str, str]) -> None:
    workflow_id = listening(place, "organisation_created", {}, "company.created")
    with place.session() as session:
        acme = companies.create(session, {"nom": "Acme"}, cause=SYSTEM)
        session.query(Event).delete()
        session.commit()
        company_id = acme.id
    words = ("--event-type", "organisation_created", "--entity-type", "organisation", "--entity-id", company_id)
    found = command(environ, "trigger-workflows-for-event", *words)
    assert found["started"] == 1
    (execution,) = started(place, workflow_id)
    assert execution.input_data["company_name"] == "Acme"
    assert execution.trigger_entity_id == company_id


def test_check_inactivity_workflows(place: Place, environ: dict[str, str]) -> None:
    workflow_id = listening(place, "inactivity_delay", {"days": 30})
    with place.session() as session:
        companies.create(session, {"nom": "Acme"}, cause=SYSTEM).last_activity_at = utcnow() - timedelta(days=31)
        session.commit()
    assert command(environ, "check-inactivity-workflows") == {"started": 1}
    assert len(started(place, workflow_id)) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_run_scheduled_workflows(place: Place, environ: dict[str, str]) -> None:
    due = {"next_fire_at": utcnow() - timedelta(seconds=5)}
    daily, weekly = (listening(place, "schedule", {"every": every}, **due) for every in ("daily", "weekly"))
    assert command(environ, "run-scheduled-workflows", "--frequency", "weekly") == {"started": 1}
    assert (len(started(place, daily)), len(started(place, weekly))) == (0, 1)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_execute_workflow_async_takes_the_trigger_s_data(place: Place, environ: dict[str, str]) -> None:
    workflow_id = place.publish({"steps": LOG})
    with place.session() as session:
        deal = deals.create(session, {"title": "Engine"}, cause=SYSTEM).id
        session.commit()
    words = ("--trigger-entity-type", "deal", "--trigger-entity-id", deal, "--trigger-data", '{"amount": 5}')
    command(environ, "execute-workflow-async", "--workflow-id", workflow_id, *words)
    (execution,) = started(place, workflow_id)
    assert (execution.input_data, execution.trigger_entity_type, execution.trigger_entity_id) == (
        {"amount": 5},
        "deal",
        deal,
    )


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_send_workflow_notification_of_an_end(place: Place, environ: dict[str, str]) -> None:
    workflow_id = place.publish({"steps": LOG})
    execution = place.started(workflow_id)
    with place.session() as session:
        add_person(session, place.org, "owner", "ann@b.example", name="Ann")
        session.get_one(Execution, execution.id).status = "completed"
        session.commit()
    words = ("--workflow-id", workflow_id, "--kind", "completed")
    command(environ, "send-workflow-notification", *words)
    with place.session() as session:
        told = session.query(Notification).one()
        assert (told.title, told.link) == ("“W” completed", f"/executions/{execution.id}")
        event = session.query(Event).filter_by(type="automation.workflow.notified").one()
        assert event.payload["kind"] == "completed"


def test_purge_trash(place: Place, environ: dict[str, str]) -> None:
    with place.session() as session:
        for days in (31, 29):
            acme = companies.create(session, {"nom": f"{days} days"}, cause=SYSTEM)
            acme.deleted_at = utcnow() - timedelta(days=days)
        session.commit()
    assert command(environ, "purge-trash")["erased"] == 1
    with place.session() as session:
        assert [row.name for row in session.query(Company)] == ["29 days"]


@pytest.mark.both_databases
def test_purge_jobs(place: Place, environ: dict[str, str]) -> None:
    with place.session() as session:
        for name, status, days in (("old", "completed", 31), ("new", "failed", 29), ("open", "running", 31)):
            job = create(session, "import_contacts", name, created_by=None)
            job.status, job.created_at = status, utcnow() - timedelta(days=days)
            job.ended_at = None if status == "running" else job.created_at
            files.put(session, job, "input", f"{name}.csv", "text/csv", b"x")
            file = Import(noun="contact", file_name=name, job_id=job.id, started_at=job.created_at)
            session.add(file)
            session.flush()
            session.add(ImportPart(import_id=file.id, position=0, rows=[[2, ["x"]]]))
            rows = 2500 if name == "old" else 1
            session.add_all(JobFailure(job_id=job.id, position=at, message=name) for at in range(rows))
        session.commit()
    assert command(environ, "purge-jobs") == {"deleted": 1}
    with place.session() as session:
        assert {row.title for row in session.query(Job)} == {"new", "open"}
        assert {row.name for row in session.query(JobFile)} == {"new.csv", "open.csv"}
        parts = session.query(Import.file_name).join(ImportPart, ImportPart.import_id == Import.id)
        assert [row.file_name for row in parts] == ["open"], "an import that failed needs its rows no more"
        assert [row.message for row in session.query(JobFailure).order_by(JobFailure.message)] == ["new", "open"]
