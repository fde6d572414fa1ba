"""What happens in Slack, as Slack's Events API tells it (https://docs.slack.dev/apis/events-api)."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from flowapp.catalog import N_, ui
from flowapp.catalog.fields import Lines
from flowapp.catalog.hooks import Delivery
from flowapp.connectors.runner.hooks import ServiceHookParams, service_hook, text_at
from flowapp.security.signatures import verify

# As Slack's page of subscriptions names them: all are events of the type message.
_CHANNELS = {"channels": "channel", "groups": "group", "im": "im", "mpim": "mpim"}
_LATER = ("message_changed", "message_deleted", "message_replied")


class SlackEventParams(ServiceHookParams):
    """Which events start the workflow."""

    secret: str | dict[str, str] = Field(
        "",
        json_schema_extra=ui(
            N_("Signing secret"), N_("Of your app, at api.slack.com/apps under Basic Information."), widget="secret"
        ),
    )
    events: Lines = Field(
        [],
        max_length=50,
        json_schema_extra=ui(
            N_("Events"),
            N_("One per line, such as app_mention, message.channels or reaction_added. Leave empty for all."),
            widget="lines",
        ),
    )
    only_people: bool = Field(
        True,
        json_schema_extra=ui(
            N_("Only what people write"),
            N_(
                "Skips messages of bots, also of this app, whose answer would start the workflow again, and what is "
                "edited or deleted."
            ),
            widget="checkbox",
        ),
    )

    def prove(self, secret: str, delivery: Delivery) -> None:
        verify("slack", secret, delivery.headers, delivery.body, now=delivery.now)

    def delivery_id(self, data: object, sent: Mapping[str, str]) -> str | None:  # noqa: ARG002 - it is in the body
        return text_at(data, "event_id")[:64] or None

    def starts(self, data: object) -> bool:
        event = data.get("event") if isinstance(data, Mapping) and data.get("type") == "event_callback" else None
        if not isinstance(event, Mapping):
            return False
        if self.only_people and (event.get("bot_id") or event.get("subtype") in _LATER):
            return False
        return not self.events or any(_is(name, event) for name in self.events)


def _is(name: str, event: Mapping[str, object]) -> bool:
    kind, _, place = name.lower().partition(".")
    return event.get("type") == kind and (not place or event.get("channel_type") == _CHANNELS.get(place, place))


service_hook(
    "slack_event",
    label=N_("Slack event"),
    description=N_("Something happens in Slack: a message, a mention, a reaction, a new member."),
    group="Slack",
    synonyms="slack chat message mention messagerie réaction canal",
    icon="brand-slack",
    guide=N_(
        "At api.slack.com/apps open your app, then Event Subscriptions, switch them on, enter this URL as the Request URL, "
        "and add the bot events you want. Slack checks the URL at once: publish the workflow first, or choose “Wait for a "
        "test call” below."
    ),
    params=SlackEventParams,
    sample={
        "type": "event_callback", "team_id": "T0123456789", "event_id": "Ev0123456789", "event_time": 1755856800,
        "event": {
            "type": "app_mention", "user": "U0123456789", "text": "<@U0FLOWAPP> what is the state of order 1001?",
            "channel": "C0123456789", "channel_type": "channel", "ts": "1755856800.000200",
        },
    },
    summary=lambda config: ", ".join(config.events),
)  # fmt: skip
