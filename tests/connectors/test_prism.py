"""What each action sends is right in the eyes of Prism, which nobody here wrote, by what the vendors publish."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import pytest

from flowapp.catalog import open_integration
from flowapp.connectors.runner import MANIFESTS
from tests.actions.conftest import Bench
from tests.support.servers.prism import Prism, prism
from tests.support.servers.sink import Answer, Received, Sink
from tests.support.servers.vendor import reroute

pytestmark = pytest.mark.doubles
FILE = {"base64": base64.b64encode(b"\x89PNG").decode(), "content_type": "image/png", "filename": "a.png"}
BLOCKS = [{"type": "section", "text": {"type": "mrkdwn", "text": "*New*"}}]
SID = "AC0123456789abcdef0123456789abcdef"
KINDS = ("customers", "subscriptions", "invoices", "payment_intents", "charges", "prices", "products")
# One for all: every connector finds in it what its actions read.
ANSWER = {
    "ok": True, "id": "in_1", "sid": "SM1", "status": "open", "ts": "1.2", "channel": "C1", "url": "https://x.example/",
    "object": "list", "data": [], "has_more": False, "channels": [], "user": {"id": "U1", "real_name": "Ada"},
    "number": "A-1", "hosted_invoice_url": "https://x.example/", "result": {"message_id": 42, "chat": {"id": 99}},
    "model": "small", "choices": [{"message": {"role": "assistant", "content": '{"a": 1}'}, "finish_reason": "stop"}],
    "usage": {"total_tokens": 7},
}  # fmt: skip
ACCOUNTS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "slack": ({}, {"token": "xoxb-1-secret"}),
    "stripe": ({}, {"api_key": "sk_test_1"}),
    "twilio": ({"account_sid": SID, "sender": "+15550001111"}, {"auth_token": "s3cr3t"}),
    "telegram": ({}, {"token": "123456:ABC-secret"}),
    "llm": ({"base_url": "https://api.openai.com/v1", "default_model": "small"}, {"api_key": "sk-1"}),
}
SMS = {"to": "+15558675310", "message": "Hi", "status_callback": "https://flow.example/hooks/k"}
ACTIONS: list[tuple[str, dict[str, Any]]] = [
    ("slack_send_message", {"channel": "#sales", "message": "Hi", "blocks": BLOCKS}),
    ("slack_reply", {"channel": "C1", "thread": "1.2", "message": "Hi", "blocks": BLOCKS, "also_in_channel": True}),
    ("slack_update_message", {"channel": "C1", "ts": "1.2", "message": "Hi", "blocks": BLOCKS}),
    ("slack_find_user", {"email": "ada@example.com"}),
    ("slack_list_channels", {"limit": 300}),
    ("stripe_create_customer", {"email": "a@b.example", "name": "A", "phone": "1", "description": "x", "metadata": {"a": "b"}}),
    ("stripe_create_subscription",
     {"customer_id": "cus_1", "price_id": "price_1", "quantity": 2, "trial_days": 14, "metadata": {"a": "b"}}),
    ("stripe_create_payment_link", {"price_id": "price_1", "quantity": 2, "metadata": {"a": "b"}}),
    ("stripe_create_invoice",
     {"customer_id": "cus_1", "amount": 12.5, "currency": "EUR", "description": "Work", "metadata": {"a": "b"}}),
    ("stripe_refund", {"payment": "pi_1", "amount": "12.50", "reason": "duplicate"}),
    ("stripe_refund", {"payment": "ch_1"}),
    *(("stripe_retrieve", {"kind": kind, "id": "x_1"}) for kind in KINDS),
    *(("stripe_list", {"kind": kind, "most": 150}) for kind in KINDS),
    *(("stripe_list", {"kind": kind, "customer_id": "cus_1"}) for kind in KINDS if kind not in ("prices", "products", "customers")),
    ("twilio_send_sms", SMS),
    ("twilio_send_sms", {**SMS, "from_number": "MG0123456789abcdef0123456789abcdef"}),
    ("twilio_send_whatsapp", SMS),
    ("twilio_find_message", {"sid": "SM0123456789abcdef0123456789abcdef"}),
    ("telegram_send_message",
     {"chat_id": "@news", "message": "Hi", "format": "HTML", "reply_to": 7, "silent": True}),
    ("telegram_send_photo", {"chat_id": "99", "photo": FILE, "caption": "Here"}),
    ("telegram_send_document", {"chat_id": "99", "document": FILE, "caption": "Here"}),
    ("telegram_edit_message", {"chat_id": "99", "message_id": 42, "message": "Hi", "format": "HTML"}),
    ("telegram_delete_message", {"chat_id": "99", "message_id": 42}),
    ("llm_prompt", {"prompt": "Hi", "instructions": "In French", "temperature": 0, "max_tokens": 50}),
    ("llm_chat", {"messages": [{"role": "user", "content": "Hi"}]}),
    ("llm_extract", {"prompt": "Ada, 36", "schema": {"type": "object", "properties": {"a": {"type": "integer"}}}}),
]  # fmt: skip
ELSEWHERE = {"slack_send_by_webhook": "incoming webhooks are in no description"}


def connector_of(step_type: str) -> str:
    return step_type.partition("_")[0]


@pytest.fixture(scope="module", params=sorted(ACCOUNTS))
def judge(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Prism]]:
    """Prism with the description of one service after the other."""
    connector = str(request.param)
    with prism(connector, tmp_path_factory.mktemp(connector)) as made:
        yield connector, made


def answer(received: Received) -> Answer:
    return Answer(200, json.dumps(ANSWER | ({"result": True} if "deleteMessage" in received.path else {})).encode())


@pytest.fixture
def run(judge: tuple[str, Prism], sink: Sink, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Actions of that service send to the sink, whose requests Prism judges."""
    connector, made = judge
    server = made.description["servers"][0]["url"].split("/")
    reroute(monkeypatch, {"/".join(server[:3]): sink.url("")})
    sink.ask = answer
    config, credentials = ACCOUNTS[connector]
    account = open_integration(connector, id="1", name="Ours", config=config, credentials=credentials)
    return Bench(integrations={connector: account})


