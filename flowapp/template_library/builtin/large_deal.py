"""A large company came in: the manager hears of it."""

from __future__ import annotations

from pydantic import Field

from flowapp.catalog import N_, Params, ui
from flowapp.catalog.fields import Address, Lines
from flowapp.exact_json import Json
from flowapp.template_library.declared import TOLD, step, template
from flowapp.texts import say


class LargeDealParams(Params):
    """What is large, and who is told."""

    amount: int = Field(
        50_000,
        ge=0,
        le=10**12,
        json_schema_extra=ui(N_("Potential amount above"), widget="number"),
    )
    recipient: Address = Field(min_length=1, json_schema_extra=ui(N_("E-mail to")))
    told: Lines = Field(
        ["admins"], min_length=1, max_length=50,
        json_schema_extra=TOLD,
    )  # fmt: skip


@template(
    "alerte-manager-deal-50k",
    icon="cash",
    name=say("Alert the manager to large deals"),
    description=say(
        "When a company is created whose potential is above an amount, such as 50,000, the manager gets an e-mail and a notification."
    ),
    params=LargeDealParams,
)
def build(values: LargeDealParams) -> Json:
    """Whichever way the company was created."""
    large = {"field": "company.montant_potentiel", "operator": ">", "value": values.amount}
    told = say(
        "%(company)s: potential amount %(amount)s.",
        company="{{ company.name }}",
        amount="{{ company.montant_potentiel }}",
    )
    return {
        "variables": {"recipient": values.recipient},
        "triggers": [{"trigger_type": "organisation_created", "conditions": {"all": [large]}}],
        "steps": [
            step(
                "mail", say("E-mail the manager"), "send_email", to="{{ variables.recipient }}",
                subject=say("Large deal: %(company)s", company="{{ company.name }}"), message=told,
            ),
            step(
                "tell", say("Notify the manager"), "send_notification", to=values.told, level="info",
                title=say("Large deal: %(company)s", company="{{ company.name }}"), message=told,
            ),
        ],
    }  # fmt: skip
