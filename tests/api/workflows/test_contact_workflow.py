"""The contact workflow of the reference (A, “Workflow de Contact”), as it is written there, from the form to Slack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowapp.data import forms, schemas, tables
from flowapp.models.tenancy import tenant_session
from flowapp.tasks import runtime
from flowapp.tasks.triggers import trigger_form_submitted
from tests.api.conftest import Api
from tests.api.crm.test_event_triggers import executions
from tests.api.workflows.test_stored_defaults import connect
from tests.support.processes import wait_until
from tests.support.servers.sink import Sink
from tests.support.servers.smtp import SmtpServer
from tests.support.servers.vendor import Vendor, reroute

pytestmark = pytest.mark.both_databases
SLACK = Path(__file__).parents[2] / "connectors" / "slack" / "api.yaml"
CONTACT: dict[str, Any] = {
    "id": "contact_form_workflow",
    "name": "Formulaire de Contact",
    "trigger": {"type": "form_submit", "form_id": "contact_form_1"},
    "steps": [
        {"id": "validate", "action": "validate_data", "params": {"schema": "contact_schema"}},
        {"id": "save_db", "action": "database_save", "params": {"table": "contacts", "data": "{{form_data}}"}},
        {
            "id": "send_email",
            "action": "integration_call",
            "integration": "sendgrid",
            "params": {"to": "admin@example.com", "template": "new_contact", "data": "{{form_data}}"},
        },
        {
            "id": "send_slack",
            "action": "integration_call",
            "integration": "slack",
            "params": {"channel": "#sales", "message": "Nouveau contact: {{form_data.name}}"},
        },
    ],
}
FIELDS = [
    {"label": "Name", "key": "name", "type": "text", "required": True},
    {"label": "E-mail", "key": "email", "type": "email", "required": True},
]

RULES = [{"field": "name", "rule": "required"}, {"field": "email", "rule": "email"}]


@pytest.mark.usefixtures("worker")
def test_a_form_is_checked_saved_mailed_and_told(
    app: Any, api: Api, sink: Sink, smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    reroute(monkeypatch, {"https://slack.com": sink.url("")})
    slack = Vendor.of(sink, SLACK)
    mail = {
        "provider": "smtp",
        "host": "127.0.0.1",
        "port": smtp.port,
        "security": "none",
        "from_email": "crm@b.example",
    }
    with app.app_context(), tenant_session(runtime().engine, api.place.id) as session:
        connect(api, {}, "slack", token="xoxb-1234-secret")
        api.post("/integrations/", {"name": "sendgrid", "integration_type": "email", "config": mail}, 201)
        form = forms.create(session, {"name": "contact_form_1", "fields": FIELDS})
        tables.create(
            session,
            {"name": "contacts", "columns": [{"label": "Name", "type": "text"}, {"label": "Email", "type": "text"}]},
        )
        schemas.create(session, {"name": "contact_schema", "rules": RULES})
        session.commit()
        number = form.number
    api.post(
        "/email-templates/",
        {"name": "new_contact", "subject": "New: {{ name }}", "text": "{{ name }}, {{ email }}"},
        201,
    )
    workflow = api.post("/workflows/", CONTACT, 201)["id"]
    api.post(f"/workflows/{workflow}/activate/", {})
    trigger_form_submitted(api.place.id, number, {"name": "Zoë", "email": "zoe@b.example"})
    wait_until(lambda: [one["status"] for one in executions(api, workflow)] == ["completed"], 20)
    sent = smtp.wait_for()[0]
    assert (sent.recipients, sent.message["Subject"]) == (["admin@example.com"], "New: Zoë")
    assert sent.text.strip() == "Zoë, zoe@b.example"
    assert [one.json for one in sink.requests] == [{"channel": "#sales", "text": "Nouveau contact: Zoë"}]
    assert not slack.refused
    [done] = executions(api, workflow)
    assert done["context"]["state"]["save_db"]["count"] == 1
