"""The workflow service, below the API."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp import workflows
from flowapp.data import tables
from flowapp.engine.store.start import start
from flowapp.errors import ConflictError, InvalidError, NotFoundError, StaleError
from flowapp.extensions import db
from flowapp.models import (
    AuditEntry,
    Event,
    Execution,
    Form,
    Integration,
    Project,
    Trigger,
    Version,
    Workflow,
    new_id,
    utcnow,
)
from flowapp.models.tenancy import tenant_session
from flowapp.records.paging import PageAt
from flowapp.security.credentials import SHOWN
from tests.api.crm.people import Place, install_fakes, make_place, workflow_body


@pytest.fixture
def place(app: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    install_fakes(monkeypatch)
    with app.app_context():
        yield make_place()


@pytest.fixture
def session(place: Place) -> Iterator[Session]:
    with tenant_session(db.engine, place.id) as bound:
        yield bound


def make(session: Session, place: Place, **changes: Any) -> Workflow:
    made = workflows.create(session, workflow_body(**changes), actor_id=place.user_id)
    session.commit()
    return made


def trigger_of(session: Session, workflow: Workflow) -> Trigger:
    return session.scalars(select(Trigger).where(Trigger.workflow_id == workflow.id)).one()


HOURLY = [{"trigger_type": "schedule", "config": {"cron": "0 * * * *"}}]
SECRET = [{"trigger_type": "webhook", "config": {"auth": "header", "secret": "open sesame"}}]


def test_every_change_is_recorded(session: Session, place: Place) -> None:
    workflow = make(session, place)
    workflows.update(session, workflow, {"description": "new"}, actor_id=place.user_id)
    workflows.activate(session, workflow, actor_id=place.user_id)
    workflows.pause(session, workflow, actor_id=place.user_id)
    workflows.archive(session, workflow, actor_id=place.user_id)
    workflow_id = workflow.id
    workflows.delete(session, workflow, actor_id=place.user_id)
    session.commit()
    told = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    verbs = ["created", "updated", "published", "activated", "paused", "archived", "deleted"]
    assert [entry.action for entry in told] == [f"workflow.{verb}" for verb in verbs]
    assert {(entry.actor_id, entry.object_id) for entry in told} == {(place.user_id, workflow_id)}
    assert told[0].actor_label.startswith("owner@")
    events = session.scalars(select(Event).order_by(Event.id)).all()
    assert events[0].type == "automation.workflow.created"
    assert events[-1].type == "automation.workflow.deleted"
    assert {event.type for event in events[1:-1]} == {"automation.workflow.updated"}
    assert events[0].payload == {
        "workflow_id": workflow_id, "name": "Greeter", "organization_id": place.id, "status": "draft"
    }  # fmt: skip


def test_nothing_changed_is_no_change(session: Session, place: Place) -> None:
    workflow = make(session, place, triggers=SECRET)
    revision, draft = workflow.revision, workflow.draft
    workflows.save_draft(session, workflow, workflows.shown_definition(workflow), actor_id=place.user_id)
    workflows.save_draft(session, workflow, workflows.definition_of(workflow).canonical(), actor_id=place.user_id)
    assert (workflow.revision, workflow.draft) == (revision, draft)


def test_secrets_are_sealed_kept_and_hidden(session: Session, place: Place) -> None:
    workflow = make(session, place, triggers=SECRET)
    sealed = workflow.draft["triggers"][0]["config"]["secret"]
    assert set(sealed) == {"$secret"}
    shown = workflows.workflow_json(session, workflow)
    assert shown["triggers"][0]["config"]["secret"] == SHOWN
    shown["triggers"][0]["config"]["header_name"] = "X-Other"
    workflows.update(session, workflow, shown, actor_id=None)
    assert workflow.draft["triggers"][0]["config"]["secret"] == sealed
    copy = workflows.duplicate(session, workflow, actor_id=None)
    assert copy.draft["triggers"][0]["config"]["secret"]["$secret"]
    shown["triggers"][0]["config"]["secret"] = "another"
    workflows.update(session, workflow, shown, actor_id=None)
    assert workflow.draft["triggers"][0]["config"]["secret"] not in (sealed, "another")


def test_shown_is_no_secret_of_a_new_trigger(session: Session, place: Place) -> None:
    body = workflow_body(triggers=[{"trigger_type": "webhook", "config": {"auth": "header", "secret": ""}}])
    with pytest.raises(InvalidError) as caught:
        workflows.create(session, body, actor_id=None)
    assert caught.value.problems[0].path == "triggers.0.config.secret"
    body["triggers"][0]["config"]["secret"] = SHOWN
    with pytest.raises(InvalidError):
        workflows.create(session, body, actor_id=None)


def test_stale_revision(session: Session, place: Place) -> None:
    workflow = make(session, place)
    seen = workflow.revision
    with tenant_session(db.engine, place.id) as other:
        theirs = workflows.get(other, workflow.id)
        workflows.update(other, theirs, {"name": "Theirs"}, actor_id=None, expected_revision=seen)
        other.commit()
    with pytest.raises(StaleError):
        workflows.update(session, workflow, {"description": "Mine"}, actor_id=None, expected_revision=seen)
    session.rollback()
    workflows.update(session, workflow, {"description": "Mine"}, actor_id=None)
    session.commit()
    assert (workflow.name, workflow.description, workflow.revision) == ("Theirs", "Mine", seen + 2)


def test_deleted_meanwhile(session: Session, place: Place) -> None:
    workflow = make(session, place)
    with tenant_session(db.engine, place.id) as other:
        workflows.delete(other, workflows.get(other, workflow.id))
        other.commit()
    with pytest.raises(NotFoundError):
        workflows.activate(session, workflow, actor_id=None)


def test_an_interval_is_counted_from_one_moment_whatever_is_saved_and_restarted(session: Session, place: Place) -> None:
    trigger = {"trigger_type": "schedule", "config": {"every": "minutes", "minutes": 90}}
    workflow = make(session, place, triggers=[trigger])
    start = datetime.fromisoformat(str(workflow.draft["triggers"][0]["config"]["start"]))
    workflows.activate(session, workflow, actor_id=None)
    (row,) = session.scalars(select(Trigger))
    assert row.next_fire_at == start + timedelta(minutes=90)
    workflows.pause(session, workflow, actor_id=None)
    workflows.update(session, workflow, {"triggers": [trigger]}, actor_id=None)  # a program sends what it sent before
    workflows.activate(session, workflow, actor_id=None)
    session.refresh(row)
    assert workflow.draft["triggers"][0]["config"]["start"] == start.isoformat(timespec="minutes")
    assert row.next_fire_at == start + timedelta(minutes=90)


def test_clock_triggers(session: Session, place: Place) -> None:
    workflow = make(session, place, triggers=HOURLY)
    workflows.publish(session, workflow, actor_id=None)
    row = trigger_of(session, workflow)
    assert (row.is_active, row.next_fire_at) == (False, None)
    workflows.activate(session, workflow, actor_id=None)
    assert row.is_active
    assert row.next_fire_at is not None
    assert timedelta(0) < row.next_fire_at - utcnow() <= timedelta(hours=1)
    row.next_fire_at = overdue = utcnow() - timedelta(minutes=5)
    workflows.update(session, workflow, {"description": "other"}, actor_id=None)
    workflows.activate(session, workflow, actor_id=None)
    assert row.next_fire_at == overdue  # a missed firing is the scheduler's to judge
    workflows.pause(session, workflow, actor_id=None)
    assert (row.is_active, row.next_fire_at) == (False, None)


def test_triggers_follow_the_published_version(session: Session, place: Place) -> None:
    workflow = make(session, place, triggers=[*HOURLY, {"trigger_type": "manual"}], status="active")
    before = {row.key: row.id for row in session.scalars(select(Trigger))}
    assert set(before) == {"schedule_1", "manual_1"}
    workflows.update(session, workflow, {"triggers": [{"trigger_type": "manual"}]}, actor_id=None)
    assert len(session.scalars(select(Trigger)).all()) == 2
    workflows.activate(session, workflow, actor_id=None)
    assert {row.key: row.id for row in session.scalars(select(Trigger))} == {"manual_1": before["manual_1"]}


@pytest.mark.parametrize("name", ["contact_form_1", "Contact form", "id"])
def test_a_form_trigger_listens_to_the_forms_slug(session: Session, place: Place, name: str) -> None:
    form = Form(id=new_id(), project_id=place.project_id, name="Contact form", slug="contact_form_1", key="k" * 20)
    session.add(form)
    session.flush()
    named = form.id if name == "id" else name
    workflow = make(session, place, triggers=[{"trigger_type": "form_submit", "form_id": named}], status="active")
    assert trigger_of(session, workflow).source == "contact_form_1"


def test_an_unknown_form_is_an_error_of_the_draft(session: Session, place: Place) -> None:
    workflow = make(session, place, triggers=[{"trigger_type": "form_submit", "form_id": "nowhere"}])
    errors, _ = workflows.validate(session, workflow)
    assert [problem.path for problem in errors] == ["triggers.0.config.form_id"]
    with pytest.raises(InvalidError):
        workflows.activate(session, workflow, actor_id=None)
    session.commit()
    assert workflow.status == "draft"
    assert session.scalars(select(Version)).all() == []


def test_versions_and_snapshots(session: Session, place: Place) -> None:
    workflow = make(session, place)
    snapshot = workflows.version_to_run(session, workflow, actor_id=None)
    assert snapshot.number is None
    assert workflows.version_to_run(session, workflow, actor_id=None).id == snapshot.id
    workflows.update(session, workflow, {"description": "two"}, actor_id=None)
    assert workflows.version_to_run(session, workflow, actor_id=None).id != snapshot.id
    first = workflows.publish(session, workflow, actor_id=None, note="one")
    assert (first.number, first.note) == (1, "one")
    assert workflows.publish(session, workflow, actor_id=None).id == first.id
    workflows.update(session, workflow, {"description": "three"}, actor_id=None)
    assert workflows.version_to_run(session, workflow, actor_id=None).id == first.id
    assert workflows.publish(session, workflow, actor_id=None).number == 2
    workflows.archive(session, workflow, actor_id=None)
    with pytest.raises(ConflictError):
        workflows.version_to_run(session, workflow, actor_id=None)


def test_statistics(session: Session, place: Place) -> None:
    workflow, idle = make(session, place), make(session, place)
    version = workflows.version_to_run(session, workflow, actor_id=None)
    days = {"completed": 0, "goal_reached": 3, "failed": 3, "skipped": 13, "cancelled": 40, "pending": 0}
    for status, ago in days.items():
        execution, _ = start(session, workflow, version)
        execution.status = status
        execution.created_at = utcnow() - timedelta(days=ago)
    session.commit()
    found = workflows.statistics(session, [workflow.id, idle.id])
    stats = found[workflow.id]
    assert (stats.execution_count, stats.success_count, stats.failure_count) == (6, 2, 1)
    assert stats.success_rate == 40.0
    assert stats.shown_rate == 66.7  # of two that completed and one that failed
    assert stats.last_executed_at is not None
    assert stats.sparkline[-1] == (1, 0)
    assert stats.sparkline[-4] == (1, 1)
    assert sum(ok + failed for ok, failed in stats.sparkline) == 3
    assert found[idle.id].execution_count == 0
    assert len(found[idle.id].sparkline) == 14


def test_find(session: Session, place: Place) -> None:
    for name in ("Beta", "alpha", "Gamma"):
        make(session, place, name=name)
    page = workflows.find(session, sort="name", at=PageAt(2))
    rows, following, total = page.rows, page.next, page.total
    assert ([row.name for row in rows], total) == (["alpha", "Beta"], 3)
    page = workflows.find(session, sort="name", at=PageAt(2, following))
    rows, following = page.rows, page.next
    assert ([row.name for row in rows], following) == (["Gamma"], None)
    assert workflows.find(session, search="AM").rows[0].name == "Gamma"


def test_without_a_project_it_goes_to_the_default_one(session: Session, place: Place) -> None:
    other = Project(name="Other", slug="other")
    session.add(other)
    session.flush()
    assert make(session, place).project_id == place.project_id
    assert make(session, place, project="other").project_id == other.id
    assert make(session, place, project=other.id).project_id == other.id


def test_deleting_takes_the_history_along(session: Session, place: Place) -> None:
    workflow = make(session, place, status="active")
    start(session, workflow, workflows.version_to_run(session, workflow, actor_id=None))
    session.commit()
    workflows.delete(session, workflow)
    session.commit()
    for model in (Workflow, Version, Trigger, Execution):
        assert session.scalars(select(model)).all() == []


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("DELETE FROM contacts", "Only SELECT"),
        ("SELEC name FROM contacts", "cannot be read as SQL"),
        ("SELECT * FROM users", "There is no data table “users”"),
        ("SELECT phone FROM contacts", "phone"),
        ("SELECT name FROM contacts WHERE name = :who", "asks for :who"),
        ("SELECT name FROM contacts; DROP TABLE contacts", "exactly one SELECT"),
        ("SELECT name FROM contacts WHERE name = {{ input.name }} AND name = :name LIMIT 5", ""),
    ],
)
def test_sql_is_checked_before_it_is_published(session: Session, place: Place, query: str, words: str) -> None:
    tables.create(session, {"name": "Contacts", "columns": [{"label": "Name"}]}, project_id=place.project_id)
    step = {"step_id": "find", "action_type": "database_query", "params": {"query": query, "params": {"name": "Ann"}}}
    workflow = make(session, place, steps=[step])
    errors, _warnings = workflows.validate(session, workflow)
    assert [(e.path, words in e.message) for e in errors] == ([("steps.0.params.query", True)] if words else [])


def test_sql_for_a_database_of_ones_own_knows_no_data_table(session: Session, place: Place) -> None:
    session.add(
        Integration(
            organization_id=place.id, integration_type="database", name="Shop", config={}, credentials=b"",
            is_active=True,
        )
    )  # fmt: skip
    session.flush()
    steps = [
        {"step_id": "find", "action_type": "database_run_query", "params": {"query": "SELECT * FROM customers"}},
        {"step_id": "use", "action_type": "integration_call", "params": {"integration": "Shop", "query": "SELECT 1"}},
    ]
    errors, _warnings = workflows.validate(session, make(session, place, steps=steps))
    assert errors == []
