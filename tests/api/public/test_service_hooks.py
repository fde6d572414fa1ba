"""Events of services start workflows: signed by the services' own libraries they are taken, changed they are refused."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
import stripe
from sqlalchemy import select
from twilio.request_validator import RequestValidator

from flowapp import tasks
from flowapp.catalog import TRIGGERS
from flowapp.models import Trigger
from flowapp.models.tenancy import system_session
from flowapp.security.credentials import SHOWN
from tests.api.conftest import Api
from tests.api.crm.people import workflow_body
from tests.security.test_signatures import mac

pytestmark = pytest.mark.both_databases
PUBLIC = "https://flow.example.com"
SECRETS = {
    "slack_event": "8f742231b10e8888abcd99yyyzzz85a5",
    "stripe_event": "whsec_0123456789abcdef",
    "twilio_callback": "12345678901234567890123456789012",
    "telegram_update": "made-up_by-me",
}
MESSAGE = {"type": "app_mention", "user": "U1", "text": "hi", "channel": "C1"}
SMS = {
    "MessageSid": "SM1",
    "From": "+15558675310",
    "To": "+15551234567",
    "Body": "Où est-il? a&b=c",
    "SmsStatus": "received",
}
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(autouse=True)
def _public(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a proxy: the outside knows Flowapp by another address than its requests do."""
    runtime = tasks.runtime()
    monkeypatch.setattr(runtime, "settings", dataclasses.replace(runtime.settings, base_url=PUBLIC))


@dataclass
class Sent:
    """A signed request, as the service would send it."""

    body: bytes
    headers: dict[str, str]
    more: str = ""  # after the hook's path

    def to(self, api: Api, hook: str) -> Any:
        return api.client.post(hook + self.more, data=self.body, headers=self.headers)


def as_json(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()


def slack(content: Any, secret: str = SECRETS["slack_event"], at: int = 0) -> Sent:
    body, stamp = as_json(content), str(int(time.time()) + at)
    signature = "v0=" + mac(secret, f"v0:{stamp}:".encode() + body).hex()
    headers = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": signature, "Content-Type": "application/json"}
    return Sent(body, headers)


def slack_event(event_id: str = "Ev1", **event: Any) -> Sent:
    return slack({"type": "event_callback", "event_id": event_id, "team_id": "T1", "event": {**MESSAGE, **event}})


def stripe_event(content: Any, secret: str = SECRETS["stripe_event"], at: int = 0) -> Sent:
    body = as_json(content)
    signature = stripe.WebhookSignature.generate_signature_header(
        body.decode(), secret, timestamp=int(time.time()) + at
    )
    return Sent(body, {"Stripe-Signature": signature, "Content-Type": "application/json"})


def paid(event_id: str = "evt_1", kind: str = "invoice.paid") -> Sent:
    return stripe_event({"id": event_id, "object": "event", "type": kind, "data": {"object": {"id": "in_1"}}})


def twilio(
    address: str, fields: dict[str, str], secret: str = SECRETS["twilio_callback"], more: str = "", base: str = PUBLIC
) -> Sent:
    signature = RequestValidator(secret).compute_signature(base + address + more, fields)
    return Sent(urlencode(fields).encode(), {"X-Twilio-Signature": signature, "Content-Type": FORM}, more)


def telegram(content: Any, secret: str = SECRETS["telegram_update"]) -> Sent:
    headers = {"X-Telegram-Bot-Api-Secret-Token": secret, "Content-Type": "application/json"}
    return Sent(as_json(content), headers)


# For each type, of the hook's path and Flowapp's address: a right request, another event, and one with another secret.
SENT: dict[str, Callable[[str, str], tuple[Sent, Sent, Sent]]] = {
    "slack_event": lambda _hook, _base: (
        slack_event(), slack_event("Ev2"), slack({"type": "event_callback", "event": MESSAGE}, "another")
    ),
    "stripe_event": lambda _hook, _base: (paid(), paid("evt_2"), stripe_event({"id": "evt_3", "type": "x"}, "whsec_another")),
    "twilio_callback": lambda hook, base: (
        twilio(hook, SMS, base=base), twilio(hook, {**SMS, "MessageSid": "SM2"}, base=base), twilio(hook, SMS, "another")
    ),
    "telegram_update": lambda _hook, _base: (
        telegram({"update_id": 1, "message": {"text": "hi"}}), telegram({"update_id": 2, "message": {"text": "hi"}}),
        telegram({"update_id": 1, "message": {}}, "another"),
    ),
}  # fmt: skip
KINDS = sorted(SENT)


def made(api: Api, kind: str, **config: Any) -> str:
    trigger = {"trigger_type": kind, "config": {"secret": SECRETS[kind], **config}}
    found = api.post("/workflows/", workflow_body(status="active", triggers=[trigger]), 201)["triggers"][0]["config"]
    assert found["secret"] == SHOWN
    return f"/hooks/{found['key']}"


def started(api: Api) -> list[dict[str, Any]]:
    found = api.get("/executions/")["results"]
    return [api.get(f"/executions/{one['id']}/") for one in reversed(found)]


def test_every_event_of_a_service_is_tried_here() -> None:
    assert {kind for kind, spec in TRIGGERS.items() if spec.source == "hook"} == {*SENT, "webhook"}


@pytest.mark.parametrize("kind", KINDS)
def test_it_fires_once_for_each_event_and_never_for_another_signature(api: Api, kind: str) -> None:
    hook = made(api, kind)
    first, second, wrong = SENT[kind](hook, PUBLIC)
    unsigned = Sent(first.body, {"Content-Type": first.headers["Content-Type"]})
    for _ in range(2):  # looked up, then known
        assert wrong.to(api, hook).status_code == 401
        assert unsigned.to(api, hook).status_code == 401
        assert first.to(api, hook).status_code in (200, 202)
    assert second.to(api, hook).status_code in (200, 202)
    found = started(api)
    assert [one["trigger_type"] for one in found] == [kind, kind]
    assert SECRETS[kind] not in json.dumps(found)
    assert not {name for name in found[0]["context"]["headers"] if "signature" in name or "secret" in name}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "telegram_update"])