def test_every_action_of_a_described_service_is_judged() -> None:
    own = {f"{name}_{action.name}" for name in ACCOUNTS for action in MANIFESTS[name].actions}
    assert own - {name for name, _params in ACTIONS} == set(ELSEWHERE)


def test_each_action_sends_what_the_service_takes(judge: tuple[str, Prism], run: Bench, sink: Sink) -> None:
    for step_type, params in ACTIONS:
        if connector_of(step_type) == judge[0]:
            sink.requests.clear()
            run(step_type, **params)
            assert sink.requests, step_type
            for received in sink.requests:
                assert judge[1].refusal(received) == "", (step_type, received)


def test_a_wrong_name_in_each_of_these_requests_is_refused(judge: tuple[str, Prism], run: Bench, sink: Sink) -> None:
    seen = 0
    for step_type, params in ACTIONS:
        if connector_of(step_type) == judge[0]:
            sink.requests.clear()
            run(step_type, **params)
            for received in sink.requests:
                if wrong := misspelled(received):
                    seen += 1
                    assert judge[1].refusal(wrong), (step_type, wrong)
    assert seen > 0


def misspelled(received: Received) -> Received | None:
    """The request with one more field, of a name that the service does not know; None where it has no fields."""
    kind = received.headers.get("Content-Type", "")
    if kind.startswith("application/json"):
        return dataclasses.replace(received, body=json.dumps({**received.json, "chanel": "x"}).encode())
    if kind.startswith("application/x-www-form-urlencoded") and received.body:
        return dataclasses.replace(received, body=received.body + b"&chanel=x")
    return dataclasses.replace(received, path=f"{received.path}&chanel=x") if "?" in received.path else None


def test_who_is_not_signed_in_is_refused(judge: tuple[str, Prism], run: Bench, sink: Sink) -> None:
    connector, made = judge
    step_type, params = next(one for one in ACTIONS if connector_of(one[0]) == connector)
    run(step_type, **params)
    sink.requests[0].headers.pop("Authorization", None)
    assert made.refusal(sink.requests[0]).startswith("401") is bool(made.description.get("security"))
