"""The page of background jobs, and what else shows them."""

from __future__ import annotations

from typing import Any

import pytest
from dramatiq import Message
from sqlalchemy import select, update

from flowapp import workflows
from flowapp.extensions import db
from flowapp.models import AuditEntry, Event, Organization, WorkflowSize, utcnow
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.tasks import jobs, runtime
from tests.support.browser import Browser


@pytest.fixture
def ada(app: Any) -> Browser:
    """The owner."""
    return Browser(app).set_up()


def test_the_page_names_every_job_with_its_last_run(app: Any, ada: Browser) -> None:
    ada.get("/settings/jobs")
    for name in jobs.load():
        assert name in ada.text
    assert "Nothing to do" not in ada.text
    assert ada.text.count("On demand. Webhooks and the API start executions themselves, without this job.") == 2
    assert 'class="table data-table stacked"' in ada.text and 'data-label="Last run"' in ada.text
    with app.app_context():
        jobs.perform("cleanup_old_executions")
        jobs.record("cleanup_stale_executions", utcnow(), 1.0, result={"found": 3, "failed": 0})
    ada.get("/settings/jobs")
    assert "Nothing to do" in ada.text
    assert "Found: 3" in ada.text
    assert "Marked as failed" not in ada.text


def test_a_run_that_failed_or_goes_on_says_so(app: Any, ada: Browser) -> None:
    with app.app_context():
        jobs.record("cleanup_old_executions", utcnow(), 1.0, error="OperationalError")
        jobs.record("measure_workflow_sizes", utcnow(), 0.0)
    ada.get("/settings/jobs")
    assert "OperationalError" in ada.text
    assert "Running" in ada.text


def test_run_now_rings_and_is_audited(app: Any, ada: Browser) -> None:
    ada.post("/settings/jobs/run", {"name": "cleanup_old_executions"})
    with app.app_context():
        (message,) = runtime().redis.lrange("flowapp:queue:flowapp", 0, -1)
        with system_session(db.engine) as session:
            entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "job.started")).one()
    assert Message.decode(message).actor_name == "cleanup_old_executions"
    assert (entry.actor_label, entry.object_label) == ("ada@example.com", "cleanup_old_executions")
    for name in ("execute_workflow_async", "nothing", ""):
        ada.post("/settings/jobs/run", {"name": name}, 404)


def test_without_redis_run_now_says_so(app: Any, ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    from redis import Redis

    with app.app_context():
        monkeypatch.setattr(runtime().broker, "client", Redis(unix_socket_path="/nonexistent/valkey.sock"))
    ada.post("/settings/jobs/run", {"name": "cleanup_old_executions"}, 503)
    assert "Redis does not respond" in ada.text


def test_metrics_tell_the_last_run_of_each_job(app: Any) -> None:
    with app.app_context():
        jobs.record("cleanup_old_executions", utcnow(), 1.5, result={})
        jobs.record("measure_workflow_sizes", utcnow(), 0.5, error="ValueError")
    lines = app.test_client().get("/metrics").text.splitlines()
    assert 'flowapp_job_duration_seconds{job="cleanup_old_executions"} 1.5' in lines
    assert 'flowapp_job_ok{job="cleanup_old_executions"} 1.0' in lines
    assert 'flowapp_job_ok{job="measure_workflow_sizes"} 0.0' in lines
    assert any(
        line.startswith('flowapp_job_last_run_timestamp_seconds{job="measure_workflow_sizes"} 1') for line in lines
    )


def test_a_workflow_shows_how_much_it_takes(app: Any, ada: Browser) -> None:
    with app.test_request_context(), system_session(db.engine) as system:
        organization_id = system.scalars(select(Organization.id)).one()
        with tenant_session(db.engine, organization_id) as session:
            workflow = workflows.create(session, {"name": "W"}, actor_id=None)
            session.add(WorkflowSize(workflow_id=workflow.id, executions=12, bytes=3_456_789, measured_at=utcnow()))
            session.commit()
    ada.get(f"/workflows/{workflow.id}")
    assert "Its 12 kept executions take about 3.5 MB." in ada.text
    with app.test_request_context(), tenant_session(db.engine, organization_id) as session:
        session.execute(update(WorkflowSize).values(executions=0))  # measured before its first execution
        session.commit()
    ada.get(f"/workflows/{workflow.id}")
    assert "kept execution" not in ada.text


def test_an_integration_states_its_changes(app: Any, ada: Browser) -> None:
    fields = {"name": "Shop", "config-base_url": "https://shop.example", "config-auth": "none"}
    made = ada.post("/integrations/new/webhook", fields)
    path = made.location
    ada.post(path, fields | {"name": "Store"})
    ada.post(f"{path}/delete")
    with app.app_context(), system_session(db.engine) as session:
        rows = session.scalars(
            select(Event).where(Event.type.like("automation.integration.%")).order_by(Event.id)
        ).all()
    assert [row.type.rpartition(".")[2] for row in rows] == ["created", "updated", "deleted"]
    assert [row.payload["name"] for row in rows] == ["Shop", "Store", "Store"]