def test_a_changed_body_is_refused_without_telling_more_than_that(api: Api, kind: str) -> None:
    hook = made(api, kind)
    sent = SENT[kind](hook, PUBLIC)[0]
    changed = Sent(sent.body.replace(b"1", b"2", 1), sent.headers).to(api, hook)
    assert changed.status_code == 401
    assert changed.json["detail"].startswith("The signature is wrong.")
    assert not any(signature in changed.text for signature in sent.headers.values())
    assert started(api) == []


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_secret_it_is_not_published_and_a_draft_may_wait_for_it(api: Api, kind: str) -> None:
    body = workflow_body(triggers=[{"trigger_type": kind, "config": {}}])
    workflow = api.post("/workflows/", body, 201)
    assert len(workflow["triggers"][0]["config"]["key"]) >= 20, "the service makes the secret when it knows the address"
    refused = api.post(f"/workflows/{workflow['id']}/activate/", status=422)
    assert [one["path"] for one in refused["errors"]] == ["triggers.0.config"]
    assert f"“{TRIGGERS[kind].label}” has no secret yet" in refused["errors"][0]["message"]
    body["triggers"] = [{**workflow["triggers"][0], "config": {"secret": SECRETS[kind]}}]
    saved = api.patch(f"/workflows/{workflow['id']}/", body, 200)["triggers"][0]["config"]
    assert (saved["key"], saved["secret"]) == (workflow["triggers"][0]["config"]["key"], SHOWN), "the address stays"
    api.post(f"/workflows/{workflow['id']}/activate/")
    with system_session(tasks.runtime().engine) as system:
        config = system.scalars(select(Trigger.config).where(Trigger.workflow_id == workflow["id"])).one()
    assert SECRETS[kind] not in json.dumps(config)


def test_slack_asks_for_its_challenge_and_is_answered_at_once(api: Api) -> None:
    hook = made(api, "slack_event")
    asked = slack({"type": "url_verification", "challenge": "3eZbrw1aB", "token": "x"})
    for _ in range(2):
        assert asked.to(api, hook).json == {"challenge": "3eZbrw1aB"}
    assert slack({"type": "url_verification", "challenge": "x"}, "another").to(api, hook).status_code == 401
    assert started(api) == []


def test_slack_repeats_an_event_and_gets_the_first_execution(api: Api) -> None:
    hook = made(api, "slack_event")
    first = slack_event().to(api, hook).json
    again = slack_event()
    again.headers |= {"X-Slack-Retry-Num": "1", "X-Slack-Retry-Reason": "http_timeout"}
    assert again.to(api, hook).json == first
    assert len(started(api)) == 1


@pytest.mark.parametrize("kind", ["slack_event", "stripe_event", "telegram_update"])
def test_what_was_not_chosen_is_answered_and_starts_nothing(api: Api, kind: str) -> None:
    field = "updates" if kind == "telegram_update" else "events"
    hook = made(api, kind, **{field: ["callback_query"]})
    for _ in range(2):  # looked up, then known
        answer = SENT[kind](hook, PUBLIC)[0].to(api, hook)
        assert (answer.status_code, list(answer.json)) == (200, ["message"])
    assert started(api) == []


def test_stripe_s_secret_is_rolled_and_old_or_early_deliveries_are_refused(api: Api) -> None:
    hook = made(api, "stripe_event", events=["invoice.*"])
    rolled = paid("evt_1")
    old = stripe_event(json.loads(rolled.body), "whsec_before").headers["Stripe-Signature"].split(",")[1]
    stamp, new = rolled.headers["Stripe-Signature"].split(",")
    rolled.headers["Stripe-Signature"] = f"{stamp},{old},{new},v0=other"
    assert rolled.to(api, hook).status_code == 202
    assert paid("evt_2", "customer.created").to(api, hook).status_code == 200
    for late in (-301, 302):
        refused = stripe_event({"id": "evt_3", "type": "invoice.paid"}, at=late).to(api, hook)
        assert (refused.status_code, "5 minutes" in refused.json["detail"]) == (401, True)
    (found,) = started(api)
    assert found["input_data"]["data"]["object"]["id"] == "in_1"


