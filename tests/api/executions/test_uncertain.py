"""Attempts of which nobody knows whether they took effect, over the JSON API."""

from __future__ import annotations

from typing import Any

import pytest

from flowapp.api.executions.retry_schemas import UndecidedListOut
from flowapp.catalog import ACTIONS, ActionSpec, Done, Fail, StepContext
from tests.api.conftest import Api
from tests.api.crm.people import EchoParams, workflow_body
from tests.support.processes import wait_until


@pytest.fixture
def lost(api: Api, worker: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """An execution whose first attempt got no answer."""
    tries: list[int] = []

    def send(ctx: StepContext, params: EchoParams) -> Any:
        tries.append(ctx.attempt)
        if len(tries) == 1:
            return Fail("no answer", permanent=True, details={"uncertain": True})
        return Done({"sent": params.text})

    monkeypatch.setitem(
        ACTIONS, "test_send", ActionSpec("test_send", "Send", "", "test", "test", "once", EchoParams, send)
    )
    steps = [
        {"step_id": "send", "action_type": "test_send", "params": {"text": "x"}},
        {"step_id": "after", "action_type": "test_echo", "params": {"text": "{{ steps.send.sent }}"}},
    ]
    workflow_id = api.post("/workflows/", workflow_body(steps=steps), 201)["id"]
    execution_id: str = api.post(f"/workflows/{workflow_id}/execute/", {}, 202)["execution_id"]
    wait_until(lambda: api.get("/executions/uncertain/")["count"])
    return execution_id


def resolved(api: Api, execution_id: str, body: Any) -> Any:
    found = api.get("/executions/uncertain/")
    assert UndecidedListOut.model_validate(found)
    (one,) = found["results"]
    assert (one["execution"], one["step_id"], one["error_message"]) == (execution_id, "send", "no answer")
    path = f"/executions/{execution_id}/steps/{one['seq']}/resolve/"
    api.post(path, body)
    ended = wait_until(
        lambda: (
            api.get(f"/executions/{execution_id}/")["status"] == "completed" and api.get(f"/executions/{execution_id}/")
        )
    )
    api.post(path, body, 409)
    assert api.get("/executions/uncertain/")["count"] == 0
    return ended


def test_it_is_sent_again(api: Api, lost: str) -> None:
    assert resolved(api, lost, {"decision": "resend"})["output_data"] == {"text": "x"}


def test_it_is_treated_as_done(api: Api, lost: str) -> None:
    ended = resolved(api, lost, {"decision": "done", "result": {"sent": "by hand"}})
    assert ended["output_data"] == {"text": "by hand"}


def test_a_wrong_decision_is_named(api: Api, lost: str) -> None:
    seq = api.get("/executions/uncertain/")["results"][0]["seq"]
    assert api.post(f"/executions/{lost}/steps/{seq}/resolve/", {"decision": "maybe"}, 422)
    assert api.post(f"/executions/{lost}/steps/999/resolve/", {"decision": "done"}, 404)
    api.as_("viewer").post(f"/executions/{lost}/steps/{seq}/resolve/", {"decision": "done"}, 403)
