"""An e-mail at the start of each week."""

from __future__ import annotations

from pydantic import Field

from flowapp.catalog import N_, Params, ui
from flowapp.catalog.fields import Address
from flowapp.exact_json import Json
from flowapp.template_library.declared import step, template
from flowapp.texts import say


class ReminderParams(Params):
    """Whom to remind."""

    recipient: Address = Field(min_length=1, json_schema_extra=ui(N_("E-mail to")))


@template(
    "weekly_reminder",
    icon="calendar-event",
    name=say("Remind me every Monday"),
    description=say("A schedule: an e-mail at the start of each week."),
    params=ReminderParams,
)
def build(values: ReminderParams) -> Json:
    """Mondays at eight."""
    return {
        "variables": {"recipient": values.recipient},
        "triggers": [{"trigger_type": "schedule", "config": {"every": "weekly", "weekday": "monday", "at": "08:00"}}],
        "steps": [
            step(
                "mail", say("Send the reminder"), "send_email",
                to="{{ variables.recipient }}", subject=say("A new week"), message=say("What will you finish this week?"),
            )
        ],
    }  # fmt: skip
