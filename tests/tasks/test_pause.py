"""A paused installation runs nothing and sends nothing, says so, and goes on where it stood."""

from __future__ import annotations

import dataclasses
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from flowapp import tasks
from flowapp.config import Settings
from flowapp.errors import ConflictError
from flowapp.extensions import db
from flowapp.models import Execution, User, installation, utcnow
from flowapp.models.tenancy import make_engine, prepare_engine, system_session
from flowapp.scheduler import Scheduler
from flowapp.tasks import actors, jobs, step_test
from flowapp.tasks.pause import Pause
from tests.cli.test_commands import run
from tests.support.applications import running
from tests.support.browser import Browser
from tests.support.servers.sink import Sink

CALL = {"name": "W", "status": "active", "triggers": [{"trigger_type": "webhook"}]}
EVERY_MINUTE = {"trigger_type": "schedule", "config": {"cron": "* * * * *"}}


class Site:
    """The application with an owner; work is done by hand."""

    def __init__(self, app: Any, sink: Sink) -> None:
        self.app, self.sink = app, sink
        self.browser = Browser(app).set_up()
        token = run(app, "create-token", "--email", "ada@example.com").strip().splitlines()[-1]
        self.headers = {"Authorization": f"Bearer {token}"}
        actors.declare()

    def workflow(self, **more: Any) -> Any:
        steps = [
            {"step_id": "call", "action_type": "send_webhook", "params": {"url": self.sink.url("/call")}},
            {
                "step_id": "mail",
                "action_type": "send_email",
                "params": {"to": "a@example.com", "subject": "s", "message": "m"},
            },
        ]
        body = {**CALL, "steps": steps, **more}
        made = self.browser.client.post("/api/v1/automation/workflows/", json=body, headers=self.headers)
        assert made.status_code == 201, made.text
        return made.json

    def hook(self, workflow: Any) -> str:
        """Sends to its webhook; the execution's id."""
        answer = self.browser.client.post("/hooks/" + workflow["triggers"][0]["config"]["key"], json={})
        assert answer.status_code == 202, answer.text
        return answer.json["execution_id"]

    def work(self) -> None:
        """What a worker and a scheduler would do now."""
        tasks.runtime().pause.forget()
        with self.app.app_context():
            Scheduler(tasks.runtime(), lambda: utcnow() + timedelta(seconds=90)).tick()
            for row in self.executions():
                if row.status == "pending":
                    tasks.runtime().broker.get_actor("run_execution").fn(row.id, row.organization_id)

    def executions(self) -> list[Execution]:
        with self.app.app_context(), system_session(db.engine) as session:
            return list(session.scalars(select(Execution)))


@pytest.fixture
def site(app: Any, sink: Sink) -> Site:
    return Site(app, sink)


def test_nothing_runs_and_nothing_is_sent_until_somebody_resumes(site: Site, smtp: Any) -> None:
    workflow = site.workflow()
    scheduled = site.workflow(triggers=[EVERY_MINUTE])
    assert "Paused" in run(site.app, "pause")
    site.hook(workflow)
    site.work()
    assert [row.status for row in site.executions()] == ["pending"]  # accepted, and no schedule fired
    assert not site.sink.requests
    assert not smtp.inbox
    assert "Resumed" in run(site.app, "resume")
    site.work()
    site.work()
    statuses = {row.workflow_id: row.status for row in site.executions()}
    assert statuses == {workflow["id"]: "completed", scheduled["id"]: "completed"}
    assert len(site.sink.requests) == len(smtp.inbox) == 2


def test_pages_say_so_and_a_superuser_has_a_button(site: Site) -> None:
    assert "is paused" not in site.browser.get("/workflows").text
    run(site.app, "pause")
    tasks.runtime().pause.forget()
    page = site.browser.get("/workflows").text
    assert "This installation is paused" in page
    assert "Someone paused it" in page
    assert 'action="/settings/resume"' in page
    site.browser.post("/settings/resume")
    assert "is paused" not in site.browser.get("/workflows").text


def test_who_does_not_run_the_installation_is_told_who_can(site: Site) -> None:
    run(site.app, "pause")
    tasks.runtime().pause.forget()
    with site.app.app_context(), system_session(db.engine) as session:
        session.scalars(select(User)).one().is_superuser = False
        session.commit()
    page = site.browser.get("/workflows").text
    assert "flask --app wsgi resume" in page
    assert "/settings/resume" not in page
    site.browser.post("/settings/resume")
    assert "Only a superuser" in site.browser.get("/").text
    assert tasks.runtime().pause.state()


