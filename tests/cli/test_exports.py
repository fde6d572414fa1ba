"""Workflows as files, and the schema, from the command line."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from flowapp import workflows
from flowapp.config import Settings
from flowapp.data import forms, schemas, tables
from flowapp.extensions import db
from flowapp.models import DataTable, Form, Organization, Schema, Trigger, Workflow, migrations
from flowapp.models.tenancy import tenant_session
from tests.cli.test_commands import rows, run, superuser
from tests.support.applications import running

ORDERS: dict[str, Any] = {
    "name": "Orders",
    "triggers": [
        {"trigger_type": "webhook", "key": "hook", "config": {"auth": "header", "secret": "s3cret-of-the-shop"}},
        {"trigger_type": "form_submit", "config": {"form_id": "order_form"}},
    ],
    "steps": [
        {"step_id": "check", "name": "Check", "action_type": "validate_data", "params": {"schema": "order"}},
        {"step_id": "save", "name": "Save", "action_type": "database_save",
         "params": {"table": "groessen", "data": {"size": "{{ input.size }}"}}},
        {"step_id": "call", "name": "Call", "action_type": "send_webhook",
         "params": {"url": "https://a.example/", "headers": {"Authorization": "Bearer abc-secret"}}},
    ],
}  # fmt: skip


@pytest.fixture
def organization_id(app: Any) -> str:
    superuser(app)
    (organization,) = rows(app, Organization)
    with app.app_context(), tenant_session(db.engine, organization.id) as session:
        tables.create(session, {"name": "Größen", "columns": [{"label": "Size"}]})
        tables.create(session, {"name": "Unused", "columns": [{"label": "Size"}]})
        schemas.create(session, {"name": "Order", "rules": [{"field": "size", "rule": "required"}]})
        forms.create(session, {"name": "Order form", "fields": [{"label": "Size"}]})
        workflow = workflows.create(session, ORDERS, actor_id=None)
        workflows.activate(session, workflow, actor_id=None)
        session.commit()
    return str(organization.id)


def drafts(app: Any) -> dict[str, Any]:
    return {row.name: row for row in rows(app, Workflow)}


@pytest.mark.both_databases
def test_a_webhook_workflow_is_exported_and_imported_on_the_same_installation(
    app: Any, organization_id: str, tmp_path: Path
) -> None:
    file = tmp_path / "orders.json"
    run(app, "export", "Orders", "--output", str(file))
    written = json.loads(file.read_text())
    assert {part: [entry["name"] for entry in entries] for part, entries in written.items()} == {
        "workflows": ["Orders"], "tables": ["Größen"], "schemas": ["Order"], "forms": ["Order form"], "email_templates": [],
    }  # fmt: skip
    assert "s3cret" not in file.read_text()
    assert "abc-secret" not in file.read_text()
    before = drafts(app)["Orders"]
    (hook,) = [row.hook_key for row in rows(app, Trigger) if row.hook_key]

    refused = run(app, "import", str(file), code=2)
    assert "Already here: “Orders”. Give --replace" in refused
    assert run(app, "import", str(file), "--replace", "--copy", code=2)

    copied = run(app, "import", str(file), "--copy")
    copy = drafts(app)["Orders (copy)"]
    key = copy.draft["triggers"][0]["config"]["key"]
    assert key != hook
    assert f"New webhook address: /hooks/{key}" in copied
    assert copy.status == "draft"
    assert copy.draft["steps"] == before.draft["steps"]  # its secrets too

    written["workflows"][0] |= {"name": "Orders 2", "steps": written["workflows"][0]["steps"][:2]}
    file.write_text(json.dumps(written))
    replaced = run(app, "import", str(file), "--replace")
    assert "The draft of “Orders 2” was replaced" in replaced
    assert "New webhook address" not in replaced
    after = drafts(app)["Orders 2"]
    assert (after.id, after.status) == (before.id, "active")
    assert after.published_version_id == before.published_version_id
    assert after.draft["triggers"] == before.draft["triggers"]
    assert [step["step_id"] for step in after.draft["steps"]] == ["check", "save"]
    with app.app_context(), tenant_session(db.engine, organization_id) as session:
        workflow = workflows.get(session, after.id)
        workflows.undo(session, workflow, actor_id=None, expected_revision=None)
        assert workflow.draft == before.draft


def test_what_a_workflow_uses_comes_along_and_what_is_there_stays(app: Any, organization_id: str) -> None:
    file = json.loads(run(app, "export", "Orders"))
    file["workflows"][0] |= {"triggers": [ORDERS["triggers"][1]], "steps": file["workflows"][0]["steps"][:2]}
    with app.app_context(), tenant_session(db.engine, organization_id) as session:
        for row in session.query(Workflow):
            workflows.delete(session, row)
        for model in (DataTable, Form):
            for thing in session.query(model).filter(model.name != "Unused"):
                (tables.delete if model is DataTable else forms.delete)(session, thing)
        session.commit()
    said = run(app, "import", "-", input=json.dumps(file))
    assert said.splitlines() == ["“Orders” was imported as a draft.", "tables: Größen", "forms: Order form"]
    workflow = drafts(app)["Orders"]
    assert workflow.id == file["workflows"][0]["id"]
    with app.app_context(), tenant_session(db.engine, organization_id) as session:
        assert workflows.validate(session, workflows.get(session, workflow.id))[0] == []
    assert [row.slug for row in rows(app, Schema)] == ["order"]
    assert "Already here: “Orders”" in run(app, "import", "-", input=json.dumps(file), code=2)


def test_all_workflows_are_exported_where_none_is_named(app: Any, organization_id: str) -> None:
    with app.app_context(), tenant_session(db.engine, organization_id) as session:
        workflows.create(session, {"name": "Other", "language": 2}, actor_id=None)
        session.commit()
    written = json.loads(run(app, "export"))
    languages = {one["name"]: one["language"] for one in written["workflows"]}
    assert languages == {"Hello, Flowapp": 3, "Orders": 3, "Other": 2}
    assert [one.get("is_template") for one in written["workflows"]] == [True, None, None]


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        ("{", 2, "not valid JSON"),
        ("[]", 1, "a JSON object is expected"),
        ('{"workflows": 1}', 1, "workflows: Enter a list of objects."),
        ('{"workflows": [], "rows": []}', 1, "rows: There is no part “rows”"),
        ('{"workflows": [{"name": "A"}, {"name": ""}]}', 1, "workflows.1.name: "),
        ('{"workflows": [{"name": "A"}], "tables": [{"name": "T"}]}', 1, "tables.0.columns: "),
        ('{"workflows": [{"name": "A", "nmae": 1}]}', 1, "workflows.0.nmae: There is no field “nmae” here."),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_whole(
    app: Any, organization_id: str, text: str, code: int, told: str
) -> None:
    assert told in run(app, "import", "-", input=text, code=code)
    assert list(drafts(app)) == ["Hello, Flowapp", "Orders"]


def test_what_does_not_exist_is_a_usage_error(app: Any, organization_id: str, tmp_path: Path) -> None:
    assert "There is no workflow “Nope”: give the id." in run(app, "export", "Nope", code=2)
    assert "no organization “Nope”" in run(app, "export", "--organization", "Nope", code=2)
    assert "No such file" in run(app, "import", str(tmp_path / "nope.json"), code=2)


@pytest.mark.both_databases
def test_the_schema_is_brought_up_to_date_by_command(settings: Settings, tmp_path: Path) -> None:
    empty = dataclasses.replace(settings, database_url=f"sqlite:///{tmp_path}/new.db")
    with running(empty) as app:
        for _time in range(2):
            assert f"The database is at {migrations.newest()}" in run(app, "db", "upgrade")
        with app.app_context():
            assert "workflows" in sa.inspect(db.engine).get_table_names()
    assert "No such command" in run(app, "db", "downgrade", code=2)
    nowhere = dataclasses.replace(settings, database_url=f"sqlite:///{tmp_path}/no/folder/new.db")
    with running(nowhere) as app:
        said = run(app, "db", "upgrade", code=1)
    assert "The database cannot be reached: unable to open database file. Check DATABASE_URL." in said
