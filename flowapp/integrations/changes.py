"""Changing an integration by what a caller names: the rest stays, credentials one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from sqlalchemy import inspect
from sqlalchemy.orm import Session

from flowapp.errors import ConfigError, InvalidError
from flowapp.events import Cause
from flowapp.exact_json import Json
from flowapp.integrations import service
from flowapp.models import Integration
from flowapp.security.credentials import Vault
from flowapp.texts import say


def apply(session: Session, vault: Vault, row: Integration, data: Mapping[str, object], cause: Cause) -> Integration:
    """Stores what `data` names: name, config, credentials, is_active. InvalidError as `service.save`.

    `credentials` are names and values, or {"credential_type", "credentials_data"}.
    """
    stored, given = _stored(vault, row), _given(data.get("credentials") or {})
    return service.save(
        session,
        vault,
        row,
        name=str(data.get("name", row.name)),
        config=cast(Json, data.get("config", row.config or {})),
        credentials={**stored, **given},
        cause=cause,
        kept=[name for name in stored if name not in given],
        is_active=bool(data.get("is_active", True if row.is_active is None else row.is_active)),
    )


def delete(session: Session, row: Integration, cause: Cause) -> None:
    """Removes it with its credentials, and states that as an event."""
    service.tell(session, row, "deleted", cause)
    session.delete(row)


def _stored(vault: Vault, row: Integration) -> Json:
    """The credentials that stay where none are named; what does not open any more is to be given again."""
    if not inspect(row).has_identity:
        return {}
    try:
        return service.opened(vault, row)
    except ConfigError:
        return {}


def _given(credentials: object) -> Json:
    if not isinstance(credentials, dict):
        return {}
    if "credentials_data" not in credentials and "credential_type" not in credentials:
        return credentials
    data = credentials.get("credentials_data", {})
    if not isinstance(data, dict):
        raise InvalidError.at("credentials.credentials_data", say("Give names and values."))
    return data
