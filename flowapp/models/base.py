"""What every table shares: ids, times, JSON, the tenant's column."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

import uuid_utils
from sqlalchemy import JSON, DateTime, ForeignKey, String, Text, TypeDecorator, Uuid
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from flowapp import exact_json
from flowapp.database import metadata as flowapp_metadata
from flowapp.exact_json import Json, dump_json

Id = Uuid(as_uuid=False)


class TextJson(TypeDecorator[Any]):
    """JSON as text: SQLite's JSON columns have numeric affinity, which would turn "7" and large numbers into others."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else dump_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        return None if value is None else exact_json.loads(value)


# JSON, not JSONB: the order of keys is the user's (columns, form fields), and writing is cheaper. None is NULL.
AnyJson = JSON(none_as_null=True).with_variant(TextJson(), "sqlite")


_TOLD: ContextVar[tuple[datetime, Iterator[int]] | None] = ContextVar("told", default=None)


@contextmanager
def as_of(moment: datetime) -> Iterator[None]:
    """What is done inside was done at that moment of the past: what is written says so, ids included (demo data)."""
    token = _TOLD.set((moment, count()))
    try:
        yield
    finally:
        _TOLD.reset(token)


def new_id() -> str:
    """A UUIDv7 (RFC 9562): sorts by time."""
    told = _TOLD.get()
    if told is None:
        return str(uuid_utils.uuid7())
    moment, numbers = told
    return str(UUID(f"{first_id(moment)[:14]}7{next(numbers) % 0x1000:03x}-{str(uuid_utils.uuid7())[19:]}"))


def first_id(moment: datetime) -> str:
    """The smallest UUIDv7 (RFC 9562) of a moment."""
    milliseconds = max(0, min(int(moment.timestamp() * 1000), 2**48 - 1))
    return str(UUID(f"{milliseconds:012x}" + "0" * 20))


def read_id(text: str) -> str | None:
    """The id that a text is; None where it is none: PostgreSQL refuses to compare an id with anything else."""
    try:
        return str(UUID(text))
    except ValueError:
        return None


def utcnow() -> datetime:
    """Now, aware, in UTC."""
    told = _TOLD.get()
    return told[0] if told else datetime.now(UTC)


def iso(moment: datetime | None) -> str | None:
    """ISO 8601, UTC, as every answer, message and file prints a time; None where there is none."""
    return moment.astimezone(UTC).isoformat() if moment else None


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC times on every database; SQLite keeps them as text without a zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("times must be aware")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of every model."""

    metadata = flowapp_metadata
    type_annotation_map = {datetime: UtcDateTime, Json: AnyJson, list[object]: AnyJson, str: String}  # noqa: RUF012


class HasId:
    """A UUIDv7 as primary key."""

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)


class Timestamps:
    """When a row was made and last changed."""

    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow, onupdate=utcnow)


class Tenant:
    """A row that belongs to exactly one organization. Sessions see only their own (models.tenancy)."""

    organization_id: Mapped[str] = mapped_column(
        Id, ForeignKey("organizations.id", ondelete="CASCADE"), index=True, sort_order=-10
    )
