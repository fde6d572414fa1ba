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
from tests.connectors.email.doubles import KEY, SendGrid
from tests.support.processes import wait_until
from tests.support.servers.sink import Sink
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
    app: Any, api: Api, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    reroute(monkeypatch, {"https://slack.com": sink.url(""), "https://api.sendgrid.com": sink.url("")})
    sendgrid, slack = SendGrid(sink), Vendor.of(sink, SLACK)
    sink.ask = lambda received: (sendgrid if received.path.startswith("/v3/") else slack).answer(received)
    mail = {
        "name": "SendGrid Email", "integration_type": "email",
        "config": {"provider": "sendgrid", "from_email": "desk@example.com"},
        "credentials": {"credential_type": "api_key", "credentials_data": {"api_key": KEY}},
    }  # fmt: skip
    with app.app_context(), tenant_session(runtime().engine, api.place.id) as session:
        connect(api, {}, "slack", token="xoxb-1234-secret")
        api.post("/integrations/configure/", mail, 201)
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
    [sent] = sendgrid.sent
    assert sent["personalizations"][0]["to"] == [{"email": "admin@example.com"}]
    assert (sent["subject"], sent["content"]) == ("New: Zoë", [{"type": "text/plain", "value": "Zoë, zoe@b.example"}])
    told = [one.json for one in sink.requests if not one.path.startswith("/v3/")]
    assert told == [{"channel": "#sales", "text": "Nouveau contact: Zoë"}]
    assert not slack.refused and not sendgrid.refused
    [done] = executions(api, workflow)
    state = done["context"]["state"]
    assert (state["save_db"]["count"], state["send_email"]["message_id"]) == (1, "sg-1")
