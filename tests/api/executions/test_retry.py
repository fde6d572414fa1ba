"""Running executions again over the JSON API, and why they failed."""

from __future__ import annotations

from typing import Any

import pytest

from flowapp.api.executions.retry_schemas import FailuresOut
from flowapp.api.schemas import ExecutionOut
from tests.api.conftest import Api
from tests.api.crm.people import workflow_body
from tests.support.processes import wait_until

STEPS = [
    {"step_id": "hello", "action_type": "test_echo", "params": {"text": "Hello {{ input.name }}"}},
    {"step_id": "broken", "name": "Broken", "action_type": "test_fail", "params": {"text": "out of luck"}},
]


def failed(api: Api, count: int = 1, **changes: Any) -> tuple[str, list[str]]:
    """A workflow and its failed executions."""
    workflow_id = api.post("/workflows/", workflow_body(steps=STEPS, **changes), 201)["id"]
    body = {"input_data": {"name": "Ann"}, "async_execution": False}
    return workflow_id, [
        api.post(f"/workflows/{workflow_id}/execute/", body)["execution_id"] for _ in range(count)
    ]  # fmt: skip


def ended(api: Api, execution_id: str) -> Any:
    def look() -> Any:
        found = api.get(f"/executions/{execution_id}/")
        return found if found["status"] not in ("pending", "running") else None

    return wait_until(look)


def test_a_failed_execution_goes_on_at_its_step(api: Api, worker: None) -> None:
    _, (old,) = failed(api)
    new = api.post(f"/executions/{old}/retry/", None, 202)
    assert ExecutionOut.model_validate(new)
    assert (new["retry_of"], new["replay"], new["is_test"]) == (old, None, False)
    again = ended(api, new["id"])
    assert (again["status"], again["input_data"]) == ("failed", {"name": "Ann"})
    assert [(s["step_id"], s["status"], s["source"]) for s in again["steps"]] == [
        ("hello", "completed", "reused"),
        ("broken", "failed", ""),
    ]
    assert not [line for line in again["execution_logs"] if line["step_id"] == "hello"]


def test_from_the_start_with_another_input(api: Api, worker: None) -> None:
    _, (old,) = failed(api)
    body = {"from": "start", "version": "newest", "input_data": {"name": "Bob"}}
    again = ended(api, api.post(f"/executions/{old}/retry", body, 202)["id"])
    assert again["steps"][0]["output"] == {"text": "Hello Bob"}
    assert "echo Hello Bob" in [line["message"] for line in again["execution_logs"]]


@pytest.mark.parametrize(
    ("body", "path"), [({"from": "middle"}, "from"), ({"version": "oldest"}, "version"), ({"when": "now"}, "when")]
)
def test_wrong_choices_are_named(api: Api, worker: None, body: Any, path: str) -> None:
    _, (old,) = failed(api)
    assert api.post(f"/executions/{old}/retry/", body, 422)["errors"][0]["path"] == path


def test_what_cannot_be_repeated_is_refused(api: Api) -> None:
    workflow_id = api.post("/workflows/", workflow_body(), 201)["id"]
    pending = api.post(f"/workflows/{workflow_id}/execute/", {}, 202)["execution_id"]
    assert "has not ended" in api.post(f"/executions/{pending}/retry/", None, 409)["detail"]
    api.post(f"/executions/{pending}/cancel/")
    assert "from the start" in api.post(f"/executions/{pending}/retry/", {"from": "failed"}, 409)["detail"]
    assert api.post(f"/executions/{pending}/retry/", None, 202)["status"] == "pending"


def test_failures_are_grouped_by_reason(api: Api, worker: None) -> None:
    workflow_id, ids = failed(api, 3)
    other, _ = failed(api, 1, name="Other")
    found = api.get("/executions/failures/")
    assert FailuresOut.model_validate(found)
    assert [(g["workflow"], g["count"]) for g in found["results"]] == [(other, 1), (workflow_id, 3)]
    group = found["results"][1]
    assert (group["execution"], group["step_id"], group["step_name"]) == (ids[-1], "broken", "Broken")
    assert "out of luck" in group["error_message"]
    assert group["first_at"] < group["last_at"]
    assert api.get(f"/executions/failures/?workflow={other}")["count"] == 1
    assert api.get("/executions/failures/?workflow=x")["count"] == 0
    assert api("GET", "/executions/failures/?days=0").status_code == 422
