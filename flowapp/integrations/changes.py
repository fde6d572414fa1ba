"""Changing an integration by what a caller names: the rest stays, credentials one by one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal, NamedTuple, cast

from sqlalchemy import inspect
from sqlalchemy.orm import Session

from flowapp.errors import ConfigError, InvalidError
from flowapp.events import Cause
from flowapp.exact_json import Json
from flowapp.integrations import service
from flowapp.models import Integration
from flowapp.security.credentials import Vault
from flowapp.texts import say

_WRAPPED = {"credential_type", "credentials_data", "expires_at"}


def apply(session: Session, vault: Vault, row: Integration, data: Mapping[str, object], cause: Cause) -> Integration:
    """Stores what `data` names: name, config, credentials, is_active. InvalidError as `service.save`.

    `credentials` are names and values, or {"credential_type", "credentials_data", "expires_at"}.
    """
    stored, (given, credential_type, expires_at) = _stored(vault, row), _given(data.get("credentials"))
    return service.save(
        session,
        vault,
        row,
        name=str(data.get("name", row.name)),
        config=cast(Json, data.get("config", row.config or {})),
        credentials={**stored, **given},
        cause=cause,
        kept=[name for name in stored if name not in given],
        credential_type=credential_type or ("" if "config" in data else row.credential_type or ""),
        expires_at=expires_at,
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


class _Given(NamedTuple):
    """Credentials as a caller names them."""

    values: Json
    credential_type: str = ""
    expires_at: datetime | Literal["kept"] | None = "kept"


def _given(credentials: object) -> _Given:
    if not isinstance(credentials, dict):
        return _Given({})
    if not _WRAPPED & set(credentials):
        return _Given(credentials)
    for name in credentials:
        if name not in _WRAPPED:
            raise InvalidError.at(f"credentials.{name}", say("Put names and values into credentials_data."))
    data = credentials.get("credentials_data", {})
    if not isinstance(data, dict):
        raise InvalidError.at("credentials.credentials_data", say("Give names and values."))
    given = _Given(data, str(credentials.get("credential_type") or ""))
    return given._replace(expires_at=_moment(credentials["expires_at"])) if "expires_at" in credentials else given


def _moment(value: object) -> datetime | None:
    if value in (None, ""):
        return None
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise InvalidError.at(
            "credentials.expires_at", say("Give a date and a time, for example 2027-01-31T12:00:00Z.")
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
