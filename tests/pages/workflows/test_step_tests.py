"""“Test this step” finds around the step what a real run would."""

from __future__ import annotations

import re
from datetime import datetime
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from flowapp.extensions import db
from flowapp.models import Contact, Execution, Organization, Version
from flowapp.models.tenancy import system_session, tenant_session
from tests.pages.workflows.test_steps import HX, LOG, Site

LOOP = {"step_id": "each", "name": "Each", "action_type": "loop", "params": {"items": "{{ input.orders }}"}}
INNER = {"step_id": "inner", "name": "Inner", "action_type": "loop", "params": {"items": "{{ item.lines }}"}}
ORDERS = {"orders": [{"number": 7, "lines": ["pen", "ink"]}, {"number": 8, "lines": []}]}
EDGES = [
    {"source": "each", "target": "inner", "branch": "each"},
    {"source": "inner", "target": "note", "branch": "each"},
    {"source": "note", "target": "inner"},
    {"source": "inner", "target": "each", "branch": "done"},
]


@pytest.fixture
def site(app: Any) -> Site:
    return Site(app, steps=[LOG])


def past(site: Site, input_data: Any, **contact: Any) -> str:
    """An execution with this input, about a contact."""
    with site.app.app_context(), tenant_session(db.engine, site.organization_id) as session:
        version = Version(workflow_id=site.id, definition=site.draft, fingerprint="f")
        person = Contact(**contact)
        session.add_all([version, person])
        session.flush()
        run = Execution(
            workflow_id=site.id, version_id=version.id, status="completed", input_data=input_data, contact_id=person.id,
            context={"from": "import"},
        )  # fmt: skip
        session.add(run)
        session.commit()
        return run.id


def tried(site: Site, path: str, **form: Any) -> str:
    return unescape(site.post(f"/try/{path}", headers=HX, **form).get_data(as_text=True))


def test_every_value_that_the_page_offers_is_there(app: Any) -> None:
    site = Site(app, steps=[LOOP, INNER, LOG], edges=EDGES)
    run_id = past(site, ORDERS, email="zoe@example.com", last_name="Zuse")
    offered = set(re.findall(r"\{\{ [^}]+ \}\}", unescape(site.get("/steps/note"))))
    assert {"{{ item }}", "{{ parent_item.number }}", "{{ contact.email }}", "{{ resume_url }}"} <= offered
    not_there = re.compile(
        r"\{\{ (steps\.|(company|deal|task|owner|old_stage|new_stage)\b)"
    )  # this one is about a contact alone
    for value in sorted(value for value in offered if not not_there.match(value)):  # other steps are tried first
        html = tried(site, "note", name="Note", p__message=value, t__source=run_id)
        assert "Completed" in html, (value, html)


def test_the_contact_and_the_context_of_the_execution_that_is_tried_with(site: Site) -> None:
    run_id = past(site, {}, email="zoe@example.com", last_name="Zuse")
    message = "{{ contact.name }} {{ contact_email }} {{ context.from }}"
    assert "Zuse zoe@example.com import" in tried(site, "note", name="N", p__message=message, t__source=run_id)
    message = "{{ contact.name }} of no execution"
    assert "Ada Lovelace of no execution" in tried(site, "note", name="N", p__message=message, t__source="sample")


@pytest.mark.parametrize(("zone", "expected"), [("", "America/New_York"), ("Asia/Tokyo", "Asia/Tokyo")])
def test_times_are_those_of_the_contact_or_the_organization(site: Site, zone: str, expected: str) -> None:
    with site.app.app_context(), system_session(db.engine) as system:
        system.get_one(Organization, site.organization_id).timezone = "America/New_York"
        system.commit()
    run_id = past(site, {}, email="zoe@example.com", timezone=zone)
    html = tried(
        site, "new/wait_until", name="Monday", p__until="next monday", p__at="09:00", after="note", t__source=run_id
    )
    until = datetime.fromisoformat(re.search(r"20\d\d-\d\d-\d\dT[\d:.+]+", html)[0])  # type: ignore[index]
    local = until.astimezone(ZoneInfo(expected))
    assert (local.weekday(), local.hour, local.minute) == (0, 9, 0)


def test_business_hours_are_those_of_the_workflow(app: Any) -> None:
    hours = {"days": ["wed"], "start": "10:00", "end": "12:00"}
    site = Site(app, steps=[LOG], config={"business_hours": hours})
    html = tried(
        site,
        "new/wait_time",
        name="Hour",
        p__duration="1 business hour",
        after="note",
        t__source="sample",
    )
    until = datetime.fromisoformat(re.search(r"20\d\d-\d\d-\d\dT[\d:.+]+", html)[0])  # type: ignore[index]
    assert until.weekday() == 2
    assert 11 <= until.hour <= 12