def test_a_job_and_a_step_tried_by_hand_are_refused(site: Site) -> None:
    workflow = site.workflow()
    run(site.app, "pause")
    tasks.runtime().pause.forget()
    jobs.load()
    assert "paused" in run(site.app, "cleanup-old-executions", code=1)
    with site.app.app_context(), pytest.raises(ConflictError, match="paused"):
        step_test.test_step("", workflow["id"], {}, "call", {}, {}, None)
    assert not site.sink.requests


def test_an_execution_under_way_stops_after_its_step(site: Site, smtp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    execution_id = site.hook(site.workflow())
    monkeypatch.setattr("flowapp.tasks.pause.LOOK", 0.0)
    site.sink.ask = lambda _request: run(site.app, "pause") and None
    site.work()
    (row,) = site.executions()
    assert (row.id, row.status) == (execution_id, "pending")
    assert len(site.sink.requests) == 1
    assert not smtp.inbox
    run(site.app, "resume")
    site.work()
    assert [row.status for row in site.executions()] == ["completed"]
    assert (len(site.sink.requests), len(smtp.inbox)) == (1, 1)


def test_the_setting_pauses_whatever_the_database_says(settings: Settings) -> None:
    with running(dataclasses.replace(settings, paused=True)) as app:
        assert tasks.runtime().pause.state().reason == "setting"  # type: ignore[union-attr]
        assert "FLOWAPP_PAUSED is set" in run(app, "resume", code=1)


def states(settings: Settings) -> str:
    """Why a process that begins now takes the installation for paused; empty where it does not."""
    engine = make_engine(settings)
    prepare_engine(engine, settings)
    try:
        state = Pause(settings, engine).state()
        return state.reason if state else ""
    finally:
        engine.dispose()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_copied_file_is_paused_and_a_moved_folder_is_not(settings: Settings, tmp_path: Path) -> None:
    original = Path(settings.database_url.removeprefix("sqlite:///"))
    assert states(settings) == ""
    copy = tmp_path / "copy.db"
    shutil.copyfile(original, copy)
    there = dataclasses.replace(settings, database_url=f"sqlite:///{copy}")
    assert states(there) == "copied"
    assert states(settings) == ""
    with running(there) as app:
        run(app, "resume")
    assert states(there) == ""
    moved = tmp_path / "moved.db"
    os.rename(original, moved)
    assert states(dataclasses.replace(settings, database_url=f"sqlite:///{moved}")) == ""


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_container_with_another_name_is_at_home(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert states(settings) == ""
    monkeypatch.setattr("socket.gethostname", lambda: "3f8a1c")
    assert states(settings) == ""


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_database_that_was_copied_is_paused(settings: Settings, postgres: Any, database_url: str) -> None:
    assert states(settings) == ""
    assert states(settings) == ""
    name = postgres.create_database()
    engine = make_engine(settings)
    with engine.begin() as connection:
        rows = connection.execute(text("SELECT name, value FROM installation_settings")).all()
    engine.dispose()
    there = dataclasses.replace(settings, database_url=postgres.url(name).replace("://", "+psycopg://"))
    engine = make_engine(there)
    with engine.begin() as connection:
        for row in rows:  # what a dump would bring along
            connection.execute(text("INSERT INTO installation_settings VALUES (:name, :value)"), row._asdict())
    engine.dispose()
    assert states(there) == "copied"
    postgres.drop_database(name)


def test_two_processes_that_begin_at_once_agree(settings: Settings) -> None:
    engine = make_engine(settings)
    prepare_engine(engine, settings)
    with engine.connect() as one, engine.connect() as other:
        assert installation.settle(one) is None
        one.commit()
        assert installation.settle(other) is None
        other.commit()
        ids = set(one.execute(text("SELECT value FROM installation_settings WHERE name = 'id'")).scalars())
    engine.dispose()
    assert len(ids) == 1


def test_whoever_asks_during_the_first_look_waits_for_it(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker's threads begin together: the others would take the installation for paused, and drop what they took."""
    engine = make_engine(settings)
    prepare_engine(engine, settings)
    begun, go_on = threading.Event(), threading.Event()
    look = Pause._look

    def slowly(self: Pause) -> None:
        begun.set()
        go_on.wait(10)
        look(self)

    monkeypatch.setattr(Pause, "_look", slowly)
    pause = Pause(settings, engine)
    with ThreadPoolExecutor() as threads:
        first = threads.submit(pause.state)
        assert begun.wait(10)
        second = threads.submit(pause.state)
        with pytest.raises(TimeoutError):
            second.result(0.05)
        go_on.set()
        assert (first.result(10), second.result(10)) == (None, None)
    engine.dispose()
