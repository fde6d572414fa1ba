"""Running workflows, and what became of them, over the JSON API."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from flowapp.api.schemas import ExecutionDetailsOut, ExecutionItemOut, StatsOut
from tests.api.conftest import Api
from tests.api.crm.people import make_place, workflow_body
from tests.support.processes import wait_until

pytestmark = pytest.mark.both_databases

TWO_STEPS = workflow_body(
    steps=[
        {"step_id": "hello", "action_type": "test_echo", "params": {"text": "Hello {{ input.name }}"}},
        {"step_id": "again", "action_type": "test_echo", "params": {"text": "{{ steps.hello.text }}!"}},
    ]
)


def made(api: Api, **changes: Any) -> str:
    return f"/workflows/{api.post('/workflows/', {**TWO_STEPS, **changes}, 201)['id']}/"


def test_execute_and_wait(api: Api, worker: None) -> None:
    path = made(api, variables={"greeting": "Hi"})
    answer = api.post(f"{path}execute/", {"input_data": {"name": "Ann"}, "async_execution": False})
    assert answer["async"] is False
    assert answer["task_id"] == answer["execution_id"]
    assert answer["status"] == "completed"
    assert answer["output_data"] == {"text": "Hello Ann!"}
    found = api.get(f"/executions/{answer['execution_id']}/")
    assert ExecutionDetailsOut.model_validate(found)
    assert set(found) == set(ExecutionDetailsOut.model_fields)
    assert found["execution_path"] == ["hello", "again"]
    assert found["completed_steps"] == ["hello", "again"]
    assert found["actions_executed"][0] == {"step_id": "hello", "action_type": "test_echo", "status": "completed"}
    assert found["input_data"] == {"name": "Ann"}
    assert found["context"]["user_id"] == api.place.user_id
    assert found["context"]["variables"] == {"greeting": "Hi"}
    assert found["context"]["state"] == {"hello": {"text": "Hello Ann"}, "again": {"text": "Hello Ann!"}}
    assert found["context_data"] == found["context"]
    assert found["current_node"] == found["current_step_id"] == "again"
    assert found["created_at"] <= found["started_at"] <= found["completed_at"] == found["updated_at"]
    assert found["idempotency_key"] == sha256(found["id"].encode()).hexdigest()
    assert found["trigger_type"] == "api_call"
    assert found["version"] is None
    assert found["duration"] == found["duration_seconds"] >= 0
    assert [step["output"] for step in found["steps"]] == [{"text": "Hello Ann"}, {"text": "Hello Ann!"}]
    assert [(line["level"], line["message"], line["step_id"]) for line in found["execution_logs"]] == [
        ("INFO", "Step “hello” started.", "hello"),
        ("INFO", "echo Hello Ann", "hello"),
        ("INFO", "Step “hello” completed.", "hello"),
        ("INFO", "Step “again” started.", "again"),
        ("INFO", "echo Hello Ann!", "again"),
        ("INFO", "Step “again” completed.", "again"),
    ]
    assert found["execution_logs"] == api.get(f"/executions/{answer['execution_id']}/logs/")["results"]
    assert {line["step_name"] for line in found["execution_logs"]} == {"hello", "again"}


def test_execute_in_the_background(api: Api, worker: None) -> None:
    path = made(api)
    answer = api.post(f"{path}execute", None, 202)
    assert answer["async"] is True
    assert set(answer) == {"message", "task_id", "execution_id", "async"}
    one = f"{path}executions/{answer['execution_id']}/"
    ended = wait_until(lambda: api.get(one)["status"] not in ("pending", "running") and api.get(one))
    assert ended["status"] == "failed"  # there is no input.name
    assert "name" in ended["error_message"]
    assert ended["failure_count"] == 1


def test_failed_execution_answers_with_its_error(api: Api, worker: None) -> None:
    path = made(api, steps=[{"step_id": "no", "action_type": "test_fail", "params": {"text": "out of luck"}}])
    answer = api.post(f"{path}execute/", {"async_execution": False})
    assert answer["status"] == "failed"
    assert "out of luck" in answer["error_message"]


def test_repeated_key_gives_the_first_execution(api: Api) -> None:
    path = made(api)
    first = api.post(f"{path}execute/", {}, 202, headers={"Idempotency-Key": "k1"})
    assert api.post(f"{path}execute/", {"idempotency_key": "k1"}, 202)["execution_id"] == first["execution_id"]
    assert api.post(f"{path}execute/", {}, 202)["execution_id"] != first["execution_id"]
    shown = api.get(f"/executions/{first['execution_id']}/")
    assert shown["idempotency_key"] == sha256(f"{shown['workflow']}\n\nk1".encode()).hexdigest()


@pytest.mark.parametrize("other", [{"input_data": {"name": "Bob"}}, {"input_data": [1]}, {"context": {"a": 2}}])
def test_a_repeated_key_with_another_body_is_refused(api: Api, other: Any) -> None:
    path, key = made(api), {"Idempotency-Key": "k1"}
    body = {"input_data": {"name": "Ann"}, "context": {"a": 1}}
    first = api.post(f"{path}execute/", body, 202, headers=key)
    assert api.post(f"{path}execute/", body, 202, headers=key)["execution_id"] == first["execution_id"]
    refused = api.post(f"{path}execute/", {**body, **other}, 409, headers=key)
    assert "already used with another body" in refused["detail"]
    assert api.get("/executions/")["count"] == 1


def asking(*kinds: str) -> dict[str, Any]:
    """Triggers that ask for an amount above 100."""
    conditions = {"all": [{"field": "input.amount", "operator": ">", "value": 100}]}
    return {"triggers": [{"trigger_type": kind, "config": {}, "conditions": conditions} for kind in kinds]}


@pytest.mark.parametrize("kinds", [("manual",), ("api_call",), ("manual", "api_call")])
@pytest.mark.parametrize("status", ["draft", "active"])
def test_conditions_of_its_trigger_hold_for_execute(api: Api, worker: None, kinds: Any, status: str) -> None:
    path = made(api, **asking(*kinds), status=status)
    for waits in (True, False):
        small = {"input_data": {"name": "Ann", "amount": 7}, "async_execution": waits}
        refused = api.post(f"{path}execute/", small, 202 if waits else 200)
        assert refused["status"] == "skipped"
    assert "conditions of its trigger were not met" in api.post(f"{path}execute/", {}, 202)["message"]
    skipped = api.get(f"/executions/{refused['execution_id']}/")
    assert (skipped["status"], skipped["trigger_type"], skipped["steps"]) == ("skipped", "api_call", [])
    assert skipped["context"]["skipped_because"][0]["field"] == "input.amount"
    large = {"input_data": {"name": "Ann", "amount": 700}, "async_execution": False}
    assert api.post(f"{path}execute/", large)["status"] == "completed"
    again = api.post(f"/executions/{skipped['id']}/retry/", {}, 202)
    wait_until(lambda: api.get(f"/executions/{again['id']}/")["status"] == "completed", message="a person said so")
    assert again["trigger_type"] == "api_call"


def test_one_of_several_triggers_is_enough(api: Api) -> None:
    triggers = asking("api_call")["triggers"] + [
        {"trigger_type": "api_call", "config": {}, "key": "two", "conditions": {"field": "input.vip", "operator": "==", "value": True}},
    ]  # fmt: skip
    path = made(api, triggers=triggers)
    answers = [
        api.post(f"{path}execute/", {"input_data": given}, 202) for given in ({"vip": True}, {"amount": 101}, {})
    ]
    assert [answer.get("status") for answer in answers] == [None, None, "skipped"]
    off = made(api, triggers=[{**asking("manual")["triggers"][0], "is_active": False}])
    assert api.post(f"{off}execute/", {}, 202).get("status") is None


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"input": {}}, "input"),
        ({"async_execution": "perhaps"}, "async_execution"),
        ({"trigger_entity_id": "x" * 65}, "trigger_entity_id"),
        ({"trigger_entity_id": []}, "trigger_entity_id"),
        ({"trigger_entity_type": 5}, "trigger_entity_type"),
        ({"context": []}, "context"),
        ({"idempotency_key": ""}, "idempotency_key"),
    ],
)
def test_bad_execute_bodies(api: Api, body: dict[str, Any], path: str) -> None:
    workflow = made(api)
    errors = api.post(f"{workflow}execute/", body, 422)["errors"]
    assert path in [problem["path"] for problem in errors]
    assert api.get("/executions/")["count"] == 0


def test_a_draft_with_errors_is_not_run(api: Api) -> None:
    path = made(api, steps=[])
    assert api.post(f"{path}execute/", {}, 422)["errors"][0]["path"] == "steps"


def test_the_published_version_runs(api: Api, worker: None) -> None:
    path = made(api)
    api.post(f"{path}publish/")
    api.patch(path, {"actions": [{"id": "other", "type": "test_fail", "config": {}}]})
    answer = api.post(f"{path}execute/", {"input_data": {"name": "A"}, "async_execution": False})
    assert answer["status"] == "completed"
    assert api.get(f"/executions/{answer['execution_id']}/")["version"] == 1


def test_a_list_is_searched_by_what_executions_are_about(api: Api) -> None:
    one = made(api)
    wanted, _other = (
        api.post(f"{one}execute/", {"input_data": {"email": email}}, 202)["execution_id"]
        for email in ("ann@example.com", "bob@example.com")
    )
    assert [row["id"] for row in api.get("/executions/?search=Ann@Example.com")["results"]] == [wanted]
    assert api.get("/executions/?search=example.com&limit=1")["count"] == 2
    assert [row["id"] for row in api.get(f"/executions/?search={wanted}")["results"]] == [wanted]
    assert api.get(f"{one}executions/?search=nobody")["results"] == []


def test_list_filters_and_pages(api: Api) -> None:
    one, two = made(api), made(api, name="Two")
    ids = [api.post(f"{one}execute/", {}, 202)["execution_id"] for _ in range(3)]
    ann = api.post("/contacts/", {"email": "ann@b.example"}, 201)["id"]
    about = {"trigger_entity_type": "contact", "trigger_entity_id": ann}
    other = api.post(f"{two}execute/", about, 202)["execution_id"]
    page = api.get("/executions/")
    assert [row["id"] for row in page["results"]] == [other, *reversed(ids)]
    assert set(page["results"][0]) == set(ExecutionItemOut.model_fields)
    heavy = {"input_data", "output_data", "context", "context_data", "execution_logs", "execution_path", "steps"}
    assert not heavy & set(page["results"][0])
    assert (page["results"][0]["trigger_entity_type"], page["results"][0]["contact"]) == ("contact", ann)
    assert api.get(f"{two}executions/")["count"] == 1
    assert api.get(f"/executions/?workflow={two.split('/')[2]}")["count"] == 1
    assert api.get("/executions/?workflow=nope")["count"] == 0
    assert api.get("/executions/?status=SUCCESS")["count"] == 0
    assert api.get("/executions/?status=pending,canceled")["count"] == 4
    assert api.get("/executions/?trigger_type=api")["count"] == 4
    assert api.get("/executions/?trigger_type=webhook")["count"] == 0
    api.get("/executions/?status=nope", 422)
    first = api.get("/executions/?limit=3")
    second = api.client.get(first["next"], headers=api.place.headers()).json
    assert [row["id"] for row in second["results"]] == [ids[0]]
    assert second["next"] is None
    back = api.client.get(second["previous"], headers=api.place.headers()).json
    assert back["results"] == first["results"]


def test_cancel(api: Api) -> None:
    path = made(api)
    one = f"/executions/{api.post(f'{path}execute/', {}, 202)['execution_id']}/"
    api.as_("viewer").post(f"{one}cancel/", {}, 403)
    assert api.as_("operator").post(f"{one}cancel/")["status"] == "cancelled"
    api.post(f"{one}cancel/", {}, 409)


def test_logs(api: Api, worker: None) -> None:
    path = made(api)
    ended = api.post(f"{path}execute/", {"input_data": {"name": "Ann"}, "async_execution": False})
    logs = f"/executions/{ended['execution_id']}/logs/"
    lines = api.get(logs)["results"]
    assert "echo Hello Ann" in [line["message"] for line in lines]
    first = api.get(f"{logs}?limit=1")
    assert first["results"] == lines[:1]
    assert api.get(f"{logs}?after={first['next_after']}")["results"] == lines[1:]
    assert api.get(f"{logs}?level=CRITICAL")["results"] == []
    assert api.get(f"{logs}?level=Info")["results"]
    refused = api.get(f"{logs}?level=loud", 422)["errors"]
    assert refused[0]["path"] == "level"
    for level in ("debug", "info", "warning", "error", "critical"):
        assert level in refused[0]["message"]
    assert "^" not in refused[0]["message"] and "?i" not in refused[0]["message"]


def test_stats(api: Api, worker: None) -> None:
    path = made(api)
    for name in ({"name": "A"}, {"name": "B"}, {}):
        api.post(f"{path}execute/", {"input_data": name, "async_execution": False})
    stats = api.get(f"{path}stats/")
    assert StatsOut.model_validate(stats)
    assert (stats["total_executions"], stats["success_count"], stats["failed_count"]) == (3, 2, 1)
    assert stats["success_rate"] == 66.7
    assert stats["avg_duration_seconds"] >= 0
    shown = api.get(path)
    assert (shown["execution_count"], shown["success_count"], shown["success_rate"]) == (3, 2, 66.7)
    assert shown["last_executed_at"] == stats["last_execution"]


def test_another_organization_is_nobody(api: Api, app: Any) -> None:
    with app.app_context():
        other = Api(api.client, make_place("Other"))
    path = made(api)
    execution = api.post(f"{path}execute/", {}, 202)["execution_id"]
    mine = made(other)
    for method, url in (
        ("GET", f"/executions/{execution}/"),
        ("GET", f"/executions/{execution}/logs/"),
        ("POST", f"/executions/{execution}/cancel/"),
        ("GET", f"{mine}executions/{execution}/"),
    ):
        other(method, url, None, 404)
    assert other.get("/executions/")["count"] == 0
    assert other.get(f"/executions/?workflow={path.split('/')[2]}")["count"] == 0
    assert api.get(f"/executions/{execution}/")["status"] == "pending"
