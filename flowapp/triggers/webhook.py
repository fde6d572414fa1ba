"""Another service calls POST /hooks/<key>. Its body is the input; who may call is checked by `verify`.

What the headers of a delivery say is known here, too: which of them may be shown, and what tells a repeated delivery.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from pydantic import Field

from flowapp.catalog import N_, TriggerSpec, stored_value, trigger, ui
from flowapp.catalog.fields import Lines
from flowapp.catalog.hooks import CallsPerMinute, Delivery, HookParams, HookTerms
from flowapp.errors import InvalidError, Problem, UnauthenticatedError
from flowapp.security.signatures import Custom, Preset, basic, same, standard_key
from flowapp.security.signatures import verify as verify_signature
from flowapp.security.tokens import with_key
from flowapp.texts import say

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
_DELIVERIES = (
    "idempotency-key", "webhook-id", "svix-id", "x-github-delivery", "x-gitlab-event-uuid", "x-shopify-webhook-id",
    "x-amz-sns-message-id",
)  # fmt: skip
_IN_BODY = {"stripe-signature": "id", "x-slack-signature": "event_id"}
_ORIGIN = re.compile(r"https?://[a-z0-9.:\[\]-]{1,255}|null")
_ONLY_HMAC = {"auth": ["hmac"]}
_ONLY_CUSTOM = {"preset": ["custom"]}


class WebhookParams(HookParams):
    """`secret` is text, or the sealed form ({"$secret": …}) in which it is stored."""

    methods: list[Method] = Field(
        ["POST"],
        min_length=1,
        json_schema_extra=ui(N_("Methods"), widget="lines", advanced=True),
    )
    auth: Literal["none", "header", "basic", "hmac"] = Field(
        "none",
        json_schema_extra=ui(
            N_("Who can call"),
            widget="select",
            choices=[
                ("none", N_("Anyone who knows the URL")),
                ("header", N_("Callers with a secret header")),
                ("basic", N_("Callers with a user name and password")),
                ("hmac", N_("Callers that sign their requests")),
            ],
        ),
    )
    header_name: str = Field(
        "X-Webhook-Secret",
        min_length=1,
        max_length=100,
        json_schema_extra=ui(N_("Header name"), show_if={"auth": ["header"]}),
    )
    username: str = Field("", max_length=200, json_schema_extra=ui(N_("User name"), show_if={"auth": ["basic"]}))
    preset: Preset = Field(
        "github",
        json_schema_extra=ui(
            N_("Signature scheme"),
            widget="select",
            choices=[
                ("github", "GitHub"),
                ("stripe", "Stripe"),
                ("slack", "Slack"),
                ("standard_webhooks", "Standard Webhooks, Svix"),
                ("custom", N_("Another service")),
            ],
            show_if=_ONLY_HMAC,
        ),
    )
    secret: str | dict[str, str] = Field(
        "", json_schema_extra=ui(N_("Secret"), widget="secret", show_if={"auth": ["header", "basic", "hmac"]})
    )
    signature_header: str = Field(
        "X-Signature", min_length=1, json_schema_extra=ui(N_("Signature header"), show_if=_ONLY_CUSTOM)
    )
    algorithm: Literal["sha256", "sha1", "sha512"] = Field(
        "sha256", json_schema_extra=ui(N_("Algorithm"), widget="select", show_if=_ONLY_CUSTOM)
    )
    encoding: Literal["hex", "base64"] = Field(
        "hex", json_schema_extra=ui(N_("Number format"), widget="select", show_if=_ONLY_CUSTOM)
    )
    prefix: str = Field("", json_schema_extra=ui(N_("Signature prefix"), placeholder="sha256=", show_if=_ONLY_CUSTOM))
    response: Literal["at_once", "last_step", "respond"] = Field(
        "at_once",
        json_schema_extra=ui(
            N_("Answer"),
            widget="select",
            choices=[
                ("at_once", N_("Immediately, with the execution's URL")),
                ("last_step", N_("When it is done, with the last step's result")),
                ("respond", N_("With the response of a step “Respond to webhook”")),
            ],
        ),
    )
    allowed_origins: Lines = Field(
        [],
        max_length=50,
        json_schema_extra=ui(
            N_("Pages that can call it"),
            N_(
                "One origin per line, such as https://shop.example, or * for any page. Leave empty if only servers call."
            ),
            widget="lines",
            advanced=True,
        ),
    )
    rate_limit: CallsPerMinute = None

    def verify(self, delivery: Delivery) -> None:
        verify(self, delivery.headers, delivery.body, delivery.now)

    def delivery_id(self, data: object, sent: Mapping[str, str]) -> str | None:
        return delivery_id(data, sent)

    def starts(self, data: object) -> bool:  # noqa: ARG002 - any input does
        return True

    def terms(self) -> HookTerms:
        hidden = frozenset({self.header_name.lower(), self.signature_header.lower()})
        origins = tuple(self.allowed_origins)
        return HookTerms(tuple(self.methods), self.response, origins, self.rate_limit, hidden)


def check(config: WebhookParams) -> None:
    """InvalidError where the chosen way to sign in lacks what it needs, or an origin is none."""
    problems = [
        Problem(
            "allowed_origins", say("“%(text)s” is not an origin. Enter one like https://shop.example.", text=origin)
        )
        for origin in config.allowed_origins
        if origin != "*" and _ORIGIN.fullmatch(origin) is None
    ]
    if config.auth != "none" and not config.secret:
        problems.append(Problem("secret", say("Enter the secret that both sides know."), code="missing"))
    if config.auth == "basic" and not config.username:
        problems.append(Problem("username", say("Enter the user name that callers send."), code="missing"))
    standard = config.auth == "hmac" and config.preset == "standard_webhooks"
    shown = isinstance(config.secret, str) and not config.secret.startswith("•")
    if standard and config.secret and shown and standard_key(str(config.secret)) is None:
        problems.append(
            Problem("secret", say("This is not a Standard Webhooks secret: it must be whsec_ followed by base64."))
        )
    if problems:
        raise InvalidError(problems)


def verify(config: WebhookParams, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
    """Returns if the caller may call; UnauthenticatedError otherwise. The config's secret is opened, `now` is aware."""
    if config.auth == "none":
        return
    secret = config.secret if isinstance(config.secret, str) else ""
    if not secret:
        raise UnauthenticatedError("This webhook has no secret yet, so nothing is accepted. Save one first.")
    if config.auth == "hmac":
        custom = Custom(config.signature_header, config.algorithm, config.encoding, config.prefix)
        verify_signature(config.preset, secret, headers, body, now=now, custom=custom)
        return
    lower = {name.lower(): value for name, value in headers.items()}
    if config.auth == "header":
        right = same(lower.get(config.header_name.lower(), ""), secret)
        message = f"The header {config.header_name} is missing or wrong."
    else:
        user, password = basic(lower.get("authorization", ""))
        right = same(user, config.username) & same(password, secret)
        message = "User and password are missing or wrong."
    if not right:
        raise UnauthenticatedError(message)


def delivery_id(data: object, sent: Mapping[str, str]) -> str | None:
    """What the sender repeats when it sends the same delivery again; at most 64 characters."""
    delivery = next((sent[name] for name in _DELIVERIES if sent.get(name)), "")
    for header, name in _IN_BODY.items():
        if not delivery and header in sent and isinstance(data, dict) and isinstance(data.get(name), str):
            delivery = data[name]
    return (delivery if len(delivery) <= 64 else hashlib.sha256(delivery.encode()).hexdigest()) or None


def summary(config: WebhookParams) -> str:
    """Methods and address, without the host."""
    return f"{', '.join(config.methods)} /hooks/{config.key or '…'}"


trigger(
    TriggerSpec(
        type="webhook",
        label=N_("Webhook"),
        description=N_("Another service calls a URL that you give it."),
        group=N_("Programs"),
        icon="webhook",
        source="hook",
        params=WebhookParams,
        sample={"event": "order.created", "order": {"id": 1001, "total": 129.9, "email": "ada@example.com"}},
        prepare=with_key,
        made=("key",),
        check=check,
        summary=summary,
        awaits_answer=lambda config: stored_value(WebhookParams, config, "response") == "respond",
    )
)
