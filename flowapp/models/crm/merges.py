"""Which records became one, and which are not the same although they look like it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from flowapp.models.base import Base, Id, Tenant, utcnow

MERGEABLE = ("contact", "company")


class RecordMerge(Tenant, Base):
    """A record (`noun`) that was merged into another one: its id and number lead there."""

    __tablename__ = "record_merges"
    __table_args__ = (
        CheckConstraint(f"noun IN {MERGEABLE}", name="noun"),
        Index("ix_record_merges_organization_id_noun_old_number", "organization_id", "noun", "old_number"),
    )

    old_id: Mapped[str] = mapped_column(Id, primary_key=True)
    noun: Mapped[str] = mapped_column(String(16))
    old_number: Mapped[int | None]
    into_id: Mapped[str] = mapped_column(Id, index=True)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class DistinctPair(Tenant, Base):
    """Two records of which somebody said that they are not duplicates; `first_id` is the smaller id."""

    __tablename__ = "distinct_pairs"
    __table_args__ = (CheckConstraint("first_id < second_id", name="order"),)

    first_id: Mapped[str] = mapped_column(Id, primary_key=True)
    second_id: Mapped[str] = mapped_column(Id, primary_key=True, index=True)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
