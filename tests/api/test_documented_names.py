"""What clients of other systems send and read, by the names that they know (tests/reference.toml lists them all)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from tests.api.conftest import Api
from tests.api.crm.people import workflow_body

ECHO = {"step_id": "hello", "action_type": "test_echo", "params": {"text": "Hello {{ input.name }}"}}
FAIL = {"step_id": "no", "action_type": "test_fail", "params": {"text": "out of luck"}}


def made(api: Api, **changes: Any) -> str:
    return f"/workflows/{api.post('/workflows/', workflow_body(**changes), 201)['id']}/"


def run(api: Api, path: str, **body: Any) -> Any:
    ended = api.post(f"{path}execute/", {"async_execution": False, **body})
    return api.get(f"/executions/{ended['execution_id']}/")


def test_a_deleted_workflow_is_gone(api: Api) -> None:
    """A list of what is not deleted is a list of all, and one of what is deleted is empty."""
    kept, gone = (made(api, name=name, steps=[ECHO]) for name in ("Kept", "Gone"))
    api("DELETE", gone, status=204)
    listed = api.get("/workflows/?is_deleted=false&sort=-execution_count")["results"]
    assert [(one["name"], one["is_deleted"]) for one in listed] == [("Kept", False)]
    assert api.get("/workflows/?is_deleted=true")["results"] == []
    shown = api.get(kept)
    assert shown["is_deleted"] is False
    assert api("PUT", kept, shown, 200).json["name"] == "Kept"


def test_a_workflow_in_the_list(api: Api) -> None:
    made(api, name="Contact Form Workflow", description="What it does", steps=[ECHO])
    page = api.get("/workflows/")
    assert page["count"] == 1
    (row,) = page["results"]
    known = {
        "name": "Contact Form Workflow", "description": "What it does", "status": "draft",
        "execution_count": 0, "success_rate": 0.0, "triggers_count": 1, "steps_count": 1,
    }  # fmt: skip
    assert {key: row[key] for key in known} == known
    assert len(row["id"]) == 36


def test_what_a_workflow_belongs_to_and_who_made_it(api: Api) -> None:
    body = workflow_body(organization=api.place.id, project=api.place.project_id, variables={"rate": 2}, status="DRAFT")
    made = api.post("/workflows/", body, 201)
    assert (made["organization"], made["project"]) == (api.place.id, api.place.project_id)
    assert made["variables"] == {"rate": 2}
    assert made["created_by"] == api.place.user_id
    assert datetime.fromisoformat(made["created_at"]) <= datetime.fromisoformat(made["updated_at"])


def test_counts_of_a_workflow(api: Api, worker: None) -> None:
    path = made(api, steps=[ECHO])
    run(api, path, input_data={"name": "A"})
    failed = run(api, path)
    shown = api.get(path)
    assert (shown["execution_count"], shown["success_count"], shown["failure_count"]) == (2, 1, 1)
    stats = api.get(f"{path}stats/")
    assert (stats["skipped_count"], stats["last_execution"]) == (0, shown["last_executed_at"])
    assert failed["failure_count"] == 1


@pytest.mark.parametrize(
    ("written", "status"), [("DRAFT", "draft"), ("ACTIVE", "active"), ("PAUSED", "paused"), ("INACTIVE", "paused")]
)
def test_a_status_in_capitals(api: Api, written: str, status: str) -> None:
    path = made(api, steps=[ECHO])
    api.post(f"{path}activate/")
    changed = api.patch(path, {"status": written}) if written != "DRAFT" else api.get(made(api, status=written))
    assert changed["status"] == status
    assert [row["status"] for row in api.get(f"/workflows/?status={written}")["results"]] == [status]


def test_how_an_execution_went(api: Api, worker: None) -> None:
    path = made(api, steps=[ECHO, FAIL])
    row = run(api, path, input_data={"name": "Ann"})
    assert (row["status"], row["current_step_id"]) == ("failed", "no")
    assert "out of luck" in row["error_message"]
    assert (row["success_count"], row["failure_count"]) == (1, 1)
    assert (row["trigger_type"], row["goal_reached"]) == ("api_call", False)
    started, completed = (datetime.fromisoformat(row[name]) for name in ("started_at", "completed_at"))
    assert row["duration_seconds"] == pytest.approx((completed - started).total_seconds(), abs=0.01)
    assert [done["status"] for done in row["actions_executed"]] == ["completed", "failed"]
    assert {"level", "message"} <= set(row["execution_logs"][0])
    assert row["execution_path"] == ["hello", "no"]


def test_what_an_execution_is_about(api: Api) -> None:
    path = made(api, steps=[ECHO])
    contact = api.post("/contacts/", {"email": "ann@b.example"}, 201)["id"]
    body = {"trigger_entity_type": "contact", "trigger_entity_id": contact}
    answer = api.post(f"{path}execute/", body, 202)
    row = api.get(f"{path}executions/{answer['execution_id']}/")
    assert (row["trigger_entity_type"], row["trigger_entity_id"], row["contact"]) == ("contact", contact, contact)
    assert row["workflow"] == path.split("/")[2]


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])
def test_lines_of_a_level(api: Api, worker: None, level: str) -> None:
    step = {"step_id": "say", "action_type": "log", "params": {"message": f"a line of {level}", "level": level.lower()}}
    row = run(api, made(api, steps=[step, {**step, "step_id": "other", "params": {"message": "more"}}]))
    lines = api.get(f"/executions/{row['id']}/logs/?level={level}")["results"]
    assert f"a line of {level}" in [line["message"] for line in lines]
    assert level in {line["level"].upper() for line in lines}


def test_names_of_an_expression(api: Api, worker: None) -> None:
    text = "{{ input.name }} {{ variables.city }} {{ form_data.email }} {{ steps.first.result.text }} {{ steps.first.text }}"
    steps = [
        {"step_id": "first", "action_type": "test_echo", "params": {"text": "1"}},
        {"step_id": "all", "action_type": "test_echo", "params": {"text": text}},
        {"step_id": "who", "action_type": "test_echo", "params": {"text": "{{ context.user_id }}"}},
    ]
    row = run(
        api,
        made(api, steps=steps, variables={"city": "Lyon"}),
        input_data={"name": "Ann", "form_data": {"email": "a@b.example"}},
    )
    outputs = [step["output"]["text"] for step in row["steps"]]
    assert outputs == ["1", "Ann Lyon a@b.example 1 1", api.place.user_id]


def test_a_step_as_the_documents_write_it(api: Api) -> None:
    steps = [
        {
            "step_id": "call", "name": "Call", "action_type": "send_webhook", "order": 1,
            "params": {"url": "https://example.com"}, "on_error": "retry", "retry_count": 5, "retry_delay": 60,
        },
        {"step_id": "check", "action_type": "validate_data", "order": 2, "params": {"schema": {"type": "object"}},
         "on_error": "goto", "goto_step": "call"},
    ]  # fmt: skip
    first, second = api.get(made(api, steps=steps))["steps"]
    assert (first["name"], first["order"], first["retry_count"], first["retry_delay"]) == ("Call", 1, 5, 60)
    assert (first["on_error"], second["on_error"], second["goto_step"]) == ("retry", "goto", "call")


def test_a_trigger_as_the_documents_write_it(api: Api) -> None:
    triggers = [{"trigger_type": "schedule", "config": {"cron_expression": "0 2 * * *"}, "is_active": False}]
    (trigger,) = api.get(made(api, steps=[ECHO], triggers=triggers))["triggers"]
    assert (trigger["trigger_type"], trigger["is_active"]) == ("schedule", False)
    assert "0 2 * * *" in trigger["config"].values()
