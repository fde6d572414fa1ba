"""Steps that call web services: what is refused when they are saved, and what when they are published."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Api


def call(**params: Any) -> dict[str, Any]:
    return {"step_id": "call", "action_type": "send_webhook", "params": {"url": "{{ input.url }}", **params}}


@pytest.mark.parametrize(
    "params",
    [
        {"json": '{"name": "Zoé"'},
        {"body": "{name: 1}", "headers": {"content-type": "application/json; charset=utf-8"}},
        {"body": "", "json": "[1,]"},
    ],
)
def test_json_that_is_none_is_not_saved(api: Api, params: dict[str, Any]) -> None:
    (problem,) = api.post("/workflows/", {"name": "W", "steps": [call(**params)]}, 422)["errors"]
    assert "is not valid JSON" in problem["message"]


def test_an_answer_that_is_called_json_is_json(api: Api) -> None:
    step = {
        "step_id": "answer",
        "action_type": "respond",
        "params": {"headers": {"Content-Type": "application/json"}, "body": "{no JSON}"},
    }
    (problem,) = api.post("/workflows/", {"name": "W", "steps": [step]}, 422)["errors"]
    assert "is not valid JSON" in problem["message"]
    step["params"]["body"] = '{"name": {{ input.name | tojson }}}'
    api.post("/workflows/", {"name": "W", "steps": [step]}, 201)


@pytest.mark.parametrize(
    "params", [{"json": '{"name": "{{ input.name }}"}'}, {"json": '{"name": "Zoé"}'}, {"body": "{name: 1}"}]
)
def test_json_that_may_be_some_is_saved(api: Api, params: dict[str, Any]) -> None:
    api.post("/workflows/", {"name": "W", "steps": [call(**params)]}, 201)


@pytest.mark.parametrize("status", [204, "205", 304])
def test_a_body_that_no_answer_of_this_status_has_is_refused_at_publish(api: Api, status: Any) -> None:
    step = {"step_id": "answer", "action_type": "respond", "params": {"status": status, "body": "x"}}
    workflow = api.post("/workflows/", {"name": "W", "steps": [step]}, 201)["id"]
    (error,) = api.post(f"/workflows/{workflow}/validate/")["errors"]
    assert (
        error["message"]
        == f"A response with the status {status} cannot have a body: remove it, or choose another status."
    )


@pytest.mark.parametrize("body", [{"json": {"a": 1}}, {"form": {"a": "1"}}, {"body": "x"}])
@pytest.mark.parametrize("method", ["GET", "head"])
def test_a_body_that_would_not_be_sent_is_refused_at_publish(api: Api, method: str, body: dict[str, Any]) -> None:
    workflow = api.post("/workflows/", {"name": "W", "steps": [call(method=method, **body)]}, 201)["id"]
    found = api.post(f"/workflows/{workflow}/validate/")
    assert [error["message"] for error in found["errors"]] == [
        f"A {method.upper()} request cannot have a body: choose another method, or remove the body."
    ]
    assert api("POST", f"/workflows/{workflow}/activate/").status_code in (409, 422)
    api.patch(f"/workflows/{workflow}/", {"steps": [call(method="POST", **body)]})
    api.post(f"/workflows/{workflow}/activate/")