def test_twilio_signs_the_public_address_and_gets_an_empty_twiml(api: Api) -> None:
    hook = made(api, "twilio_callback")
    for more in ("", "?from=sales&a=b%20c"):
        answer = twilio(hook, {**SMS, "MessageSid": f"SM{len(more)}"}, more=more).to(api, hook)
        assert (answer.status_code, answer.mimetype) == (200, "text/xml")
        assert answer.text == '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
    inside = RequestValidator(SECRETS["twilio_callback"]).compute_signature(f"http://localhost{hook}", SMS)
    refused = Sent(urlencode(SMS).encode(), {"X-Twilio-Signature": inside, "Content-Type": FORM}).to(api, hook)
    assert refused.status_code == 401
    assert "FLOWAPP_BASE_URL" in refused.json["detail"]
    assert [one["input_data"]["Body"] for one in started(api)] == [SMS["Body"], SMS["Body"]]


def test_each_status_of_a_message_starts_it_once_where_that_is_wanted(api: Api) -> None:
    hook, of_status = made(api, "twilio_callback", events="incoming"), made(api, "twilio_callback", events=["status"])
    for status in ("sent", "delivered", "delivered"):
        for one in (hook, of_status):
            sent = twilio(one, {"MessageSid": "SM1", "MessageStatus": status, "ErrorCode": ""})
            assert sent.to(api, one).status_code == 200
    for other in (SMS, {"CallSid": "CA1", "CallStatus": "ringing"}):
        assert twilio(of_status, other).to(api, of_status).status_code == 200
    assert twilio(hook, {"CallSid": "CA1", "CallStatus": "ringing"}).to(api, hook).status_code == 200
    assert [one["input_data"]["MessageStatus"] for one in started(api)] == ["sent", "delivered"]


@pytest.mark.parametrize("more", ["", "?from=sales"])
def test_an_old_call_of_twilio_with_its_fields_divided_in_another_way_is_the_same_call(api: Api, more: str) -> None:
    """Names and values are signed run together, after the address: the same signature fits however they are divided."""
    hook = made(api, "twilio_callback")
    first = twilio(hook, {"Body": "pay10", "MessageSid": "SM1", "NumMedia": "0"}, more=more)
    divided = [("Body=pay10&MessageSid=SM1NumMedia0", more), ("Body=pay10&MessageSid=SM1&Num=Media0", more)]
    if more:
        divided.append(("MessageSid=SM1&NumMedia=0", f"{more}Bodypay10"))
    again = [Sent(body.encode(), first.headers, address) for body, address in divided]
    for sent in (first, *again, first):
        assert sent.to(api, hook).status_code == 200
    assert [one["input_data"]["MessageSid"] for one in started(api)] == ["SM1"]


def test_at_least_one_event_of_twilio_is_chosen(api: Api) -> None:
    body = workflow_body(triggers=[{"trigger_type": "twilio_callback", "config": {"events": []}}])
    (refused,) = api.post("/workflows/", body, 422)["errors"]
    assert (refused["path"], refused["message"]) == ("triggers.0.config.events", "At least one entry is needed.")


def test_a_json_body_of_twilio_is_vouched_for_by_its_sha256(api: Api) -> None:
    hook, body = made(api, "twilio_callback"), as_json({"MessageSid": "SM9", "Body": "hi"})
    more = f"?bodySHA256={hashlib.sha256(body).hexdigest()}"
    right = RequestValidator(SECRETS["twilio_callback"]).compute_signature(PUBLIC + hook + more, {})
    headers = {"X-Twilio-Signature": right, "Content-Type": "application/json"}
    assert RequestValidator(SECRETS["twilio_callback"]).validate(PUBLIC + hook + more, body.decode(), right)
    assert Sent(body, headers, more).to(api, hook).status_code == 200
    assert Sent(body + b" ", headers, more).to(api, hook).status_code == 401
    bare = RequestValidator(SECRETS["twilio_callback"]).compute_signature(PUBLIC + hook, {})
    assert Sent(body, {**headers, "X-Twilio-Signature": bare}).to(api, hook).status_code == 401
    assert [one["input_data"]["Body"] for one in started(api)] == ["hi"]


def test_a_host_that_is_none_is_refused_and_nothing_breaks(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = tasks.runtime()
    monkeypatch.setattr(runtime, "settings", dataclasses.replace(runtime.settings, base_url=""))
    hook = made(api, "twilio_callback")
    for host in ("x:99999", "[::1", "a b", "localhost:abc"):
        sent = twilio(hook, SMS)
        assert 400 <= api.client.post(hook, data=sent.body, headers={**sent.headers, "Host": host}).status_code < 500, (
            host
        )


def test_telegram_s_secret_is_one_that_telegram_takes(api: Api) -> None:
    trigger = {"trigger_type": "telegram_update", "config": {"secret": "with spaces in it"}}
    refused = api.post("/workflows/", workflow_body(triggers=[trigger]), 422)
    assert [one["path"] for one in refused["errors"]] == ["triggers.0.config.secret"]
