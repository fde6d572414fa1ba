"""What the headers of a delivery to a webhook say: which of them may be shown, and what tells a repeated delivery."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache

_SECRET = re.compile(
    r"authori[sz]ation|cookie|secret|token|password|credential|signature|api[-_]?key|x-hub-|csrf", re.IGNORECASE
)
_DELIVERIES = ("idempotency-key", "webhook-id", "x-github-delivery", "x-gitlab-event-uuid", "x-shopify-webhook-id")
_IN_BODY = {"stripe-signature": "id", "x-slack-signature": "event_id"}


def shown_headers(sent: Mapping[str, str], hidden: set[str]) -> dict[str, str]:
    """Headers (names in lower case), those left out that are `hidden`, hold a secret or prove who sent them."""
    return {name: value for name, value in sent.items() if name not in hidden and not _secret(name)}


@lru_cache(maxsize=1000)
def _secret(name: str) -> bool:
    return _SECRET.search(name) is not None


def delivery_id(data: object, sent: Mapping[str, str]) -> str | None:
    """What the sender repeats when it sends the same delivery again; at most 64 characters."""
    delivery = next((sent[name] for name in _DELIVERIES if sent.get(name)), "")
    for header, name in _IN_BODY.items():
        if not delivery and header in sent and isinstance(data, dict) and isinstance(data.get(name), str):
            delivery = data[name]
    return (delivery if len(delivery) <= 64 else hashlib.sha256(delivery.encode()).hexdigest()) or None
