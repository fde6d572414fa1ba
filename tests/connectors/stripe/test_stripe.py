"""Stripe, each action by Stripe's own library against a double that takes what the published description names."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from flowapp.catalog import CONNECTORS, open_integration
from flowapp.errors import StepError
from flowapp.security.egress import SafeHttp
from tests.actions.conftest import Bench
from tests.support.servers.sink import Answer, Received, Sink
from tests.support.servers.vendor import Vendor, reroute

KEY = "sk_test_s3cr3t"


@pytest.fixture
def stripe(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> Vendor:
    reroute(monkeypatch, {"https://api.stripe.com": sink.url("")})
    return Vendor.of(sink, Path(__file__).parent / "api.yaml")


def account(key: str = KEY) -> Any:
    return open_integration("stripe", id="1", name="Our Stripe", config={}, credentials={"api_key": key})


@pytest.fixture
def run(stripe: Vendor) -> Bench:
    del stripe  # its calls are rerouted
    return Bench(integrations={"stripe": account()})


def form(received: Received) -> dict[str, str]:
    return dict(parse_qsl(received.body.decode()))


def test_a_customer(run: Bench, stripe: Vendor) -> None:
    done: Any = run(
        "stripe_create_customer",
        {"email": "zoe@b.example"},
        email="{{ input.email }}",
        name="Zoë",
        metadata={"plan": "pro"},
    )
    assert done.result["customer_id"] == "cus_1"
    assert form(stripe.sink.requests[0]) == {"email": "zoe@b.example", "name": "Zoë", "metadata[plan]": "pro"}
    assert stripe.sink.requests[0].headers["Idempotency-Key"]
    assert not stripe.refused


def test_a_subscription(run: Bench, stripe: Vendor) -> None:
    done: Any = run("stripe_create_subscription", customer_id="cus_1", price_id="price_1", trial_days=14)
    assert (done.result["subscription_id"], done.result["status"]) == ("sub_1", "active")
    assert form(stripe.sink.requests[0]) == {
        "customer": "cus_1", "items[0][price]": "price_1", "items[0][quantity]": "1", "trial_period_days": "14",
    }  # fmt: skip


def test_a_payment_link(run: Bench, stripe: Vendor) -> None:
    done: Any = run("stripe_create_payment_link", price_id="price_1", quantity=2)
    assert done.result == {"url": "https://buy.stripe.com/test_1", "payment_link_id": "plink_1"}
    assert not stripe.refused


def test_an_invoice_is_made_filled_and_finalized_each_once(run: Bench, stripe: Vendor) -> None:
    done: Any = run("stripe_create_invoice", customer_id="cus_1", amount=12.5, currency="EUR", description="Work")
    assert done.result == {
        "invoice_id": "in_1", "url": "https://invoice.stripe.com/i/1", "number": "A-1", "status": "open",
    }  # fmt: skip
    assert stripe.called == ["POST /v1/invoices", "POST /v1/invoiceitems", "POST /v1/invoices/in_1/finalize"]
    assert form(stripe.sink.requests[1])["amount"] == "1250"
    keys = [one.headers["Idempotency-Key"] for one in stripe.sink.requests]
    assert len(set(keys)) == 3
    assert not stripe.refused


@pytest.mark.parametrize(
    ("amount", "currency", "units"), [("12", "jpy", "12"), ("1.234", "KWD", "1234"), (0.1, "usd", "10")]
)
def test_an_amount_is_sent_in_the_smallest_unit(
    run: Bench, stripe: Vendor, amount: Any, currency: str, units: str
) -> None:
    run("stripe_refund", payment="pi_1", amount=amount, currency=currency)
    assert form(stripe.sink.requests[0]) == {"payment_intent": "pi_1", "amount": units}


def test_an_amount_with_too_many_decimals_reaches_nobody(run: Bench, stripe: Vendor) -> None:
    with pytest.raises(StepError, match="has more decimals than EUR") as caught:
        run("stripe_refund", payment="pi_1", amount="1.234", currency="eur")
    assert caught.value.permanent
    assert stripe.called == []


def test_a_whole_payment_is_refunded(run: Bench, stripe: Vendor) -> None:
    done: Any = run("stripe_refund", payment="ch_1", reason="duplicate")
    assert done.result == {"refund_id": "re_1", "status": "succeeded"}
    assert form(stripe.sink.requests[0]) == {"charge": "ch_1", "reason": "duplicate"}


def test_an_object(run: Bench, stripe: Vendor) -> None:
    done: Any = run("stripe_retrieve", kind="customers", id="cus_1")
    assert done.result == {"object": {"id": "cus_1", "object": "customer"}}
    with pytest.raises(StepError, match="no id of Stripe"):
        run("stripe_retrieve", kind="customers", id="../balance")
    assert stripe.called == ["GET /v1/customers/cus_1"]


def test_a_thousand_objects_are_fetched_by_pages_and_no_more(run: Bench, stripe: Vendor) -> None:
    def page(received: Received) -> Answer:
        query = dict(parse_qsl(urlsplit(received.path).query))
        first = int(query.get("starting_after", "in_0").removeprefix("in_")) + 1
        rows = [{"id": f"in_{n}"} for n in range(first, first + int(query["limit"]))]
        return Answer(200, json.dumps({"object": "list", "data": rows, "has_more": True}).encode())

    stripe.answers["GET /v1/invoices"] = page
    done: Any = run("stripe_list", kind="invoices", customer_id="cus_1", limit=1000)
    assert done.result["count"] == len({one["id"] for one in done.result["objects"]}) == 1000
    assert len(stripe.called) == 10
    assert "There are more than 1,000 entries" in str(run.lines)
    assert not stripe.refused


@pytest.mark.parametrize(
    ("status", "error", "told", "permanent"),
    [
        (402, {"type": "card_error", "code": "card_declined", "message": "Your card was declined."}, "declined", True),
        (401, {"message": "Invalid API Key provided"}, "does not accept the key", True),
        (400, {"message": "No such price: 'price_x'"}, "No such price", True),
        (400, {"code": "lock_timeout", "message": "Lock timeout"}, "Lock timeout", False),
        (500, {"message": "Something went wrong"}, "Something went wrong", False),
    ],
)
def test_what_stripe_refuses_is_told_in_its_words(
    run: Bench, stripe: Vendor, status: int, error: dict[str, str], told: str, permanent: bool
) -> None:
    stripe.answers["POST /v1/customers"] = lambda _received: Answer(status, json.dumps({"error": error}).encode())
    with pytest.raises(StepError, match=told) as caught:
        run("stripe_create_customer", email="a@b.example")
    assert error["message"] in caught.value.message
    assert caught.value.permanent is permanent
    assert len(stripe.called) == 1, "the library tries nothing again by itself: the engine does"


def test_a_wrong_field_name_and_a_wrong_key_are_refused_by_the_double(run: Bench, stripe: Vendor) -> None:
    with pytest.raises(StepError, match="unknown_field mail"):
        run("stripe_custom_call", method="POST", path="/v1/customers", form={"mail": "x"})
    with pytest.raises(StepError, match="invalid_auth"):
        Bench(integrations={"stripe": account("sk_test_other")})("stripe_create_customer", email="a@b.example")


def test_the_connection_is_tested(stripe: Vendor) -> None:
    spec = CONNECTORS["stripe"]
    config, credentials = spec.read({}, {"api_key": KEY})
    told = spec.test(config, credentials, SimpleNamespace(http=SafeHttp(("127.0.0.1",))))
    assert (str(told), stripe.called) == ("The key is accepted.", ["GET /v1/balance"])


@pytest.mark.parametrize("amount", ["Infinity", "NaN", "1e400", "12,50"])
def test_an_amount_that_is_no_number_reaches_nobody(run: Bench, stripe: Vendor, amount: str) -> None:
    with pytest.raises(StepError, match="amount: Enter a number"):
        run("stripe_refund", payment="pi_1", amount=amount)
    assert stripe.called == []


@pytest.mark.parametrize("body", [b"<html>Welcome", b"", b"[]", b"{}", b'{"id": 5', b'"x"', b"\xe9t\xe9"])
def test_an_answer_of_somebody_else_is_told(run: Bench, stripe: Vendor, body: bytes) -> None:
    stripe.answers["POST /v1/customers"] = stripe.answers["GET /v1/invoices"] = lambda _received: Answer(200, body)
    with pytest.raises(StepError, match="did not come from Stripe") as caught:
        run("stripe_create_customer", email="a@b.example")
    assert not caught.value.permanent
    with pytest.raises(StepError, match="did not come from Stripe"):
        run("stripe_list", kind="invoices")


def test_a_page_of_two_megabytes_is_read_whole(run: Bench, stripe: Vendor) -> None:
    rows = [{"id": f"in_{n}", "text": "x" * 20_000} for n in range(100)]
    page = {"object": "list", "data": rows, "has_more": False}
    stripe.answers["GET /v1/invoices"] = lambda _received: Answer(200, json.dumps(page).encode())
    done: Any = run("stripe_list", kind="invoices")
    assert (done.result["count"], done.result["objects"]) == (100, rows)
