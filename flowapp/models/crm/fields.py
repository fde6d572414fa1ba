"""Custom fields: what an admin adds to contacts, companies and deals."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from flowapp.models.base import AnyJson, Base, HasId, Id, Tenant, Timestamps

FIELD_OBJECTS = ("contact", "company", "deal")
FIELD_TYPES = (
    "text", "long_text", "number", "money", "date", "datetime", "boolean", "choice", "multiple_choice", "url", "email", "phone",
    "relation",
)  # fmt: skip


class FieldDef(HasId, Tenant, Timestamps, Base):
    """A custom field of contacts, companies or deals (`noun`). `key` is its name in expressions; a choice has `options`, a relation the object it leads to (`target`)."""

    __tablename__ = "field_defs"
    __table_args__ = (
        UniqueConstraint("organization_id", "object", "key"),
        CheckConstraint(f"object IN {FIELD_OBJECTS}", name="object"),
        CheckConstraint(f"type IN {FIELD_TYPES}", name="type"),
        CheckConstraint(f"target = '' OR target IN {FIELD_OBJECTS}", name="target"),
    )

    noun: Mapped[str] = mapped_column("object", String(16))
    key: Mapped[str] = mapped_column(String(64))
    label: Mapped[str] = mapped_column(String(200))
    type: Mapped[str] = mapped_column(String(16))
    required: Mapped[bool] = mapped_column(default=False)
    unique: Mapped[bool] = mapped_column("is_unique", default=False)
    default: Mapped[object] = mapped_column("default_value", AnyJson, nullable=True)
    options: Mapped[list[str]] = mapped_column(AnyJson, default=list)
    target: Mapped[str] = mapped_column(String(16), default="")
    position: Mapped[int] = mapped_column(default=0)


class FieldValue(Tenant, Base):
    """A value of a field that is unique: there is one record with it."""

    __tablename__ = "field_values"

    field_id: Mapped[str] = mapped_column(Id, ForeignKey("field_defs.id", ondelete="CASCADE"), primary_key=True)
    value: Mapped[str] = mapped_column(String(500), primary_key=True)
    record_id: Mapped[str] = mapped_column(Id, index=True)
