"""Random tokens: made once, shown once, stored as SHA-256."""

from __future__ import annotations

import hashlib
import secrets

PREFIX = "fla_"


def make_token() -> tuple[str, str, str]:
    """(token, prefix to recognise it by, hash to store)."""
    token = PREFIX + secrets.token_urlsafe(32)
    return token, token[:12], hash_token(token)


def hash_token(token: str) -> str:
    """Hex SHA-256; the token has 256 random bits, so it needs no salt."""
    return hashlib.sha256(token.encode()).hexdigest()


def make_key(size: int = 18) -> str:
    """A key that nobody guesses, for a public address (a hook, a form)."""
    return secrets.token_urlsafe(size)


def with_key(config: dict[str, object]) -> dict[str, object]:
    """The config of a hook with its key, made once: a part of its address that nobody guesses."""
    return config if config.get("key") else {**config, "key": make_key()}
