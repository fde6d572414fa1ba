"""A credential typed into a step: sealed where it is stored, shown to nobody, and sent where the step runs."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import Field
from sqlalchemy import text

from flowapp import workflows
from flowapp.catalog import ACTIONS, ActionSpec, Done, Params, StepContext, ui
from flowapp.engine.graph import edit
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.security.credentials import SHOWN
from flowapp.tasks import runtime
from flowapp.tasks import test_step as try_step
from tests.api.conftest import Api
from tests.support.servers.sink import Sink

KEY = "Bearer hunter2-hunter2"
STORED = ("workflows.draft", "versions.definition", "step_runs.input", "step_runs.output", "log_lines.message")


def body(url: str, **changes: Any) -> dict[str, Any]:
    params = {
        "url": url,
        "json": {"who": "Ann", "login": {"api_key": "k-hunter2"}},
        "headers": {"Authorization": KEY, "X-Api-Key": "{{ variables.key }}", "X-Plain": "seen"},
    }
    step = {"step_id": "call", "action_type": "webhook", "params": {**params, **changes}}
    return {"name": "Caller", "variables": {"key": "from-variables"}, "steps": [step], "triggers": []}


def stored() -> str:
    """Everything that the database holds of workflows and executions, as text."""
    found = []
    with system_session(runtime().engine) as session:
        for place in STORED:
            table, column = place.split(".")
            found += [str(value) for value in session.scalars(text(f"SELECT {column} FROM {table}"))]
    return "\n".join(found)


def headers_of(api: Api, workflow_id: str) -> Any:
    return api.as_("viewer").get(f"/workflows/{workflow_id}/")["steps"][0]["params"]["headers"]


def run(api: Api, workflow_id: str) -> Any:
    ended = api.post(f"/workflows/{workflow_id}/execute/", {"async_execution": False})
    assert ended["status"] == "completed", ended
    return ended


def test_it_is_sealed_hidden_and_sent(api: Api, sink: Sink, worker: None) -> None:
    made = api.post("/workflows/", body(sink.url()), 201)
    assert headers_of(api, made["id"]) == {
        "Authorization": SHOWN,
        "X-Api-Key": "{{ variables.key }}",
        "X-Plain": "seen",
    }
    api.post(f"/workflows/{made['id']}/activate/")
    ended = run(api, made["id"])
    (sent,) = sink.wait_for(1)
    assert (sent.headers["Authorization"], sent.headers["X-Api-Key"]) == (KEY, "from-variables")
    assert sent.json == {"who": "Ann", "login": {"api_key": "k-hunter2"}}
    assert "hunter2" not in stored() and "seen" in stored()
    assert "hunter2" not in api("GET", f"/executions/{ended['execution_id']}/", status=200).text


def test_the_hidden_value_keeps_what_is_stored(api: Api, sink: Sink, worker: None) -> None:
    made = api.post("/workflows/", body(sink.url()), 201)
    before = stored()
    path = f"/workflows/{made['id']}/"
    shown = api.get(path)["steps"]
    api.patch(path, {"steps": shown})
    assert stored() == before
    shown[0]["params"]["headers"]["X-Plain"] = "new"
    api.patch(path, {"steps": shown})
    api.patch(path, {"name": "Other"})
    run(api, made["id"])
    (sent,) = sink.wait_for(1)
    assert (sent.headers["Authorization"], sent.headers["X-Plain"]) == (KEY, "new")


@pytest.mark.parametrize("value", [SHOWN, {"$secret": "made-up"}])
@pytest.mark.parametrize("name", ["Authorization", "X-Plain"])
def test_nothing_stored_cannot_be_kept(api: Api, name: str, value: Any) -> None:
    answer = api.post("/workflows/", body("https://example.com", headers={name: value}), 422)
    assert [p["path"] for p in answer["errors"]] == [f"steps.0.params.headers.{name}"]


@pytest.mark.parametrize("value", ["Bearer {{ variables.key }}", "{{ variables.key }}", "session={{ variables.key }}"])
def test_an_expression_is_no_secret(api: Api, value: str) -> None:
    made = api.post("/workflows/", body("https://example.com", headers={"Cookie": value}), 201)
    assert headers_of(api, made["id"]) == {"Cookie": value}


def test_a_copy_keeps_them(api: Api, sink: Sink, worker: None) -> None:
    made = api.post("/workflows/", body(sink.url()), 201)
    copy = api.post(f"/workflows/{made['id']}/duplicate/", {}, 201)
    run(api, copy["id"])
    assert sink.wait_for(1)[0].headers["Authorization"] == KEY


def test_a_copied_step_keeps_them(app: Any, api: Api, sink: Sink, worker: None) -> None:
    made = api.post("/workflows/", body(sink.url()), 201)
    with app.app_context(), tenant_session(runtime().engine, api.place.id) as session:
        workflow = workflows.get(session, made["id"])
        copied = edit.duplicate(workflow.draft, "call", "Again")
        workflows.save_draft(session, workflow, copied, actor_id=None)
        session.commit()
    run(api, made["id"])
    assert [sent.headers["Authorization"] for sent in sink.wait_for(2)] == [KEY, KEY]


def test_trying_a_step_opens_them(api: Api, sink: Sink) -> None:
    made = api.post("/workflows/", body(sink.url()), 201)
    shown = api.get(f"/workflows/{made['id']}/")
    definition = {name: shown[name] for name in ("name", "variables", "steps", "edges")}
    definition["steps"] = [
        {k: v for k, v in step.items() if k in ("step_id", "name", "order", "action_type", "params")}
        for step in shown["steps"]
    ]
    result = try_step(api.place.id, made["id"], definition, "call", {}, {}, None)
    assert result["status"] == "completed", result
    assert sink.wait_for(1)[0].headers["Authorization"] == KEY
    assert "hunter2" not in str(result["input"])
    definition["steps"][0]["step_id"] = "other"
    refused = try_step(api.place.id, made["id"], definition, "other", {}, {}, None)
    assert refused["status"] == "failed" and len(sink.requests) == 1


class PinParams(Params):
    pin: str = Field("", min_length=4, json_schema_extra=ui("PIN", widget="secret"))
    note: str = ""


def test_a_secret_field(api: Api, monkeypatch: pytest.MonkeyPatch, worker: None) -> None:
    got = []

    def take(_ctx: StepContext, params: PinParams) -> Done:
        got.append(params.pin)
        return Done({})

    spec = ActionSpec("test_pin", "Pin", "", "test", "test", "pure", PinParams, take)
    monkeypatch.setitem(ACTIONS, "test_pin", spec)
    step = {"step_id": "pin", "action_type": "test_pin", "params": {"pin": "hunter2", "note": "{{ variables.key }}"}}
    made = api.post("/workflows/", {"name": "Pin", "variables": {"key": "x"}, "steps": [step], "triggers": []}, 201)
    assert api.get(f"/workflows/{made['id']}/")["steps"][0]["params"]["pin"] == SHOWN
    run(api, made["id"])
    assert got == ["hunter2"]
    assert "hunter2" not in stored()
