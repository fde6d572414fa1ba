"""What happens in Stripe, as its webhooks tell it (https://docs.stripe.com/webhooks)."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from pydantic import Field

from flowapp.catalog import N_, ui
from flowapp.catalog.fields import Lines
from flowapp.catalog.hooks import Delivery
from flowapp.connectors.runner.hooks import ServiceHookParams, service_hook, text_at
from flowapp.security.signatures import verify


class StripeEventParams(ServiceHookParams):
    """Which events start the workflow."""

    secret: str | dict[str, str] = Field(
        "",
        json_schema_extra=ui(
            N_("Signing secret"),
            N_("Begins with whsec_. Stripe shows it once the endpoint is created."),
            widget="secret",
        ),
    )
    events: Lines = Field(
        [],
        max_length=100,
        json_schema_extra=ui(
            N_("Events"),
            N_("One per line, such as checkout.session.completed or invoice.*. Leave empty for all."),
            widget="lines",
        ),
    )

    def prove(self, secret: str, delivery: Delivery) -> None:
        verify("stripe", secret, delivery.headers, delivery.body, now=delivery.now)

    def delivery_id(self, data: object, sent: Mapping[str, str]) -> str | None:  # noqa: ARG002 - it is in the body
        return text_at(data, "id")[:64] or None

    def starts(self, data: object) -> bool:
        kind = text_at(data, "type")
        return bool(kind) and (not self.events or any(fnmatchcase(kind, pattern) for pattern in self.events))


service_hook(
    "stripe_event",
    label=N_("Stripe event"),
    description=N_("Something happens in Stripe: a payment, a new customer, a subscription that ends."),
    group="Stripe",
    synonyms="stripe payment customer invoice paiement client facture abonnement",
    icon="brand-stripe",
    guide=N_(
        "In the Stripe dashboard open Developers, Webhooks, add an endpoint with this URL, choose its events, and copy its "
        "signing secret here."
    ),
    params=StripeEventParams,
    sample={
        "id": "evt_1NG8Du2eZvKYlo2CUI79vXWy", "object": "event", "type": "checkout.session.completed",
        "created": 1755856800, "livemode": False,
        "data": {
            "object": {
                "id": "cs_test_a1b2c3", "object": "checkout.session", "customer": "cus_NffrFeUfNV2Hib",
                "customer_details": {"email": "ada@example.com", "name": "Ada Lovelace"}, "amount_total": 12990,
                "currency": "eur", "payment_status": "paid", "metadata": {"order": "1001"},
            }
        },
    },
    summary=lambda config: ", ".join(config.events),
)  # fmt: skip
