"""What another service sends is e-mailed."""

from __future__ import annotations

from pydantic import Field

from flowapp.catalog import N_, Params, ui
from flowapp.catalog.fields import Address
from flowapp.exact_json import Json
from flowapp.template_library.declared import step, template
from flowapp.texts import say


class NoticeParams(Params):
    """Whom to tell."""

    recipient: Address = Field(min_length=1, json_schema_extra=ui(N_("E-mail to")))


@template(
    "webhook_notice",
    icon="webhook",
    name=say("E-mail me when another service calls"),
    description=say("A webhook: whatever arrives is e-mailed to you."),
    params=NoticeParams,
)
def build(values: NoticeParams) -> Json:
    """A log line, and the e-mail."""
    return {
        "variables": {"recipient": values.recipient},
        "triggers": [{"trigger_type": "webhook"}],
        "steps": [
            step("note", say("Log what arrived"), "log", message=say("Received: %(input)s", input="{{ input }}")),
            step(
                "mail", say("Send the e-mail"), "send_email",
                to="{{ variables.recipient }}", subject=say("Something arrived"), message="{{ input }}",
            ),
        ],
    }  # fmt: skip
