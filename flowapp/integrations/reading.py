"""How an integration is printed, and what one asks for. Credentials are never printed."""

from __future__ import annotations

from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from flowapp.catalog import Params
from flowapp.models import Integration, iso


def integration_json(row: Integration, calls: int = 0) -> dict[str, object]:
    """Everything but the credentials. `calls`: of the last thirty days."""
    return {
        "id": row.id,
        "name": row.name,
        "integration_type": row.integration_type,
        "provider": row.provider,
        "organization": row.organization_id,
        "config": row.config,
        "is_active": row.is_active,
        "credential_type": row.credential_type,
        "expires_at": iso(row.credentials_expire_at),
        "reconnect_reason": row.reconnect_reason,
        "last_tested_at": iso(row.last_tested_at),
        "last_test_ok": row.last_test_ok,
        "last_test_message": row.last_test_message,
        "last_used_at": iso(row.last_used_at),
        "last_error": row.last_error,
        "last_error_at": iso(row.last_error_at),
        "calls": calls,
        "created_at": iso(row.created_at),
        "updated_at": iso(row.updated_at),
    }


def field_names(model: type[Params]) -> list[str]:
    """By which its fields are given; where one has several names, the one that other systems use."""
    return [_name_of(name, info) for name, info in model.model_fields.items()]


def _name_of(name: str, info: FieldInfo) -> str:
    alias = info.validation_alias
    names = [choice for choice in alias.choices if isinstance(choice, str)] if isinstance(alias, AliasChoices) else []
    return names[-1] if names else info.alias or name
