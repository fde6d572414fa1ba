"""Telegram, each action against a double that takes what the Bot API's reference names, and nothing else."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flowapp.catalog import CONNECTORS, open_integration
from flowapp.errors import StepError
from flowapp.security.egress import SafeHttp
from flowapp.security.opened import Opened
from tests.actions.conftest import Bench
from tests.support.servers.sink import Answer, Sink
from tests.support.servers.vendor import Vendor, reroute

TOKEN = "123456:ABC-secret"
PATH = f"/bot{TOKEN}"


@pytest.fixture
def telegram(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> Vendor:
    reroute(monkeypatch, {"https://api.telegram.org": sink.url("")})
    return Vendor.of(sink, Path(__file__).parent / "api.yaml")


def account(token: str = TOKEN) -> Any:
    return open_integration("telegram", id="1", name="Our bot", config={}, credentials={"token": token})


@pytest.fixture
def run(telegram: Vendor) -> Bench:
    del telegram  # its calls are rerouted
    return Bench(integrations={"telegram": account()})


def test_a_message(run: Bench, telegram: Vendor) -> None:
    done: Any = run("telegram_send_message", {"name": "Zoë"}, chat_id="@news", message="New: {{ input.name }}")
    assert done.result == {"message_id": 42, "chat_id": 99}
    assert telegram.sink.requests[0].json == {"chat_id": "@news", "text": "New: Zoë", "disable_notification": False}
    run("telegram_send_message", chat_id="99", text="<b>x</b>", format="HTML", reply_to=7, silent=True)
    assert telegram.sink.requests[1].json == {
        "chat_id": "99", "text": "<b>x</b>", "parse_mode": "HTML", "disable_notification": True,
        "reply_parameters": {"message_id": 7},
    }  # fmt: skip
    assert not telegram.refused


@pytest.mark.parametrize(
    ("step_type", "name"), [("telegram_send_photo", "photo"), ("telegram_send_document", "document")]
)
def test_a_file(run: Bench, telegram: Vendor, step_type: str, name: str) -> None:
    file = {"base64": base64.b64encode(b"\x89PNG\x00").decode(), "content_type": "image/png", "filename": "é.png"}
    done: Any = run(step_type, {"file": file}, chat_id="99", caption="Here", **{name: "{{ input.file }}"})
    assert done.result["message_id"] == 42
    assert b"\x89PNG\x00" in telegram.sink.requests[0].body
    assert not telegram.refused


def test_a_message_is_changed_and_deleted(run: Bench, telegram: Vendor) -> None:
    run("telegram_edit_message", {"id": 42}, chat_id="99", message_id="{{ input.id }}", message="Other")
    done: Any = run("telegram_delete_message", chat_id="99", message_id=42)
    assert done.result == {"deleted": True}
    assert telegram.called == [f"POST {PATH}/editMessageText", f"POST {PATH}/deleteMessage"]
    assert not telegram.refused


@pytest.mark.parametrize(
    ("status", "description", "told"),
    [
        (401, "Unauthorized", "does not know this bot token"),
        (403, "Forbidden: bot was blocked by the user", "has to start a chat with it first"),
        (400, "Bad Request: chat not found", "chat not found"),
    ],
)
def test_what_telegram_refuses_is_told_in_its_words(
    run: Bench, telegram: Vendor, status: int, description: str, told: str
) -> None:
    body = {"ok": False, "error_code": status, "description": description}
    telegram.answers[f"POST {PATH}/sendMessage"] = lambda _received: Answer(status, json.dumps(body).encode())
    with pytest.raises(StepError, match=told) as caught:
        run("telegram_send_message", chat_id="1", message="x")
    assert caught.value.permanent
    assert description in caught.value.message


def test_the_token_is_in_no_message_though_it_is_in_the_address(run: Bench, telegram: Vendor) -> None:
    telegram.answers[f"POST {PATH}/sendMessage"] = lambda _received: Answer(200, b"{", {"Content-Length": "100"})
    with pytest.raises(StepError) as caught:
        run("telegram_send_message", chat_id="1", message="x")
    assert "failed" in caught.value.message
    assert TOKEN not in Opened([TOKEN]).mask(caught.value.message), "as the engine masks what a step says"


def test_the_connection_is_tested(telegram: Vendor) -> None:
    spec = CONNECTORS["telegram"]
    config, credentials = spec.read({}, {"token": TOKEN})
    told = spec.test(config, credentials, SimpleNamespace(http=SafeHttp(("127.0.0.1",))))
    assert (str(told), telegram.called) == ("Connected as @flow_bot.", [f"GET {PATH}/getMe"])


@pytest.mark.parametrize("token", ["", "../x", "1:a/b", "abc"])
def test_a_token_that_is_none_is_refused(token: str) -> None:
    with pytest.raises(StepError):
        account(token)


def test_other_calls_go_to_the_service_too(run: Bench, telegram: Vendor) -> None:
    done: Any = run("telegram_custom_call", method="GET", path="/getMe")
    assert done.result["status"] == 200
    assert telegram.called == [f"GET {PATH}/getMe"]


@pytest.mark.parametrize("body", [b"<html>Sign in to this network", b""])
def test_an_answer_of_something_in_between_is_no_success(run: Bench, telegram: Vendor, body: bytes) -> None:
    telegram.answers[f"POST {PATH}/sendMessage"] = lambda _received: Answer(200, body, {"Content-Type": "text/html"})
    with pytest.raises(StepError, match="it is not known whether") as caught:
        run("telegram_send_message", chat_id="1", message="x")
    assert caught.value.permanent
