"""How records are grouped: tags, and lists of contacts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from flowapp.models.base import Base, HasId, Id, Tenant, Timestamps, utcnow
from flowapp.models.crm.base import Linked

_ONE = " + ".join(f"CASE WHEN {noun}_id IS NULL THEN 0 ELSE 1 END" for noun in ("contact", "company", "deal"))


class Tag(HasId, Tenant, Timestamps, Base):
    """A tag, shown as it was first written; `key` is the same without case, and there once."""

    __tablename__ = "tags"
    __table_args__ = (UniqueConstraint("organization_id", "key"),)

    name: Mapped[str] = mapped_column(String(100))
    key: Mapped[str] = mapped_column(String(200))


class Tagging(HasId, Linked, Base):
    """A tag of one record."""

    __tablename__ = "taggings"
    __table_args__ = (
        UniqueConstraint("tag_id", "contact_id"),
        UniqueConstraint("tag_id", "company_id"),
        UniqueConstraint("tag_id", "deal_id"),
        CheckConstraint(f"{_ONE} = 1", name="one"),
    )

    tag_id: Mapped[str] = mapped_column(Id, ForeignKey("tags.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class ContactList(HasId, Tenant, Timestamps, Base):
    """A static list: who is in it was put there."""

    __tablename__ = "contact_lists"
    __table_args__ = (UniqueConstraint("organization_id", "slug"),)

    name: Mapped[str] = mapped_column(String(200))
    slug: Mapped[str] = mapped_column(String(64))
    description: Mapped[str] = mapped_column(Text, default="")


class ListMember(Tenant, Base):
    """A contact in a list."""

    __tablename__ = "list_members"

    list_id: Mapped[str] = mapped_column(Id, ForeignKey("contact_lists.id", ondelete="CASCADE"), primary_key=True)
    contact_id: Mapped[str] = mapped_column(
        Id, ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
