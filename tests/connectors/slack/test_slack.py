"""Slack, each action against a double that takes what Slack's reference names, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from flowapp.catalog import CONNECTORS, open_integration
from flowapp.errors import StepError
from flowapp.security.egress import SafeHttp
from tests.actions.conftest import Bench
from tests.support.servers.sink import Answer, Received, Sink
from tests.support.servers.vendor import Vendor, reroute

TOKEN, HOOK = "xoxb-1234-secret", "https://hooks.slack.com/services/T1/B1/s3cr3t"


@pytest.fixture
def slack(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> Vendor:
    reroute(monkeypatch, {"https://slack.com": sink.url(""), "https://hooks.slack.com": sink.url("")})
    return Vendor.of(sink, Path(__file__).parent / "api.yaml")


def account(**credentials: str) -> Any:
    given = {"token": TOKEN, "webhook_url": HOOK, **credentials}
    return open_integration("slack", id="1", name="Our Slack", config={}, credentials=given)


@pytest.fixture
def run(slack: Vendor) -> Bench:
    del slack  # its calls are rerouted
    return Bench(integrations={"slack": account()})


def test_a_message_with_blocks(run: Bench, slack: Vendor) -> None:
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "*New*"}}]
    done: Any = run(
        "slack_send_message", {"name": "Zoë"}, channel="#sales", message="New: {{ input.name }}", blocks=blocks
    )
    assert done.result == {"ts": "1503435956.000247", "channel": "C024BE91L"}
    assert slack.sink.requests[0].json == {"channel": "#sales", "text": "New: Zoë", "blocks": blocks}
    run("slack_send_message", channel="#sales", text="by its other name", blocks=json.dumps(blocks))
    assert slack.sink.requests[1].json["blocks"] == blocks
    assert not slack.refused


def test_a_reply_in_a_thread(run: Bench, slack: Vendor) -> None:
    run("slack_reply", channel="C1", thread="1.2", message="Done", also_in_channel=True)
    run("slack_reply", channel="C1", thread_ts="1.2", message="Done")
    whole = {"channel": "C1", "thread_ts": "1.2", "text": "Done", "reply_broadcast": True}
    assert [one.json for one in slack.sink.requests] == [whole, whole | {"reply_broadcast": False}]


def test_changing_a_message(run: Bench, slack: Vendor) -> None:
    done: Any = run("slack_update_message", channel="C1", ts="1.2", message="Changed")
    assert done.result["ts"] == "1503435956.000247"
    assert slack.sink.requests[0].json == {"channel": "C1", "ts": "1.2", "text": "Changed"}


def test_finding_a_person_by_the_address(run: Bench, slack: Vendor) -> None:
    done: Any = run("slack_find_user", email="spengler+x@ghostbusters.example.com")
    assert (done.result["user_id"], done.result["name"]) == ("W012A3CDE", "Egon Spengler")
    assert slack.sink.requests[0].path == "/api/users.lookupByEmail?email=spengler%2Bx%40ghostbusters.example.com"


def test_all_pages_of_channels(run: Bench, slack: Vendor) -> None:
    def page(received: Received) -> Answer:
        cursor = parse_qs(urlsplit(received.path).query).get("cursor", ["0"])[0]
        following = {"0": "1", "1": "2"}.get(cursor, "")
        body = {"ok": True, "channels": [{"id": f"C{cursor}"}], "response_metadata": {"next_cursor": following}}
        return Answer(200, json.dumps(body).encode())

    slack.answers["GET /api/conversations.list"] = page
    done: Any = run("slack_list_channels")
    assert done.result == {"channels": [{"id": "C0"}, {"id": "C1"}, {"id": "C2"}], "count": 3, "more": False}
    assert not slack.refused


def test_an_incoming_webhook_needs_no_token_and_gets_none(slack: Vendor) -> None:
    run = Bench(integrations={"slack": account(token="")})
    done: Any = run("slack_send_by_webhook", message="Hello")
    assert done.result == {"answer": "ok"}
    assert slack.sink.requests[0].json == {"text": "Hello"}
    assert "Authorization" not in slack.sink.requests[0].headers


@pytest.mark.parametrize(
    ("error", "told", "permanent"),
    [
        ("channel_not_found", "no open channel of this name", True),
        ("not_in_channel", "Enter /invite", True),
        ("invalid_auth", "enter a new one", True),
        ("internal_error", "has a problem of its own", False),
        ("msg_too_long", "refused “Send a message”: msg_too_long", True),
    ],
)
def test_an_answer_of_200_that_says_no_fails_the_step(
    run: Bench, slack: Vendor, error: str, told: str, permanent: bool
) -> None:
    refusal = Answer(200, json.dumps({"ok": False, "error": error}).encode())
    slack.answers["POST /api/chat.postMessage"] = lambda _received: refusal
    with pytest.raises(StepError, match=told) as caught:
        run("slack_send_message", channel="#x", message="y")
    assert error in caught.value.message
    assert caught.value.permanent is permanent


def test_a_missing_scope_is_named(run: Bench, slack: Vendor) -> None:
    body = {"ok": False, "error": "missing_scope", "needed": "chat:write", "provided": "users:read"}
    slack.answers["POST /api/chat.postMessage"] = lambda _received: Answer(200, json.dumps(body).encode())
    with pytest.raises(StepError, match="lacks the scope “chat:write”"):
        run("slack_send_message", channel="#x", message="y")


def test_a_wrong_field_name_and_a_wrong_token_are_refused_by_the_double(run: Bench, slack: Vendor) -> None:
    with pytest.raises(StepError, match="unknown_field chanel"):
        run("slack_custom_call", method="POST", path="/chat.postMessage", json={"chanel": "#x"})
    wrong = Bench(integrations={"slack": account(token="xoxb-other")})
    with pytest.raises(StepError, match="does not accept the token"):
        wrong("slack_send_message", channel="#x", message="y")
    assert slack.refused == [
        "POST /api/chat.postMessage: unknown_field chanel",
        "POST /api/chat.postMessage: invalid_auth",
    ]


@pytest.fixture
def tried(slack: Vendor) -> Callable[..., str]:
    del slack

    def attempt(**credentials: str) -> str:
        spec = CONNECTORS["slack"]
        config, secrets = spec.read({}, credentials)
        return spec.test(config, secrets, SimpleNamespace(http=SafeHttp(("127.0.0.1",))))

    return attempt


def test_the_test_says_who_is_connected(tried: Callable[..., str], slack: Vendor) -> None:
    slack.answers["POST /services/T1/B1/s3cr3t"] = lambda _received: Answer(200)
    assert tried(token=TOKEN) == "Connected to Acme as flowapp."
    with pytest.raises(StepError, match="does not accept the token"):
        tried(token="xoxb-wrong")
    with pytest.raises(StepError, match="Enter a bot token"):
        tried()


def test_the_test_of_a_webhook_posts_nothing(tried: Callable[..., str], slack: Vendor) -> None:
    slack.sink.ask = lambda received: Answer(
        400, b"no_text" if received.json == {} else b"ok", {"Content-Type": "text/html"}
    )
    assert tried(webhook_url=HOOK) == "The webhook can be used."
    slack.sink.ask = lambda _received: Answer(404, b"no_service", {"Content-Type": "text/html"})
    with pytest.raises(StepError, match=r"does not know this webhook \(no_service\)"):
        tried(webhook_url=HOOK)


@pytest.mark.parametrize("body", [b"<html>Sign in to this network", b""])
def test_an_answer_of_something_in_between_is_no_success(run: Bench, slack: Vendor, body: bytes) -> None:
    slack.answers["POST /api/chat.postMessage"] = lambda _received: Answer(200, body, {"Content-Type": "text/html"})
    with pytest.raises(StepError, match="it is not known whether") as caught:
        run("slack_send_message", channel="#x", message="y")
    assert caught.value.permanent
