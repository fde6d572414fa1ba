"""The settings of a workflow: the whole config, in plain words."""

from __future__ import annotations

import re
from typing import Any

import pytest

from flowapp import workflows
from flowapp.extensions import db
from flowapp.models.tenancy import tenant_session
from tests.pages.workflows.test_steps import LOG, Site

FILLED = {
    "name": "Welcome", "concurrency": "2", "concurrency_policy": "drop", "concurrency_key": "{{ input.email }}",
    "debounce_seconds": "30", "debounce_key": "{{ input.id }}", "timeout": "3600", "max_visits": "500",
    "reentry": "after", "reentry_days": "14", "alert_after": "5", "retention_days": "90",
    "business_hours": "y", "mon": "y", "sat": "y", "tue": "", "wed": "", "thu": "", "fri": "", "sun": "", "start": "8:30", "end": "16:00",
    "holidays": "2026-12-25\n2027-01-01",
}  # fmt: skip


@pytest.fixture
def site(app: Any) -> Site:
    return Site(app, steps=[LOG])


def other(site: Site, name: str = "Alarm") -> str:
    with site.app.app_context(), tenant_session(db.engine, site.organization_id) as session:
        made = workflows.create(session, {"name": name, "steps": [LOG]}, actor_id=None)
        session.commit()
        return made.id


def test_every_setting_is_saved_and_shown_again(site: Site) -> None:
    alarm = other(site)
    answer = site.post("/settings", error_workflow=alarm, **FILLED)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    assert site.draft["config"] == {
        "concurrency": 2, "concurrency_policy": "drop", "concurrency_key": "{{ input.email }}",
        "debounce_seconds": 30, "debounce_key": "{{ input.id }}", "timeout": 3600, "max_visits": 500,
        "reentry": "after_14_days", "error_workflow": alarm, "alert_after": 5, "retention_days": 90,
        "business_hours": {"days": ["mon", "sat"], "start": "08:30", "end": "16:00", "holidays": ["2026-12-25", "2027-01-01"]},
    }  # fmt: skip
    page = site.get("/settings")
    for text in ("{{ input.email }}", "2026-12-25", 'value="08:30"', "Entry and limits", "Alarm"):
        assert text in page
    again = site.post("/settings", error_workflow=alarm, **FILLED | {"business_hours": "", "reentry": "once"})
    assert again.status_code == 303
    assert site.draft["config"]["business_hours"] is None
    assert site.draft["config"]["reentry"] == "once"


def test_what_was_never_set_stays_at_its_default(site: Site) -> None:
    before = site.draft["config"]
    site.get("/settings")
    assert site.post("/settings", name="Renamed").status_code == 303
    assert (site.draft["config"], site.draft["name"]) == (before, "Renamed")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"concurrency": "0"}, "Enter 1 or more."),
        ({"timeout": "soon"}, "whole number"),
        ({"end": "08:00"}, "must end after it begins"),
        ({"start": "early"}, "time of day"),
        ({"holidays": "Christmas"}, "Enter dates as"),
        ({"alert_after": "-1"}, "Enter 0 or more."),
    ],
)
def test_wrong_settings_are_shown_at_their_field(site: Site, wrong: dict[str, str], told: str) -> None:
    before = site.draft
    answer = site.post("/settings", **FILLED | wrong)
    assert answer.status_code == 422
    assert told in answer.get_data(as_text=True)
    assert site.draft == before


def beside(page: str, name: str) -> str:
    """The message beside a field."""
    found = re.search(rf'id="{name}-error">.*?<span>(.*?)</span>', page, re.DOTALL)
    return found[1] if found else ""


def test_business_hours_without_a_day_say_so_at_the_days(site: Site) -> None:
    page = site.post("/settings", **FILLED | {"mon": "", "sat": ""}).text
    assert beside(page, "mon") == "Choose at least one day."
    assert "entries" not in page


def test_what_keeps_the_workflow_from_being_published_stands_at_its_setting(site: Site) -> None:
    assert site.post("/settings", **FILLED | {"concurrency_key": "{{ steps.note.id }}"}).status_code == 303
    page = site.get("/settings")
    assert "No step has run" in beside(page, "concurrency_key")
    assert "cannot be published until the marked settings" in page
    assert "Please correct the marked fields." not in page, "it was saved"
    assert site.post("/settings", **FILLED).status_code == 303
    assert "cannot be published until the marked settings" not in site.get("/settings")


def test_an_error_workflow_stored_by_its_name_is_chosen(site: Site) -> None:
    other(site)
    site.post("/settings", **FILLED)
    with site.app.app_context(), tenant_session(db.engine, site.organization_id) as session:
        row = workflows.get(session, site.id)
        config = {**row.draft["config"], "error_workflow": "alarm"}
        workflows.save_draft(session, row, {**row.draft, "config": config}, actor_id=None)
        session.commit()
    assert "no longer available" not in site.get("/settings")


def test_who_may_not_edit_reads_them(app: Any) -> None:
    site = Site(app, "viewer", steps=[LOG], config={"concurrency": 3, "reentry": "once"})
    page = site.get("/settings")
    assert "Concurrent executions" in page
    assert "Never" in page
    assert '<form method="post" novalidate' not in page


def older(app: Any, message: str = "Hello") -> Site:
    """A workflow as a release of the language before stored it."""
    site = Site(app, steps=[LOG])
    with site.app.app_context(), tenant_session(db.engine, site.organization_id) as session:
        workflow = workflows.get(session, site.workflow.id)
        workflows.update(session, workflow, {"language": 2}, actor_id=None)
        workflow.draft = {**workflow.draft, "steps": [{**workflow.draft["steps"][0], "params": {"message": message}}]}
        session.commit()
    return site


@pytest.mark.both_databases
def test_a_workflow_is_moved_to_today_s_rules_and_back(app: Any) -> None:
    site = older(app)
    page = site.get("/settings")
    assert "Use today's rules" in page
    assert "hold for a missing or null field" in page
    before = site.draft
    assert site.post("/language").status_code == 303
    assert site.draft == {**before, "language": 3}
    assert "Undo on the tab Steps" in (page := site.get("/settings"))
    assert 'id="language"' not in page
    site.post("/undo", revision=str(site.workflow.revision))
    assert site.draft == before


def test_what_keeps_a_workflow_from_today_s_rules_is_named_with_its_step(app: Any) -> None:
    site = older(app, "{{ input.day|date('d q bb') }}")
    before = site.draft
    answer = site.post("/language")
    assert answer.status_code == 422
    assert "cannot use today's rules until" in answer.text
    assert "/steps/note" in answer.text
    assert site.draft == before
