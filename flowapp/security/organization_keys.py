"""Secrets in the rows of an organization: encrypted with a key of its own, which the installation's keys wrap.

What is encrypted says whose it is: the organization, and which part of which row. Copied to another row or another
organization it does not open. It is stored as `<id of the key>.<Fernet token>`. What a release before this one stored is a
token of the installation's keys: it still opens, and is encrypted anew when it is saved or by `flask rotate-keys`.
"""

from __future__ import annotations

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp import exact_json
from flowapp.errors import ConfigError
from flowapp.models import OrganizationKey, new_id, read_id
from flowapp.security.credentials import Vault
from flowapp.security.opened import note
from flowapp.texts import say

_MOVED = say("These credentials were stored for another integration or organization. Enter them again.")
_LOST = say("The key that these credentials were encrypted with is not there. Enter them again.")


class OrganizationVault:
    """Encrypts and decrypts for one organization. `part` names what a secret belongs to: table, id of the row, column."""

    def __init__(self, session: Session, vault: Vault, organization_id: str) -> None:
        self._session, self._vault, self._organization_id = session, vault, organization_id

    def encrypt(self, value: object, *part: str) -> bytes:
        """A JSON value under the organization's newest key, which the first value makes. The caller commits."""
        key_id, key = self._newest() or self.make_key()
        box = {"of": [self._organization_id, *part], "secret": value}
        return b".".join((key_id.encode(), key.encrypt(exact_json.dumps(box))))

    def decrypt(self, stored: bytes, *part: str) -> object:
        """The value; {} where nothing is stored. ConfigError where it was stored elsewhere, or its key is missing."""
        key_id, dot, token = stored.partition(b".")
        if not dot:
            earlier: object = self._vault.decrypt(stored)
            return earlier
        try:
            box = exact_json.loads(self._key(key_id.decode(errors="replace")).decrypt(token))
        except InvalidToken:
            raise ConfigError(_LOST) from None
        if box["of"] != [self._organization_id, *part]:
            raise ConfigError(_MOVED)
        secret: object = box["secret"]
        note(secret)
        return secret

    def make_key(self) -> tuple[str, Fernet]:
        """A new key: what is encrypted from now on is encrypted with it."""
        key, key_id = Fernet.generate_key(), new_id()
        row = OrganizationKey(id=key_id, organization_id=self._organization_id, wrapped=self._vault.wrap(key))
        self._session.add(row)
        self._session.flush()
        return key_id, Fernet(key)

    def _newest(self) -> tuple[str, Fernet] | None:
        """None where there is no key yet, or none that the installation's keys unwrap."""
        own = select(OrganizationKey).where(OrganizationKey.organization_id == self._organization_id)
        row = self._session.scalar(own.order_by(OrganizationKey.id.desc()).limit(1))
        try:
            return (row.id, self._vault.unwrapped(row.id, row.wrapped)) if row else None
        except ConfigError:
            return None

    def _key(self, key_id: str) -> Fernet:
        known = self._vault.known_key(key_id)
        if known is not None:
            return known
        row = self._session.get(OrganizationKey, key_id) if read_id(key_id) else None
        if row is None:
            raise ConfigError(_LOST)
        return self._vault.unwrapped(row.id, row.wrapped)
