"""Which encryption keys the stored secrets need: their fingerprints stand in the database, and nothing starts without them.

A process with a wrong key would read no secret, and what it stored nobody else could read. `python -m
flowapp.security.installation_keys` is the check that the launcher makes before it starts anything.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, Engine, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from flowapp.config import Settings
from flowapp.errors import ConfigError
from flowapp.models import InstallationSetting, Integration, OrganizationKey, Trigger
from flowapp.models.tenancy import SYSTEM, make_engine, prepare_engine, use_tenant
from flowapp.security.credentials import Vault, is_sealed

_NEEDED = "encryption_keys"  # fingerprints, with commas between them
_WRONG = (
    "The secrets in this database were encrypted with a key that is not set here (its fingerprint is {missing}; set are {own}). "
    "Nothing was started. Put that key into FLOWAPP_ENCRYPTION_KEYS again, behind the new one: it was in that setting before, "
    "in the file encryption_keys of the data folder (FLOWAPP_DATA_DIR), or is set on your other hosts. If it is lost for good, "
    "“flask --app wsgi rotate-keys --accept-lost” gives up what it protects; then enter those secrets again."
)


def fingerprint(key: str) -> str:
    """16 characters that tell two keys apart and cannot be turned back into one."""
    return hashlib.pbkdf2_hmac("sha256", key.encode(), b"flowapp fingerprint", 50_000, 8).hex()


def fingerprints(keys: Sequence[str]) -> list[str]:
    """A fingerprint of each."""
    return [fingerprint(key) for key in keys]


def check(engine: Engine, keys: Sequence[str]) -> list[str]:
    """The fingerprints of the keys that stored secrets need. ConfigError where one of them is not among `keys`.

    The first of `keys` is one from now on: what is stored next needs it.
    """
    own = fingerprints(keys)
    with engine.connect() as connection:
        use_tenant(connection, SYSTEM)
        needed = _needed(connection)
        if not needed and _none_opens(connection, Vault(keys)):
            raise ConfigError(_WRONG.format(missing="not known", own=", ".join(own)))
        if missing := [one for one in needed if one not in own]:
            raise ConfigError(_WRONG.format(missing=", ".join(missing), own=", ".join(own)))
    if not needed or own[0] not in needed:
        needed = needed + own[:1] if needed else own
        need(engine, needed)
    return needed


def need(engine: Engine, needed: Sequence[str]) -> None:
    """From now on stored secrets need the keys with these fingerprints, and no others."""
    with engine.begin() as connection:
        insert = (sqlite if engine.dialect.name == "sqlite" else postgresql).insert(InstallationSetting)
        value = ",".join(needed)
        connection.execute(
            insert.values(name=_NEEDED, value=value).on_conflict_do_update(
                index_elements=["name"], set_={"value": value}
            )
        )


def refuse_wrong(settings: Settings, engine: Engine) -> None:
    """What a process does before it works: ends with a message where its keys are wrong. A database that does not answer,
    or is not set up, is waited for elsewhere."""
    try:
        check(engine, settings.encryption_keys)
    except SQLAlchemyError:
        return
    except ConfigError as error:
        sys.exit(error.message)


def _needed(connection: Connection) -> list[str]:
    said = connection.scalar(select(InstallationSetting.value).where(InstallationSetting.name == _NEEDED))
    return said.split(",") if said else []


def _none_opens(connection: Connection, vault: Vault) -> bool:
    """Whether secrets are stored (by a release that kept no fingerprint) and these keys open none of them."""
    tried = False
    for token in _tokens(connection):
        try:
            vault.decrypt(token)
        except ConfigError:
            tried = True
        else:
            return False
    return tried


def _tokens(connection: Connection) -> Iterator[bytes]:
    yield from connection.scalars(select(OrganizationKey.wrapped))
    for stored in connection.scalars(select(Integration.credentials)):
        if stored and b"." not in stored:
            yield stored
    for config in connection.scalars(select(Trigger.config)):
        for value in config.values():
            if is_sealed(value):
                yield str(value["$secret"]).encode()


def main() -> None:
    """Ends with 1 and a message where the keys of the environment are wrong."""
    settings = Settings.from_env()
    engine = make_engine(settings, "long")
    prepare_engine(engine, settings)
    refuse_wrong(settings, engine)
    engine.dispose()


if __name__ == "__main__":
    main()
