"""Secrets at rest: Fernet, with several keys so that they can be rotated (MultiFernet: newest first).

Inside JSON (a trigger's config, a step's params) a secret is sealed as {"$secret": "<fernet token>"}; outside it shows as SHOWN.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from flowapp import exact_json
from flowapp.errors import ConfigError
from flowapp.security.opened import note

SHOWN = "••••••••"
_KEY = "$secret"
_MOST_KEYS = 10_000  # of organizations, kept in memory


class Vault:
    """Encrypts and decrypts with the installation's keys."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        self._unwrapped: dict[str, Fernet] = {}  # keys of organizations, by their ids: a key never changes

    def encrypt(self, value: object) -> bytes:
        """A JSON value as a Fernet token."""
        return self._fernet.encrypt(exact_json.dumps(value))

    def decrypt(self, token: bytes) -> Any:
        """The JSON value of a token. ConfigError when no key of this installation made it."""
        if not token:
            return {}
        secrets = exact_json.loads(self._opened(token))
        note(secrets)
        return secrets

    def wrap(self, key: bytes) -> bytes:
        """The key of an organization as it is stored (security.organization_keys)."""
        return self._fernet.encrypt(key)

    def unwrapped(self, key_id: str, wrapped: bytes) -> Fernet:
        """What encrypts with a stored key. ConfigError as `decrypt`."""
        if len(self._unwrapped) >= _MOST_KEYS:
            self._unwrapped.clear()
        self._unwrapped[key_id] = key = Fernet(self._opened(wrapped))
        return key

    def known_key(self, key_id: str) -> Fernet | None:
        """A key that was unwrapped before."""
        return self._unwrapped.get(key_id)

    def _opened(self, token: bytes) -> bytes:
        try:
            return self._fernet.decrypt(token)
        except InvalidToken:
            raise ConfigError(
                "A stored secret was encrypted with a key that is not in FLOWAPP_ENCRYPTION_KEYS."
            ) from None

    def rotate(self, token: bytes) -> bytes:
        """The same secret under the newest key."""
        return self._fernet.rotate(token) if token else token

    def seal(
        self, value: Mapping[str, object], names: Iterable[str], before: Mapping[str, object] | None = None
    ) -> dict[str, object]:
        """A copy of a config with the values of `names` sealed. SHOWN means: as it was `before`."""
        sealed = dict(value)
        for name in names:
            given = sealed.get(name)
            if given == SHOWN:
                sealed[name] = (before or {}).get(name, "")
            elif isinstance(given, str) and given:
                sealed[name] = self.sealed(given)
        return sealed

    def sealed(self, text: str) -> dict[str, str]:
        """A secret as it stands inside JSON."""
        return {_KEY: self.encrypt(text).decode()}

    def open(self, value: object) -> Any:
        """A copy of a JSON value with every sealed secret opened."""
        if isinstance(value, dict):
            if is_sealed(value):
                return self.decrypt(str(value[_KEY]).encode())
            return {key: self.open(item) for key, item in value.items()}
        return [self.open(item) for item in value] if isinstance(value, list) else value


def is_sealed(value: object) -> TypeGuard[dict[str, str]]:
    """Whether this JSON value is a sealed secret."""
    return isinstance(value, dict) and set(value) == {_KEY}


def hide(value: object) -> Any:
    """A copy of a JSON value as it may be shown: every sealed secret as SHOWN."""
    if isinstance(value, dict):
        return SHOWN if is_sealed(value) else {key: hide(item) for key, item in value.items()}
    return [hide(item) for item in value] if isinstance(value, list) else value
