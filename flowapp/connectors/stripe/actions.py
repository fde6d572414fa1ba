"""What can be done in Stripe. https://docs.stripe.com/api"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import cast

from flowapp.catalog import StepContext
from flowapp.connectors.runner import Service
from flowapp.connectors.runner.paging import tell_of_more
from flowapp.connectors.stripe.library import Calls, odd_answer
from flowapp.errors import StepError
from flowapp.exact_json import Json
from flowapp.texts import say

Values = Mapping[str, object]
Result = dict[str, object]
PAGE = 100
# https://docs.stripe.com/currencies#zero-decimal and #three-decimal
_WITHOUT_DECIMALS = frozenset(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"]
)
_THREE_DECIMALS = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])


def create_customer(ctx: StepContext, service: Service, values: Values) -> Result:
    """A new customer."""
    names = ("email", "name", "phone", "description", "metadata")
    made = Calls(ctx, service).post("/v1/customers", {name: values.get(name) for name in names})
    return {"customer_id": made["id"], "customer": made}


def create_subscription(ctx: StepContext, service: Service, values: Values) -> Result:
    """A subscription of one price."""
    params = {
        "customer": values["customer_id"],
        "items": [{"price": values["price_id"], "quantity": values.get("quantity") or 1}],
        "trial_period_days": values.get("trial_days") or None,
        "metadata": values.get("metadata"),
    }
    made = Calls(ctx, service).post("/v1/subscriptions", params)
    return {"subscription_id": made["id"], "status": made.get("status"), "subscription": made}


def create_payment_link(ctx: StepContext, service: Service, values: Values) -> Result:
    """An address where one price can be paid."""
    items = [{"price": values["price_id"], "quantity": values.get("quantity") or 1}]
    made = Calls(ctx, service).post("/v1/payment_links", {"line_items": items, "metadata": values.get("metadata")})
    return {"url": made.get("url"), "payment_link_id": made["id"]}


def create_invoice(ctx: StepContext, service: Service, values: Values) -> Result:
    """An invoice of one line: made empty, filled, and finalized, each call once."""
    calls, currency = Calls(ctx, service), str(values["currency"]).lower()
    amount = _smallest(values["amount"], currency)
    params = {
        "customer": values["customer_id"], "collection_method": "send_invoice", "currency": currency,
        "days_until_due": values.get("days_until_due"), "pending_invoice_items_behavior": "exclude",
        "metadata": values.get("metadata"),
    }  # fmt: skip
    invoice = calls.post("/v1/invoices", params)["id"]
    line = {
        "customer": values["customer_id"], "invoice": invoice, "amount": amount, "currency": currency,
        "description": values.get("description"),
    }  # fmt: skip
    calls.post("/v1/invoiceitems", line)
    made = calls.post(f"/v1/invoices/{invoice}/finalize", {})
    found = {"url": made.get("hosted_invoice_url"), "number": made.get("number"), "status": made.get("status")}
    return {"invoice_id": invoice, **found}


def refund(ctx: StepContext, service: Service, values: Values) -> Result:
    """A payment paid back: of a payment intent or of a charge."""
    payment, amount = str(values["payment"]).strip(), values.get("amount")
    params = {
        "charge" if payment.startswith(("ch_", "py_")) else "payment_intent": payment,
        "amount": None if amount is None else _smallest(amount, str(values["currency"]).lower()),
        "reason": values.get("reason"),
    }
    made = Calls(ctx, service).post("/v1/refunds", params)
    return {"refund_id": made["id"], "status": made.get("status")}


def retrieve(ctx: StepContext, service: Service, values: Values) -> Result:
    """One object."""
    wanted = str(values["id"]).strip()
    if not wanted.replace("_", "").isalnum():
        raise StepError(say("“%(id)s” is no id of Stripe.", id=wanted[:100]), permanent=True)
    return {"object": Calls(ctx, service).get(f"/v1/{values['kind']}/{wanted}")}


def list_objects(ctx: StepContext, service: Service, values: Values) -> Result:
    """The newest objects, up to `most`, by pages of PAGE."""
    calls, most = Calls(ctx, service), int(str(values["most"]))
    found: list[Json] = []
    more = True
    while more and len(found) < most:
        params = {"limit": min(PAGE, most - len(found)), "customer": values.get("customer_id")}
        page = calls.get(f"/v1/{values['kind']}", {**params, "starting_after": found[-1]["id"] if found else None})
        if not isinstance(page.get("data"), list):
            raise odd_answer()
        data = cast(list[Json], page["data"])
        found += data
        more = bool(page.get("has_more")) and bool(data)
    if more:
        tell_of_more(ctx, len(found))
    return {"objects": found, "count": len(found)}


def _smallest(amount: object, currency: str) -> int:
    """An amount in the currency's smallest unit: 12.5 euros are 1250. StepError (permanent) for a fraction of that."""
    scale = 0 if currency in _WITHOUT_DECIMALS else 3 if currency in _THREE_DECIMALS else 2
    units = Decimal(str(amount)).scaleb(scale)
    if units != units.to_integral_value():
        raise StepError(
            say("%(amount)s has more decimals than %(currency)s.", amount=amount, currency=currency.upper()),
            permanent=True,
        )
    return int(units)
