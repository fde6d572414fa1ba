"""What the tables of the CRM share: money, the trash, owners, where a row came from, what it is linked to."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Dialect, ForeignKey, Index, Numeric, String, Text, TypeDecorator, text
from sqlalchemy.orm import Mapped, declared_attr, mapped_column
from sqlalchemy.types import TypeEngine

from flowapp.exact_json import Json
from flowapp.models.base import HasId, Id, Tenant, Timestamps, utcnow
from flowapp.models.numbers import Numbered

_PARTS = Decimal(10_000)  # of one: every currency's smallest coin is a whole number of them


class Money(TypeDecorator[Decimal]):
    """An exact amount with four decimals. SQLite has no exact decimals: there it is a whole number of ten-thousandths."""

    impl = Numeric(18, 4)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(BigInteger() if dialect.name == "sqlite" else Numeric(18, 4))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Decimal | int | None:
        return int(value * _PARTS) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return Decimal(value) / _PARTS if value is not None and dialect.name == "sqlite" else value


class Sourced(HasId, Tenant, Timestamps):
    """A row that a step may make: under its `source_key` (a visit's idempotency key) there is one row, however often it runs."""

    source_key: Mapped[str | None] = mapped_column(String(80))
    deleted_at: Mapped[datetime | None]


def by_source(table: str) -> Index:
    """The index of every table whose rows steps make."""
    return Index(f"ix_{table}_organization_id_source_key", "organization_id", "source_key", unique=True)


def by_deletion(table: str) -> Index:
    """The index of what is in the trash: few rows are."""
    deleted = text("deleted_at IS NOT NULL")
    return Index(
        f"ix_{table}_organization_id_deleted_at",
        "organization_id",
        "deleted_at",
        sqlite_where=deleted,
        postgresql_where=deleted,
    )


def by_order(table: str, *columns: str) -> Index:
    """The index that a list is read from when it is sorted by these columns, either way (crm.finding.order_of); by none:
    the newest first."""
    order = (*columns, "id")
    return Index(f"ix_{table}_by_{order[0]}", "organization_id", *order)


class Owned(Sourced, Numbered):
    """A record with an owner and custom fields. `search`: the words it is found by (crm.search.words).

    `last_activity_at`: when it was last changed, or something was done or noted about it; empty where the release before
    made it.
    """

    fields: Mapped[Json] = mapped_column(default=dict)
    search: Mapped[str] = mapped_column(Text, default="", server_default="")
    last_activity_at: Mapped[datetime | None] = mapped_column(default=utcnow)

    @declared_attr
    def owner_id(cls) -> Mapped[str | None]:  # noqa: N805 - a class attribute of each table
        return mapped_column(Id, ForeignKey("users.id", ondelete="SET NULL"), index=True)


class Linked(Tenant):
    """A row about a contact, a company, a deal, or several of them; it goes with them."""

    @declared_attr
    def contact_id(cls) -> Mapped[str | None]:  # noqa: N805
        return mapped_column(Id, ForeignKey("contacts.id", ondelete="CASCADE"), index=True)

    @declared_attr
    def company_id(cls) -> Mapped[str | None]:  # noqa: N805
        return mapped_column(Id, ForeignKey("companies.id", ondelete="CASCADE"), index=True)

    @declared_attr
    def deal_id(cls) -> Mapped[str | None]:  # noqa: N805
        return mapped_column(Id, ForeignKey("deals.id", ondelete="CASCADE"), index=True)
