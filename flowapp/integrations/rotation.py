"""The secrets of integrations encrypted anew, while others read and save them.

Each organization gets a new key. A row is written only where it still says what was read; the key that was used until now
stays until the next time, for whoever read a row just before, or saves one just now.
"""

from __future__ import annotations

from sqlalchemy import Engine, delete, select, union, update
from sqlalchemy.orm import Session

from flowapp.errors import ConfigError
from flowapp.integrations import credentials
from flowapp.models import Integration, OrganizationKey
from flowapp.models.tenancy import system_session
from flowapp.security.credentials import Vault
from flowapp.security.organization_keys import OrganizationVault
from flowapp.texts import say

_COLUMNS: tuple[credentials.Column, ...] = ("credentials", "oauth_tokens")
_KEPT = 2  # keys of an organization that nothing need be encrypted with


def lost(engine: Engine, vault: Vault) -> list[str]:
    """The integrations whose secrets no key opens: what to tell whoever asks for a rotation."""
    names: list[str] = []
    with system_session(engine) as system:
        for row in system.scalars(select(Integration).order_by(Integration.id)):
            try:
                for column in _COLUMNS:
                    credentials.read(vault, row, column)
            except ConfigError:
                names.append(say("The integration “%(name)s”", name=row.name))
    return names


def rotate(engine: Engine, vault: Vault) -> int:
    """How many secrets are encrypted with a new key now. What no key opens stays as it is."""
    with system_session(engine) as system:
        used = union(select(Integration.organization_id), select(OrganizationKey.organization_id))
        organizations = list(system.scalars(used))
    return sum(_rotate(engine, vault, organization_id) for organization_id in organizations)


def _rotate(engine: Engine, vault: Vault, organization_id: str) -> int:
    own = Integration.organization_id == organization_id
    with system_session(engine) as system:
        _new_key(system, vault, organization_id)
        system.commit()
        ids = list(system.scalars(select(Integration.id).where(own)))
    count = sum(_encrypt_anew(engine, vault, row_id, column) for row_id in ids for column in _COLUMNS)
    with system_session(engine) as system:
        _forget_old_keys(system, organization_id)
        system.commit()
    return count


def _new_key(system: Session, vault: Vault, organization_id: str) -> None:
    """A new key, and the old ones wrapped with the installation's newest key."""
    for row in system.scalars(select(OrganizationKey).where(OrganizationKey.organization_id == organization_id)):
        try:
            vault.unwrapped(row.id, row.wrapped)
        except ConfigError:
            continue
        row.wrapped = vault.rotate(row.wrapped)
    OrganizationVault(system, vault, organization_id).make_key()


def _encrypt_anew(engine: Engine, vault: Vault, row_id: str, column: credentials.Column) -> bool:
    """Whether there was something that opens. A row that was saved in between is read again."""
    while True:
        with system_session(engine) as system:
            row = system.get(Integration, row_id)
            before = getattr(row, column) if row is not None else None
            if row is None or not before:
                return False
            try:
                value = credentials.read(vault, row, column)
            except ConfigError:
                return False
            fresh = credentials.encrypted(system, vault, row, value, column)
            field = getattr(Integration, column)
            done = system.execute(
                update(Integration)
                .where(Integration.id == row_id, field == before)
                .values({column: fresh, "updated_at": Integration.updated_at})
                .execution_options(synchronize_session=False)
            )
            system.commit()
            if done.rowcount == 1:  # type: ignore[attr-defined]
                return True


def _forget_old_keys(system: Session, organization_id: str) -> None:
    """Deletes what nothing is encrypted with any more, but for the newest keys."""
    own = OrganizationKey.organization_id == organization_id
    newest = list(system.scalars(select(OrganizationKey.id).where(own).order_by(OrganizationKey.id.desc())))
    mine = Integration.organization_id == organization_id
    stored = system.execute(select(Integration.credentials, Integration.oauth_tokens).where(mine))
    used = {value.partition(b".")[0].decode() for row in stored for value in row if value}
    gone = [key_id for key_id in newest[_KEPT:] if key_id not in used]
    system.execute(delete(OrganizationKey).where(OrganizationKey.id.in_(gone)))
