"""The payment workflow of the reference (A, “Workflow de Paiement”), as it is written there, from the event to the e-mail."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from tests.api.conftest import Api
from tests.api.crm.test_event_triggers import executions, hand_on
from tests.api.workflows.test_stored_defaults import connect
from tests.support.processes import wait_until
from tests.support.servers.sink import Sink
from tests.support.servers.vendor import Vendor, reroute

pytestmark = pytest.mark.both_databases
STRIPE = Path(__file__).parents[2] / "connectors" / "stripe" / "api.yaml"
PAYMENT: dict[str, Any] = {
    "id": "payment_workflow",
    "name": "Traitement de Paiement",
    "trigger": {"type": "event", "event_type": "payment.created"},
    "steps": [
        {
            "id": "create_stripe_customer",
            "action": "integration_call",
            "integration": "stripe",
            "params": {
                "action": "create_customer",
                "email": "{{input.customer_email}}",
                "name": "{{input.customer_name}}",
            },
        },
        {
            "id": "create_subscription",
            "action": "integration_call",
            "integration": "stripe",
            "params": {
                "action": "create_subscription",
                "customer_id": "{{steps.create_stripe_customer.customer_id}}",
                "price_id": "{{input.price_id}}",
            },
        },
        {
            "id": "send_confirmation",
            "action": "send_email",
            "params": {
                "to": "{{input.customer_email}}",
                "subject": "Abonnement confirmé",
                "template": "subscription_confirmed",
            },
        },
    ],
}


@pytest.mark.usefixtures("worker")
def test_a_payment_makes_a_customer_a_subscription_and_an_email(
    app: Any, api: Api, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    reroute(monkeypatch, {"https://api.stripe.com": sink.url("")})
    stripe = Vendor.of(sink, STRIPE)
    with app.app_context():
        connect(api, {}, "stripe", api_key="sk_test_s3cr3t")
    text = "Merci {{ input.customer_name }}: {{ steps.create_subscription.subscription_id }}"
    template = {"name": "subscription_confirmed", "subject": "x", "text": text}
    api.post("/email-templates/", template, 201)
    workflow = api.post("/workflows/", PAYMENT, 201)["id"]
    api.post(f"/workflows/{workflow}/activate/", {})
    data = {"customer_email": "zoe@b.example", "customer_name": "Zoë", "price_id": "price_9"}
    api.post("/events/", {"type": "payment.created", "payload": data}, 202)
    hand_on()
    wait_until(lambda: [one["status"] for one in executions(api, workflow)] == ["completed"], 15)
    assert stripe.called == ["POST /v1/customers", "POST /v1/subscriptions"]
    customer, subscription = (dict(parse_qsl(one.body.decode())) for one in sink.requests)
    assert customer == {"email": "zoe@b.example", "name": "Zoë"}
    assert (subscription["customer"], subscription["items[0][price]"]) == ("cus_1", "price_9")
    assert not stripe.refused
    [mail] = [one["context"]["state"]["send_confirmation"] for one in executions(api, workflow)]
    assert (mail["to"], mail["subject"]) == (["zoe@b.example"], "Abonnement confirmé")
