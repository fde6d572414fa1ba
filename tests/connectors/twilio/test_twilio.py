"""Twilio, each action against a double that takes what Twilio's reference names, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import pytest

from flowapp.catalog import CONNECTORS, open_integration
from flowapp.errors import StepError
from flowapp.security.egress import SafeHttp
from tests.actions.conftest import Bench
from tests.support.servers.sink import Answer, Received, Sink
from tests.support.servers.vendor import Vendor, reroute

SID, TOKEN = "AC0123456789abcdef0123456789abcdef", "s3cr3t-token"
MESSAGES = f"POST /2010-04-01/Accounts/{SID}/Messages.json"


@pytest.fixture
def twilio(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> Vendor:
    reroute(monkeypatch, {"https://api.twilio.com": sink.url("")})
    return Vendor.of(sink, Path(__file__).parent / "api.yaml")


def account(**config: str) -> Any:
    config = {"account_sid": SID, "sender": "+15550001111", **config}
    return open_integration("twilio", id="1", name="Twilio", config=config, credentials={"auth_token": TOKEN})


@pytest.fixture
def run(twilio: Vendor) -> Bench:
    del twilio  # its calls are rerouted
    return Bench(integrations={"twilio": account()})


def form(received: Received) -> dict[str, str]:
    return dict(parse_qsl(received.body.decode(), keep_blank_values=True))


def test_a_text_message(run: Bench, twilio: Vendor) -> None:
    done: Any = run("twilio_send_sms", {"name": "Zoë"}, to="+15558675310", message="Hi {{ input.name }}")
    assert done.result == {"sid": "SM1", "status": "queued", "to": "+15558675310"}
    run("twilio_send_sms", to="+1", body="x", from_number="MG12", status_callback="https://flow.example/hooks/k")
    assert [form(one) for one in twilio.sink.requests] == [
        {"To": "+15558675310", "From": "+15550001111", "Body": "Hi Zoë"},
        {"To": "+1", "MessagingServiceSid": "MG12", "Body": "x", "StatusCallback": "https://flow.example/hooks/k"},
    ]
    assert not twilio.refused


def test_a_whatsapp_message(run: Bench, twilio: Vendor) -> None:
    run("twilio_send_whatsapp", to="+15558675310", message="Hi")
    run("twilio_send_whatsapp", to="whatsapp:+15558675310", message="Hi", from_number="whatsapp:+15550002222")
    sent = [form(one) for one in twilio.sink.requests]
    assert [one["To"] for one in sent] == ["whatsapp:+15558675310"] * 2
    assert [one["From"] for one in sent] == ["whatsapp:+15550001111", "whatsapp:+15550002222"]


def test_what_became_of_a_message(run: Bench, twilio: Vendor) -> None:
    done: Any = run("twilio_find_message", sid="SM1")
    assert (done.result["status"], done.result["price"]) == ("delivered", "-0.0079")
    assert not twilio.refused


def test_without_a_sender_nothing_is_sent(twilio: Vendor) -> None:
    run = Bench(integrations={"twilio": account(sender="")})
    with pytest.raises(StepError, match="Enter a sender") as caught:
        run("twilio_send_sms", to="+1", message="x")
    assert caught.value.permanent
    assert twilio.called == []


@pytest.mark.parametrize(
    ("status", "code", "told", "permanent"),
    [
        (400, 21211, "no number that can receive", True),
        (400, 21610, "has unsubscribed", True),
        (401, 20003, "does not accept account SID", True),
        (503, 20500, "Internal", False),
    ],
)
def test_what_twilio_refuses_is_told_in_its_words(
    run: Bench, twilio: Vendor, status: int, code: int, told: str, permanent: bool
) -> None:
    body = {"code": code, "message": "Internal words", "status": status}
    twilio.answers[MESSAGES] = lambda _received: Answer(status, json.dumps(body).encode())
    with pytest.raises(StepError, match=told) as caught:
        run("twilio_send_sms", to="+1", message="x")
    assert "Internal words" in caught.value.message
    assert caught.value.permanent is permanent


def test_a_wrong_token_is_refused(twilio: Vendor) -> None:
    twilio.description["refusal"] = {"status": 401, "body": {"code": 20003, "message": "Authenticate"}}
    wrong = open_integration(
        "twilio", id="1", name="x", config={"account_sid": SID, "sender": "+1"}, credentials={"auth_token": "other"}
    )
    with pytest.raises(StepError, match="Authenticate"):
        Bench(integrations={"twilio": wrong})("twilio_send_sms", to="+1", message="x")


def test_the_connection_is_tested(twilio: Vendor) -> None:
    spec = CONNECTORS["twilio"]
    config, credentials = spec.read({"account_sid": SID}, {"auth_token": TOKEN})
    told = spec.test(config, credentials, SimpleNamespace(http=SafeHttp(("127.0.0.1",))))
    assert (str(told), twilio.refused) == ("Connected to Acme.", [])


def test_other_calls_go_to_the_service_too(run: Bench, twilio: Vendor) -> None:
    done: Any = run("twilio_custom_call", method="GET", path=f"/{SID}.json")
    assert done.result["status"] == 200
    assert not twilio.refused


@pytest.mark.parametrize("body", [b"<html>Sign in to this network", b""])
def test_an_answer_of_something_in_between_is_no_success(run: Bench, twilio: Vendor, body: bytes) -> None:
    twilio.answers[MESSAGES] = lambda _received: Answer(200, body, {"Content-Type": "text/html"})
    with pytest.raises(StepError, match="it is not known whether") as caught:
        run("twilio_send_sms", to="+1", message="x")
    assert caught.value.permanent
