"""Signed links: what is in them was said by this installation, and for one purpose only. Nothing in them is secret."""

from __future__ import annotations

from typing import Any

from itsdangerous import BadSignature, URLSafeTimedSerializer

from flowapp.errors import NotFoundError

MAX_AGE = 400 * 86_400  # seconds: waits may take a year


def sign(secret_key: str, purpose: str, value: object) -> str:
    """`value` (JSON) as a token for an address."""
    return str(URLSafeTimedSerializer(secret_key, salt=f"flowapp.{purpose}").dumps(value))


def read(secret_key: str, purpose: str, token: str) -> Any:
    """The value of a token. NotFoundError where it was not signed here, for this purpose, in the last 400 days."""
    try:
        return URLSafeTimedSerializer(secret_key, salt=f"flowapp.{purpose}").loads(token, max_age=MAX_AGE)
    except BadSignature:
        raise NotFoundError("This link is not valid, or no longer valid.") from None
