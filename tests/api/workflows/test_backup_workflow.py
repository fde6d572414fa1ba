"""The daily backup of the reference (A, “Workflow de Sauvegarde Planifiée”), as it is written there, from the clock to the e-mail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from flowapp.data import records, tables
from flowapp.models.tenancy import tenant_session
from flowapp.tasks import due, runtime
from tests.api.conftest import Api
from tests.api.crm.test_date_triggers import due_at
from tests.api.crm.test_event_triggers import executions
from tests.api.workflows.test_stored_defaults import connect
from tests.support.processes import wait_until
from tests.support.servers.s3 import KEYS, Storage, emptied, serving
from tests.support.servers.smtp import SmtpServer

pytestmark = pytest.mark.both_databases
BACKUP: dict[str, Any] = {
    "id": "daily_backup_workflow",
    "name": "Sauvegarde Quotidienne",
    "trigger": {"type": "schedule", "cron_expression": "0 2 * * *"},
    "steps": [
        {
            "id": "export_data",
            "action": "database_query",
            "params": {"query": "SELECT * FROM important_data WHERE updated_at >= NOW() - INTERVAL '1 day'"},
        },
        {
            "id": "upload_to_s3",
            "action": "integration_call",
            "integration": "aws_s3",
            "params": {
                "bucket": "backups",
                "key": "backup_{{timestamp}}.json",
                "data": "{{steps.export_data.results}}",
            },
        },
        {
            "id": "notify_admin",
            "action": "send_email",
            "params": {
                "to": "admin@example.com",
                "subject": "Sauvegarde complétée",
                "message": "{{steps.export_data.count}} enregistrements sauvegardés",
            },
        },
    ],
}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving() as url:
        yield url


@pytest.fixture
def s3(server: str) -> Storage:
    emptied()
    return Storage(server)


@pytest.mark.usefixtures("worker")
def test_a_day_is_kept_at_two_in_the_morning(app: Any, api: Api, s3: Storage, smtp: SmtpServer) -> None:
    s3.bucket("backups")
    with app.app_context():
        connect(api, {"endpoint": s3.url}, "aws_s3", **KEYS)
    with tenant_session(runtime().engine, api.place.id) as session:
        table = tables.create(session, {"name": "Important data", "columns": [{"label": "Title"}]})
        for title in ("Été", "b"):
            records.create(session, table, {"title": title})
        session.commit()
    workflow = api.post("/workflows/", BACKUP, 201)["id"]
    api.post(f"/workflows/{workflow}/activate/", {})
    at = due_at(workflow)
    assert (at.hour, at.minute) == (2, 0)
    due.fire_clocks(at + timedelta(seconds=1))
    wait_until(lambda: [one["status"] for one in executions(api, workflow)] == ["completed"], 15)
    [(key, kept)] = s3.objects["backups"].items()
    assert key.startswith("backup_20") and key.endswith(".json")
    assert [row["title"] for row in json.loads(kept.body)] == ["Été", "b"]
    assert kept.content_type == "application/json"
    [execution] = executions(api, workflow)
    mail = execution["context"]["state"]["notify_admin"]
    assert (mail["to"], mail["subject"]) == (["admin@example.com"], "Sauvegarde complétée")
    assert smtp.wait_for()[0].text.strip() == "2 enregistrements sauvegardés"
