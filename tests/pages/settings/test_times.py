"""Times of jobs and simple schedules, in the organization's zone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from flowapp import workflows
from flowapp.models import Event, Organization, Trigger, User
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.tasks import jobs, runtime
from tests.pages.settings.test_settings import Browser, ada, bob, rows

__all__ = ["ada", "bob"]
FORM = {
    "inactivity_at": "03:15", "daily_at": "07:30", "weekly_weekday": "friday", "weekly_at": "16:00",
    "monthly_day": "15", "monthly_at": "10:00",
}  # fmt: skip
LOG = [{"step_id": "a", "action_type": "log", "params": {"message": "x"}}]
NEW_YORK = "America/New_York"


def active(app: Any, trigger_type: str, config: dict[str, Any]) -> str:
    (organization,) = rows(app, Organization)
    with app.app_context(), tenant_session(runtime().engine, organization.id) as session:
        body = {"name": "W", "steps": LOG, "triggers": [{"trigger_type": trigger_type, "config": config}]}
        workflow = workflows.create(session, body, actor_id=None)
        workflows.activate(session, workflow, actor_id=None)
        session.commit()
        return workflow.id


def due(workflow_id: str, zone: str = NEW_YORK) -> datetime:
    """When its trigger is due, by the clock of a zone."""
    with system_session(runtime().engine) as session:
        at = session.scalars(select(Trigger.next_fire_at).where(Trigger.workflow_id == workflow_id)).one()
        assert at is not None
        return at.astimezone(ZoneInfo(zone))


def test_what_names_no_time_goes_by_the_organization_s_clock(app: Any, ada: Browser) -> None:
    ids = {
        "daily": active(app, "scheduled", {"frequency": "daily"}),
        "weekly": active(app, "scheduled", {"frequency": "weekly"}),
        "monthly": active(app, "scheduled", {"frequency": "monthly"}),
        "silent": active(app, "inactivity_delay", {"days": 30}),
        "date": active(app, "date_field_reached", {"field": "expected_close"}),
    }
    usual = {name: due(workflow_id, "UTC").strftime("%H:%M") for name, workflow_id in ids.items()}
    assert usual == {"daily": "09:00", "weekly": "09:00", "monthly": "09:00", "silent": "02:00", "date": "09:00"}
    assert (due(ids["weekly"], "UTC").weekday(), due(ids["monthly"], "UTC").day) == (0, 1)
    ada.post("/settings/organization", {"name": "Acme", "timezone": NEW_YORK, "locale": ""})
    assert {name: due(workflow_id).strftime("%H:%M") for name, workflow_id in ids.items()} == usual
    ada.post("/settings/times", FORM)
    chosen = {name: due(workflow_id).strftime("%H:%M") for name, workflow_id in ids.items()}
    assert chosen == {"daily": "07:30", "weekly": "16:00", "monthly": "10:00", "silent": "03:15", "date": "07:30"}
    assert (due(ids["weekly"]).weekday(), due(ids["monthly"]).day) == (4, 15)
    assert 'value="07:30"' in ada.get("/settings/times").text


def test_changed_times_are_a_fact_with_both_values(app: Any, ada: Browser) -> None:
    for _ in range(2):  # the second time nothing is changed
        ada.post("/settings/times", FORM)
    (changed,) = [event for event in rows(app, Event) if event.type == "organization.updated"]
    assert list(changed.payload["changes"]) == ["times"]
    old, new = changed.payload["changes"]["times"]["old"], changed.payload["changes"]["times"]["new"]
    assert (old["daily"], new["daily"]) == ({"at": "09:00"}, {"at": "07:30"})
    assert (old["weekly"]["weekday"], new["weekly"]["weekday"]) == ("monday", "friday")
    assert changed.actor_id == rows(app, User)[0].id


def test_what_names_its_time_and_zone_keeps_to_them(app: Any, ada: Browser) -> None:
    named = active(app, "schedule", {"every": "daily", "at": "09:00", "timezone": "UTC"})
    at = active(app, "schedule", {"every": "weekly", "at": "09:00"})
    ada.post("/settings/organization", {"name": "Acme", "timezone": NEW_YORK, "locale": ""})
    ada.post("/settings/times", FORM)
    assert due(named, "UTC").strftime("%H:%M") == "09:00"
    assert (due(at).strftime("%H:%M"), due(at).weekday()) == ("09:00", 0)  # of a time of its own, its own day


@pytest.mark.parametrize("wrong", [{"daily_at": "25:00"}, {"weekly_weekday": "someday"}, {"monthly_day": "31"}])
def test_a_time_that_is_none_is_refused_beside_its_field(app: Any, ada: Browser, wrong: dict[str, str]) -> None:
    ada.post("/settings/times", {**FORM, **wrong}, 422)
    assert "field-error" in ada.text
    assert rows(app, Organization)[0].times == {}


def test_only_admins_choose_times(ada: Browser, bob: Browser) -> None:
    bob.get("/settings/times", 403)
    bob.post("/settings/times", FORM, 403)


def test_the_job_is_due_at_the_organization_s_time(app: Any, ada: Browser) -> None:
    ada.post("/settings/organization", {"name": "Acme", "timezone": NEW_YORK, "locale": ""})
    at = due(active(app, "inactivity_delay", {"days": 30}))
    spec, minute = jobs.load()["check_inactivity_workflows"], timedelta(minutes=1)
    assert not jobs.is_due(spec, at - timedelta(hours=1), at - minute)
    assert jobs.is_due(spec, at - timedelta(hours=1), at + minute)
