"""What people write to a bot, as Telegram tells it (https://core.telegram.org/bots/api#setwebhook)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from pydantic import Field, field_validator

from flowapp.catalog import N_, ui
from flowapp.catalog.hooks import Delivery
from flowapp.connectors.runner.hooks import ServiceHookParams, service_hook
from flowapp.errors import UnauthenticatedError
from flowapp.security.credentials import SHOWN
from flowapp.security.signatures import same
from flowapp.texts import say

Update = Literal["message", "edited_message", "callback_query", "channel_post"]
_SECRET = re.compile(r"[A-Za-z0-9_-]{8,256}")


class TelegramUpdateParams(ServiceHookParams):
    """Which updates start the workflow."""

    secret: str | dict[str, str] = Field(
        "",
        json_schema_extra=ui(
            N_("Secret token"), N_("One that you make up: 8 to 256 letters, digits, - or _."), widget="secret"
        ),
    )
    updates: Update | list[Update] = Field(
        "message",
        json_schema_extra=ui(
            N_("Updates"),
            widget="choices",
            choices=[
                ("message", N_("A message")),
                ("edited_message", N_("A message is edited")),
                ("callback_query", N_("A button is pressed")),
                ("channel_post", N_("A post in a channel")),
            ],
        ),
    )

    @field_validator("secret")
    @classmethod
    def _taken_by_telegram(cls, secret: str | dict[str, str]) -> str | dict[str, str]:
        if isinstance(secret, str) and secret not in ("", SHOWN) and not _SECRET.fullmatch(secret):
            raise ValueError(say("Use 8 to 256 letters, digits, - or _: Telegram takes nothing else."))
        return secret

    def prove(self, secret: str, delivery: Delivery) -> None:
        if not same(delivery.headers.get("x-telegram-bot-api-secret-token", ""), secret):
            raise UnauthenticatedError("The header X-Telegram-Bot-Api-Secret-Token is missing or wrong.")

    def delivery_id(self, data: object, sent: Mapping[str, str]) -> str | None:  # noqa: ARG002 - it is in the body
        found = data.get("update_id") if isinstance(data, Mapping) else None
        return str(found)[:64] if isinstance(found, int) else None

    def starts(self, data: object) -> bool:
        updates = [self.updates] if isinstance(self.updates, str) else self.updates
        if not isinstance(data, Mapping) or not isinstance(data.get("update_id"), int):
            return False
        return not updates or any(update in data for update in updates)


service_hook(
    "telegram_update",
    label=N_("Telegram message"),
    description=N_("Somebody writes to your bot, or presses one of its buttons."),
    group="Telegram",
    synonyms="telegram bot chat message messagerie discussion",
    icon="brand-telegram",
    guide=N_(
        "Tell Telegram this URL and the secret token once: open https://api.telegram.org/bot<token of the bot>/setWebhook"
        "?url=<this URL>&secret_token=<secret token> in a browser."
    ),
    params=TelegramUpdateParams,
    sample={
        "update_id": 10000,
        "message": {
            "message_id": 1365, "date": 1755856800, "text": "/start",
            "chat": {"id": 1111111, "type": "private", "first_name": "Ada"},
            "from": {"id": 1111111, "is_bot": False, "first_name": "Ada", "username": "ada"},
        },
    },
    summary=None,
)  # fmt: skip
