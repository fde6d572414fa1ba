"""Signatures of incoming webhooks. Whatever is missing or malformed is refused the same way: UnauthenticatedError.

- github: `X-Hub-Signature-256: sha256=<hex>`, HMAC-SHA256 of the body
  (https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries)
- stripe: `Stripe-Signature: t=<unix>,v1=<hex>[,v1=…]`, HMAC-SHA256 of `<t>.<body>`
  (https://docs.stripe.com/webhooks#verify-manually)
- slack: `X-Slack-Signature: v0=<hex>` and `X-Slack-Request-Timestamp`, HMAC-SHA256 of `v0:<t>:<body>`
  (https://docs.slack.dev/authentication/verifying-requests-from-slack)
- standard_webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature: v1,<base64> [v1,…]`, HMAC-SHA256 of
  `<id>.<t>.<body>`; the secret is `whsec_` and base64. Svix sends the same as `svix-id` and so on
  (https://docs.svix.com/receiving/verifying-payloads/how-manual)
  (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md)
- custom: a header of your own with the HMAC of the body, hex or base64, after an optional prefix
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from flowapp.errors import UnauthenticatedError

TOLERANCE = 300  # seconds that a sender's clock may be off, and that a delivery may be replayed
Preset = Literal["github", "stripe", "slack", "standard_webhooks", "custom"]
_ALGORITHMS = {"sha256": hashlib.sha256, "sha1": hashlib.sha1, "sha512": hashlib.sha512}


@dataclass(frozen=True, slots=True)
class Custom:
    """How a sender without a preset signs."""

    header: str = "X-Signature"
    algorithm: Literal["sha256", "sha1", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class _Delivery:
    secret: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    now: float
    custom: Custom


def verify(
    preset: Preset,
    secret: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: datetime,
    custom: Custom | None = None,
) -> None:
    """Returns if the delivery is signed with `secret`; UnauthenticatedError says what is wrong. `now` is aware."""
    if not secret:
        raise UnauthenticatedError("This webhook has no secret yet, so nothing is accepted. Save one first.")
    lower = {name.lower(): value for name, value in headers.items()}
    _CHECKS[preset](_Delivery(secret, lower, body, now.timestamp(), custom or Custom()))


def standard_key(secret: str) -> bytes | None:
    """The key inside a Standard Webhooks secret; None where it is not one."""
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True) or None
    except ValueError:
        return None


def _github(delivery: _Delivery) -> None:
    kind, _, given = _header(delivery, "X-Hub-Signature-256").partition("=")
    wanted = _hmac(delivery.secret.encode(), delivery.body).hex()
    _must(kind == "sha256" and same(given, wanted))


def _stripe(delivery: _Delivery) -> None:
    parts = [part.strip().partition("=")[::2] for part in _header(delivery, "Stripe-Signature").split(",")]
    moment = _moment(delivery, next((value for name, value in parts if name == "t"), ""))
    wanted = _hmac(delivery.secret.encode(), moment.encode() + b"." + delivery.body).hex()
    _must(any(same(value, wanted) for name, value in parts if name == "v1"))


def _slack(delivery: _Delivery) -> None:
    moment = _moment(delivery, _header(delivery, "X-Slack-Request-Timestamp"))
    given = _header(delivery, "X-Slack-Signature")
    wanted = _hmac(delivery.secret.encode(), b"v0:" + moment.encode() + b":" + delivery.body).hex()
    _must(same(given, f"v0={wanted}"))


def _standard(delivery: _Delivery) -> None:
    key = standard_key(delivery.secret)
    if key is None:
        raise UnauthenticatedError("This webhook's secret is not a Standard Webhooks secret (whsec_…). Save it again.")
    brand = "svix" if "svix-id" in delivery.headers and "webhook-id" not in delivery.headers else "webhook"
    message_id = _header(delivery, f"{brand}-id")
    moment = _moment(delivery, _header(delivery, f"{brand}-timestamp"))
    signed = f"{message_id}.{moment}.".encode("utf-8", "surrogateescape") + delivery.body
    wanted = "v1," + base64.b64encode(_hmac(key, signed)).decode()
    _must(any(same(given, wanted) for given in _header(delivery, f"{brand}-signature").split()))


def _custom(delivery: _Delivery) -> None:
    custom = delivery.custom
    given = _header(delivery, custom.header)
    digest = hmac.new(delivery.secret.encode(), delivery.body, _ALGORITHMS[custom.algorithm]).digest()
    wanted = digest.hex() if custom.encoding == "hex" else base64.b64encode(digest).decode()
    given = given.strip()
    _must(given.startswith(custom.prefix))
    given = given.removeprefix(custom.prefix)
    _must(same(given.lower() if custom.encoding == "hex" else given, wanted))


_CHECKS: dict[str, Callable[[_Delivery], None]] = {
    "github": _github,
    "stripe": _stripe,
    "slack": _slack,
    "standard_webhooks": _standard,
    "custom": _custom,
}


def same(given: str, wanted: str) -> bool:
    """Equality in constant time, for any text."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), wanted.encode("utf-8", "surrogatepass"))


def basic(header: str) -> tuple[str, str]:
    """User and password of an Authorization header (RFC 7617), empty where it holds none."""
    scheme, _, packed = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(packed.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return user, password


def _header(delivery: _Delivery, name: str) -> str:
    value = delivery.headers.get(name.lower(), "")
    if not value:
        raise UnauthenticatedError(f"The header {name} is missing.")
    return value


def _moment(delivery: _Delivery, text: str) -> str:
    """The timestamp as it was signed, once it is found to be near."""
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise UnauthenticatedError("The timestamp of the signature is not a number of seconds.")
    if abs(delivery.now - int(text)) > TOLERANCE:
        raise UnauthenticatedError("The signature is older or newer than 5 minutes. Compare the clocks.")
    return text


def _hmac(key: bytes, signed: bytes) -> bytes:
    return hmac.digest(key, signed, "sha256")


def _must(right: bool) -> None:
    if not right:
        raise UnauthenticatedError("The signature is wrong. Compare the secrets on both sides.")
