"""The secrets in the rows of integrations, encrypted: only this module reads and writes them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy.orm import Session, object_session

from flowapp.errors import ConfigError, InvalidError
from flowapp.exact_json import Json
from flowapp.models import CREDENTIAL_TYPES, Integration, new_id, utcnow
from flowapp.security.credentials import Vault
from flowapp.security.organization_keys import OrganizationVault
from flowapp.texts import say

Column = Literal["credentials", "oauth_tokens"]
Expiry = Literal["", "soon", "expired"]
_COPIED = "\t\r\n"
WARNED_BEFORE = timedelta(days=14)


def read(vault: Vault, row: Integration, column: Column = "credentials") -> Json:
    """The secrets in clear; {} where there are none. The row's session is open. ConfigError where no key opens them."""
    stored = getattr(row, column)
    if not stored:
        return {}
    opened = _vault(object_session(row), vault, row).decrypt(stored, *_part(row, column))
    return opened if isinstance(opened, dict) else {}


def write(session: Session, vault: Vault, row: Integration, value: Json, column: Column = "credentials") -> None:
    """Encrypts the secrets into the row; a new one gets its id, which stands in the ciphertext."""
    row.id = row.id or new_id()
    row.organization_id = row.organization_id or session.info["organization_id"]
    setattr(row, column, encrypted(session, vault, row, value, column))


def encrypted(session: Session, vault: Vault, row: Integration, value: Json, column: Column) -> bytes:
    """The secrets as they stand in the row."""
    return _vault(session, vault, row).encrypt(value, *_part(row, column))


def holds(vault: Vault, row: Integration, value: Json) -> bool:
    """Whether these credentials are stored already; not so where what is stored does not open."""
    try:
        return bool(row.credentials) and read(vault, row) == value
    except ConfigError:
        return False


def trimmed(credentials: Json, kept: Collection[str], credential_type: str) -> Json:
    """What was typed, without what copying adds at its ends. A password may begin or end with spaces, a key or a token never."""
    return {
        name: value.strip(_COPIED if _is_password(name, credential_type) else None)
        if isinstance(value, str) and name not in kept
        else value
        for name, value in credentials.items()
    }


def _is_password(name: str, credential_type: str) -> bool:
    return name == "password" or (name == "secret" and credential_type == "basic")


def checked_type(credential_type: str) -> str:
    """The type as it is stored. InvalidError at `credentials.credential_type`."""
    name = credential_type.strip().lower()
    if name not in CREDENTIAL_TYPES:
        known = ", ".join(CREDENTIAL_TYPES)
        raise InvalidError.at("credentials.credential_type", say("Choose one of: %(options)s.", options=known))
    return name


def expiry(row: Integration, now: datetime | None = None) -> Expiry:
    """Whether the credentials have expired, or will soon."""
    at, now = row.credentials_expire_at, now or utcnow()
    if at is None or at > now + WARNED_BEFORE:
        return ""
    return "soon" if at > now else "expired"


def _vault(session: Session | None, vault: Vault, row: Integration) -> OrganizationVault:
    if session is None:
        raise RuntimeError("the session of this integration is closed")
    return OrganizationVault(session, vault, row.organization_id)


def _part(row: Integration, column: Column) -> tuple[str, str, str]:
    return "integrations", row.id, column
