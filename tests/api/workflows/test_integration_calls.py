"""Steps that use connectors, run by a worker against doubles of the services."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from flowapp.engine.machine import state
from tests.api.conftest import Api
from tests.api.workflows.test_stored_defaults import connect
from tests.support.processes import wait_until
from tests.support.servers.sink import Answer, Received, Sink
from tests.support.servers.vendor import Vendor, reroute

SLACK = Path(__file__).parents[2] / "connectors" / "slack" / "api.yaml"
# As the reference has it (A, “Workflow de Contact”).
SEND_SLACK = {
    "id": "send_slack",
    "action": "integration_call",
    "integration": "slack",
    "params": {"channel": "#sales", "message": "Nouveau contact: {{form_data.name}}"},
}


@pytest.fixture
def slack(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> Vendor:
    reroute(monkeypatch, {"https://slack.com": sink.url("")})
    return Vendor.of(sink, SLACK)


@pytest.fixture
def slack_account(app: Any, api: Api) -> Iterator[str]:
    with app.app_context():
        yield connect(api, {}, "slack", token="xoxb-1234-secret")


def ended(api: Api, steps: list[dict[str, Any]], data: dict[str, Any]) -> Any:
    made = api.post("/workflows/", {"name": "W", "trigger": {"type": "manual"}, "steps": steps}, 201)
    return api.post(f"/workflows/{made['id']}/execute/", {"async_execution": False, "input_data": data})


DATA = {"form_data": {"name": "Zoë"}}


@pytest.mark.usefixtures("worker", "slack_account")
def test_the_slack_step_of_the_reference(api: Api, slack: Vendor) -> None:
    done = ended(
        api, [SEND_SLACK, {"id": "say", "action": "log", "params": {"message": "{{steps.send_slack.ts}}"}}], DATA
    )
    assert done["status"] == "completed", done
    assert [one.json for one in slack.sink.requests] == [{"channel": "#sales", "text": "Nouveau contact: Zoë"}]
    lines = api.get(f"/executions/{done['execution_id']}/logs/")["results"]
    assert any(line["message"] == "1503435956.000247" for line in lines), "a result stands at the top level"


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("named", ["shop", "SLACK", "slack", "id"])
def test_an_integration_is_found_by_id_name_or_type(api: Api, slack: Vendor, slack_account: str, named: str) -> None:
    reference = slack_account if named == "id" else named
    params = {"integration": reference, "action": "send_message", "params": {"channel": "#x", "text": "{{input.text}}"}}
    done = ended(api, [{"id": "s", "action": "integration_call", "params": params}], {"text": "hi"})
    assert done["status"] == "completed", done
    assert slack.sink.requests[0].json == {"channel": "#x", "text": "hi"}


@pytest.mark.usefixtures("worker", "slack_account")
@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"channel": "#x", "mesage": "y"}, "mesage: There is no field “mesage” here. Did you mean “message”?"),
        ({"channel": "#x"}, "message: This field is required."),
        ({"action": "dance"}, "“Slack” has no action “dance”"),
    ],
)
def test_wrong_params_fail_the_step_with_the_name(api: Api, slack: Vendor, params: dict[str, str], told: str) -> None:
    """Of an integration that is known in the execution only: any other is checked before it is published."""
    step = {"id": "s", "action": "integration_call", "integration": "{{input.which}}", "params": params}
    done = ended(api, [step], {"which": "shop"})
    assert done["status"] == "failed"
    execution = api.get(f"/executions/{done['execution_id']}/")
    assert told in execution["error_message"]
    assert slack.sink.requests == []


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("status", [500, 503, 504])
def test_call_external_api_is_tried_three_times_more(app: Any, api: Api, sink: Sink, status: int) -> None:
    with app.app_context():
        connect(api, {"base_url": sink.url("/v1")}, "api", secret="t0ken-of-the-service")
    sink.answers.extend([Answer(status, b"{}")] * 3)
    step = {
        "step_id": "call_external_api", "action": "call_external_api", "on_error": "retry", "retry_count": 3, "retry_delay": 0,
        "params": {"integration": "shop", "path": "/orders", "data": {"n": "{{input.n}}"}},
    }  # fmt: skip
    done = ended(api, [step], {"n": 5})
    assert done["status"] == "completed", done
    assert [(one.method, one.path, one.json) for one in sink.requests] == [("POST", "/v1/orders", {"n": 5})] * 4
    assert len({one.headers["Idempotency-Key"] for one in sink.requests}) == 1


@pytest.mark.usefixtures("worker", "slack_account")
def test_what_a_gateway_answered_is_not_sent_again_whatever_the_policy(api: Api, slack: Vendor) -> None:
    """Slack may have the message: a person decides."""
    slack.answers["POST /api/chat.postMessage"] = lambda _received: Answer(504, b"<html>Gateway timeout</html>")
    step = {**SEND_SLACK, "on_error": "retry", "retry_count": 3, "retry_delay": 0}
    made = api.post("/workflows/", {"name": "W", "trigger": {"type": "manual"}, "steps": [step]}, 201)
    api.post(f"/workflows/{made['id']}/execute/", {"input_data": DATA}, 202)
    wait_until(lambda: api.get("/executions/uncertain/")["count"])
    [undecided] = api.get("/executions/uncertain/")["results"]
    assert "504" in undecided["error_message"]
    assert slack.called == ["POST /api/chat.postMessage"]


@pytest.mark.usefixtures("worker", "slack_account")
def test_a_service_that_has_no_time_fails_no_step(api: Api, slack: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """429: the step, which is not to be retried by its policy, runs again when the time is over."""
    monkeypatch.setattr(state, "BUSY_DELAY", 0)
    answers = iter([Answer(429, b'{"ok": false, "error": "ratelimited"}')])
    fine = Answer(200, json.dumps({"ok": True, "ts": "1.2", "channel": "C1"}).encode())
    slack.answers["POST /api/chat.postMessage"] = lambda _received: next(answers, fine)
    done = ended(api, [SEND_SLACK], DATA)
    assert done["status"] == "completed", done
    assert slack.called == ["POST /api/chat.postMessage"] * 2
    lines = [line["message"] for line in api.get(f"/executions/{done['execution_id']}/logs/")["results"]]
    assert any("It waits for its turn and goes on in" in line for line in lines)


@pytest.mark.usefixtures("worker", "slack_account")
def test_a_service_that_has_no_time_for_the_next_page_is_asked_for_that_one_again(
    api: Api, slack: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "BUSY_DELAY", 0)
    asked: list[str] = []

    def pages(received: Received) -> Answer:
        cursor = dict(parse_qsl(urlsplit(received.path).query)).get("cursor", "")
        asked.append(cursor)
        if len(asked) == 3:
            return Answer(429, b'{"ok": false, "error": "ratelimited"}')
        here = int(cursor or 0)
        following = {"next_cursor": str(here + 1) if here < 3 else ""}
        body = {"ok": True, "channels": [{"id": f"C{here}", "name": "x"}], "response_metadata": following}
        return Answer(200, json.dumps(body).encode())

    slack.answers["GET /api/conversations.list"] = pages
    done = ended(api, [{"id": "direct", "action": "slack_list_channels"}], DATA)
    assert done["status"] == "completed", done
    assert asked == ["", "1", "2", "2", "3"]


@pytest.mark.usefixtures("slack_account")
def test_a_simulation_answers_with_the_sample(api: Api, slack: Vendor) -> None:
    steps = [
        SEND_SLACK,
        {"id": "direct", "action": "slack_list_channels"},
        {
            "id": "t",
            "action": "log",
            "params": {"message": "{{steps.send_slack.channel}} {{steps.direct.channels[0].name}}"},
        },
    ]
    made = api.post("/workflows/", {"name": "W", "trigger": {"type": "manual"}, "steps": steps}, 201)
    found = api.post(f"/workflows/{made['id']}/simulate/", {"input_data": DATA})
    assert found["status"] == "completed", found
    assert "C0123456789 sales" in [line["message"] for line in found["logs"]]
    assert next(call["url"] for call in found["calls"]) == "https://slack.com/api/chat.postMessage"
    assert slack.sink.requests == []


def test_the_catalog_lists_what_the_manifest_says(api: Api) -> None:
    catalog = api.get("/catalog/")
    [action] = [one for one in catalog["actions"] if one["type"] == "slack_send_message"]
    assert (action["label"], action["group"], action["effect"]) == ("Send a message", "Slack", "once")
    assert set(action["schema"]["properties"]) == {"integration", "channel", "message", "blocks"}
    [connector] = [one for one in catalog["connectors"] if one["type"] == "slack"]
    assert connector["default_action"] == "slack_send_message"
    assert "slack_custom_call" in connector["actions"]


MESSAGE = {"channel": "#x", "message": "y"}


@pytest.mark.parametrize("named", ["Shop", "slack", "id"])
@pytest.mark.parametrize(
    ("params", "path", "told"),
    [
        ({"params": {**MESSAGE, "json": "{"}}, "params.params.json", "There is no field “json” here."),
        ({**MESSAGE, "priority": 1}, "params.priority", "Available: blocks, channel, integration, message."),
        ({"params": {"channel": "{{input.x}}"}}, "params.params.message", "This field is required."),
        ({"params": MESSAGE, "action": "dance"}, "params.action", "“Slack” has no action “dance”"),
    ],
)
def test_params_that_fail_every_run_are_told_before_publishing(
    api: Api, slack_account: str, named: str, params: dict[str, Any], path: str, told: str
) -> None:
    reference = slack_account if named == "id" else named
    step = {"step_id": "s", "action_type": "integration_call", "params": {"integration": reference, **params}}
    made = api.post("/workflows/", {"name": "W", "trigger": {"type": "manual"}, "steps": [step]}, 201)
    errors = api.post(f"/workflows/{made['id']}/validate/")["errors"]
    assert [one["path"] for one in errors] == [f"steps.0.{path}"]
    assert told in errors[0]["message"]


@pytest.mark.usefixtures("slack_account")
@pytest.mark.parametrize(
    "params",
    [
        {"integration": "Shop", "params": "{{ input.all }}"},
        {"integration": "Shop", "action": "{{ input.do }}", "params": {"anything": 1}},
        {"integration": "{{ input.which }}", "params": {"anything": 1}},
        {"integration": "Shop", "channel": "#x", "params": {"text": "{{ input.text }}"}},
    ],
)
def test_what_only_the_execution_knows_can_be_published(api: Api, params: dict[str, Any]) -> None:
    step = {"step_id": "s", "action_type": "integration_call", "params": params}
    made = api.post("/workflows/", {"name": "W", "trigger": {"type": "manual"}, "steps": [step]}, 201)
    assert api.post(f"/workflows/{made['id']}/validate/")["errors"] == []


def test_an_unknown_integration_is_told_before_publishing(api: Api) -> None:
    made = api.post("/workflows/", {"name": "W", "trigger": {"type": "manual"}, "steps": [SEND_SLACK]}, 201)
    found = api.post(f"/workflows/{made['id']}/validate/")
    assert any("There is no integration “slack”" in problem["message"] for problem in found["errors"]), found
