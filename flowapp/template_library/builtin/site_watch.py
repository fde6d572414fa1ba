"""A page is requested every hour."""

from __future__ import annotations

from pydantic import Field

from flowapp.catalog import N_, Params, ui
from flowapp.catalog.fields import Address
from flowapp.exact_json import Json
from flowapp.template_library.declared import step, template
from flowapp.texts import say


class WatchParams(Params):
    """Which page, and whom to tell."""

    site: str = Field(
        "https://example.com/", min_length=1, max_length=2000, json_schema_extra=ui(N_("Address of the page"))
    )
    recipient: Address = Field(min_length=1, json_schema_extra=ui(N_("E-mail to")))


@template(
    "site_watch",
    icon="world",
    name=say("Tell me when a site is down"),
    description=say("Requests a page every hour, and sends an e-mail if the response is not as expected."),
    params=WatchParams,
)
def build(values: WatchParams) -> Json:
    """A request that may fail, and an alarm where it did."""
    down = {"all": [{"field": "steps.call.status", "operator": "!=", "value": 200}]}
    call = step("call", say("Request the page"), "send_webhook", url="{{ variables.site }}", method="GET")
    return {
        "variables": {"recipient": values.recipient, "site": values.site},
        "triggers": [{"trigger_type": "schedule", "config": {"every": "hourly"}}],
        "steps": [
            call | {"on_error": "continue"},
            step("down", say("Is it down?"), "conditional", conditions=down),
            step(
                "mail", say("Send the alarm"), "send_email", to="{{ variables.recipient }}",
                subject=say("The site is down"), message=say("%(site)s does not respond.", site="{{ variables.site }}"),
            ),
        ],
    }  # fmt: skip
