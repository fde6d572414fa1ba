"""Who would delete something that workflows use reads which ones, before."""

from __future__ import annotations

import html

from flask import Flask
from sqlalchemy import select

from flowapp import workflows
from flowapp.extensions import db
from flowapp.models import DataTable, Form, Integration, Organization, Workflow
from flowapp.models.tenancy import system_session, tenant_session
from tests.support.browser import Browser, Tab
from tests.support.statements import noted


def test_what_uses_a_thing_is_named_before_it_is_deleted(app: Flask) -> None:
    ada = Browser(app).set_up()
    ada.post("/tables/new", {"name": "Parts", "columns-0-label": "Name", "columns-1-label": "Size"})
    ada.post("/forms/new", {"name": "Contact", "order": ["0"], "fields-0-label": "Name"})
    ada.post("/schemas/new", {"name": "Order", "rules-0-field": "id", "rules-0-rule": "required"})
    ada.post("/integrations/new/webhook", {"name": "Shop", "config-base_url": "https://a.example/"})
    steps = [
        {"step_id": "save", "name": "Save part", "action_type": "database_save",
         "params": {"table": "parts", "data": {"name": "x"}}},
        {"step_id": "check", "name": "Check", "action_type": "validate_data", "params": {"schema": "Order"}},
        {"step_id": "call", "name": "Call", "action_type": "send_webhook", "params": {"integration": "Shop", "url": "/"}},
    ]  # fmt: skip
    trigger = {"trigger_type": "form_submit", "config": {"form_id": "contact"}}
    with app.app_context():
        with system_session(db.engine) as system:
            organization_id = system.scalars(select(Organization.id)).one()
            table, form, integration = (system.scalars(select(m)).one().id for m in (DataTable, Form, Integration))
        with tenant_session(db.engine, organization_id) as session:
            alarm = workflows.create(session, {"name": "Alarm", "steps": []}, actor_id=None)
            body = {"name": "Stock", "steps": steps, "triggers": [trigger], "config": {"error_workflow": alarm.id}}
            workflows.create(session, body, actor_id=None)
            session.commit()
            alarm_id = session.scalars(select(Workflow.id).filter_by(name="Alarm")).one()
    columns = html.unescape(ada.get(f"/tables/{table}/columns").text)
    assert columns.count("Used by “Stock” (Save part).") == 2, "the table and its column “name”, not “size”"
    for path, use in (
        (f"/forms/{form}", "Used by “Stock”."),
        ("/schemas", "Used by “Stock” (Check)."),
        (f"/integrations/{integration}", "Used by “Stock” (Call)."),
        (f"/workflows/{alarm_id}/settings", "Used by “Stock”."),
    ):
        assert use in html.unescape(ada.get(path).text), path


def test_a_list_reads_the_workflows_once_however_many_things_it_shows(app: Flask) -> None:
    ada = Browser(app).set_up()
    counts: dict[str, list[int]] = {"/schemas": [], "/email-templates": []}
    for names in (("One",), ("Two", "Three", "Four")):
        for name in names:
            ada.post("/schemas/new", {"name": name, "rules-0-field": "id", "rules-0-rule": "required"})
            Tab(ada.client, "/email-templates/new", "template-form").type(
                name=name, subject="Hi", html="<p>Hi</p>"
            ).send()
        for path, counted in counts.items():
            with app.app_context(), noted(db.engine) as statements:
                page = ada.get(path).text
            assert page.count("Delete “") == (1 if names == ("One",) else 4), path
            counted.append(len(statements))
    assert all(many <= few for few, many in counts.values()), counts
