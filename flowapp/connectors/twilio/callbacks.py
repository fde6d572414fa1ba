"""Messages that come in, and what becomes of those that were sent, as Twilio calls back.

https://www.twilio.com/docs/usage/webhooks/webhooks-security says how its calls are signed: HMAC of the address and, of a
form, of its fields in their order; of any other body the address holds the SHA-256.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field

from flowapp.catalog import N_, ui
from flowapp.catalog.hooks import Delivery, HookAnswer
from flowapp.connectors.runner.hooks import ServiceHookParams, service_hook, text_at
from flowapp.errors import InvalidError, UnauthenticatedError
from flowapp.security.signatures import same
from flowapp.texts import say

Event = Literal["incoming", "status"]
_WRONG = (
    "The signature is wrong. Compare the auth token, and the URL in Twilio with this one: FLOWAPP_BASE_URL must be the "
    "address under which Twilio calls."
)
_NOTHING = HookAnswer(200, "text/xml; charset=utf-8", b'<?xml version="1.0" encoding="UTF-8"?><Response></Response>')


class TwilioCallbackParams(ServiceHookParams):
    """Which callbacks start the workflow."""

    own_answer = _NOTHING

    secret: str | dict[str, str] = Field(
        "",
        json_schema_extra=ui(
            N_("Auth token"), N_("Of your account, on the first page of the Twilio console."), widget="secret"
        ),
    )
    events: Event | list[Event] = Field(
        ["incoming", "status"],
        json_schema_extra=ui(
            N_("Events"),
            widget="choices",
            choices=[("incoming", N_("A message comes in")), ("status", N_("The status of a sent message changes"))],
        ),
    )

    def prove(self, secret: str, delivery: Delivery) -> None:
        given = delivery.headers.get("x-twilio-signature", "")
        if not given:
            raise UnauthenticatedError("The header X-Twilio-Signature is missing.")
        strong = "HMAC_SHA256" in delivery.headers.get("x-twilio-webhooks-signature-settings", "").upper()
        fields = _signed_fields(delivery)
        signed = [f"{address}{fields}".encode("utf-8", "surrogateescape") for address in _addresses(delivery.address())]
        key, digest = secret.encode(), "sha256" if strong else "sha1"
        right = [same(given, base64.b64encode(hmac.digest(key, text, digest)).decode()) for text in signed]
        if not any(right):
            raise UnauthenticatedError(_WRONG)

    def delivery_id(self, data: object, sent: Mapping[str, str]) -> str | None:  # noqa: ARG002
        """By the signature, which is the same when Twilio calls again. A field would not do: names and values are signed
        run together and without a time, so an old call could be sent again with its fields divided in another way."""
        return hashlib.sha256(sent.get("x-twilio-signature", "").encode()).hexdigest()

    def starts(self, data: object) -> bool:
        events = [self.events] if isinstance(self.events, str) else self.events
        kind = "status" if text_at(data, "MessageStatus") else "incoming"
        return bool(_message(data)) and (not events or kind in events)


def _message(data: object) -> str:
    """The message's id; empty for what is about no message, such as a phone call."""
    return text_at(data, "MessageSid") or text_at(data, "SmsSid")


def _signed_fields(delivery: Delivery) -> str:
    """Names and values as they are signed. UnauthenticatedError for a body that nothing in the signed address vouches for."""
    kind = delivery.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        pairs = parse_qsl(delivery.body.decode("utf-8", "surrogateescape"), keep_blank_values=True)
        return "".join(name + value for name, value in sorted(set(pairs)))
    asked = dict(parse_qsl(urlsplit(delivery.address()).query))
    digest = hashlib.sha256(delivery.body).hexdigest()
    if delivery.body and not same(asked.get("bodySHA256", "").lower(), digest):
        raise UnauthenticatedError("The signature does not cover the body: bodySHA256 is missing or wrong.")
    return ""


def _addresses(address: str) -> Iterator[str]:
    """The address without its port and with it: Twilio signs one or the other."""
    parts = urlsplit(address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    bare = parts.netloc.removesuffix(f":{port}")
    yield parts._replace(netloc=bare).geturl()
    yield parts._replace(netloc=f"{bare}:{port}").geturl()


def _check(config: TwilioCallbackParams) -> None:
    if not config.events:
        raise InvalidError.at("events", say("At least one entry is needed."))


service_hook(
    "twilio_callback",
    label=N_("Twilio message"),
    description=N_("A text or WhatsApp message comes in, or the status of a sent one changes."),
    group="Twilio",
    synonyms="twilio sms whatsapp message texto remis",
    icon="brand-twilio",
    guide=N_(
        "In the Twilio console open your number, or your messaging service, and enter this URL where it says “A message comes "
        "in”, with HTTP POST. To follow a message that a workflow sends, enter it as the address for the delivery status of "
        "that step. Twilio signs the URL, so enter it exactly as it stands here."
    ),
    params=TwilioCallbackParams,
    sample={
        "MessageSid": "SM0123456789abcdef0123456789abcdef", "AccountSid": "AC0123456789abcdef0123456789abcdef",
        "From": "+15558675310", "To": "+15551234567", "Body": "Is my order on its way?", "NumMedia": "0",
        "SmsStatus": "received",
    },
    summary=None,
    check=_check,
)  # fmt: skip
