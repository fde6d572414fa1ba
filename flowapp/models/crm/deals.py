"""What the organization sells: deals, and the stages that they pass."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flowapp.models.base import Base, HasId, Id, Tenant, Timestamps, utcnow
from flowapp.models.crm.base import Money, Owned, by_deletion, by_order, by_source
from flowapp.models.crm.people import Company, Contact
from flowapp.models.numbers import Numbered, by_number

DEAL_STATUSES = ("open", "won", "lost")  # of a deal, and the kinds of stages


class Pipeline(HasId, Numbered, Timestamps, Base):
    """The stages that deals of one kind pass, in order. One is the default of its organization."""

    __tablename__ = "pipelines"
    __table_args__ = (UniqueConstraint("organization_id", "slug"), by_number("pipelines"))

    name: Mapped[str] = mapped_column(String(100))
    slug: Mapped[str] = mapped_column(String(64))
    position: Mapped[int] = mapped_column(default=0)
    is_default: Mapped[bool] = mapped_column(default=False)

    stages: Mapped[list[Stage]] = relationship(
        order_by="Stage.position", cascade="all, delete-orphan", passive_deletes=True, lazy="selectin"
    )


class Stage(HasId, Tenant, Timestamps, Base):
    """A stage of a pipeline. A deal that comes into one of kind won or lost is closed; `probability` is percent."""

    __tablename__ = "stages"
    __table_args__ = (
        UniqueConstraint("pipeline_id", "slug"),
        UniqueConstraint("pipeline_id", "id"),
        CheckConstraint(f"kind IN {DEAL_STATUSES}", name="kind"),
        CheckConstraint("probability BETWEEN 0 AND 100", name="probability"),
    )

    pipeline_id: Mapped[str] = mapped_column(Id, ForeignKey("pipelines.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(100))
    slug: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(8), default="open")
    probability: Mapped[int] = mapped_column(default=0)
    position: Mapped[int] = mapped_column(default=0)

    pipeline: Mapped[Pipeline] = relationship(viewonly=True)


class Deal(Owned, Base):
    """A deal. `value` (in expressions also `montant`) is an amount of `currency`; `status` follows from its stage's kind."""

    __tablename__ = "deals"
    __table_args__ = (
        by_number("deals"),
        by_source("deals"),
        by_deletion("deals"),
        by_order("deals"),
        by_order("deals", "last_activity_at"),
        ForeignKeyConstraint(["pipeline_id", "stage_id"], ["stages.pipeline_id", "stages.id"], ondelete="RESTRICT"),
        CheckConstraint(f"status IN {DEAL_STATUSES}", name="status"),
        CheckConstraint("status <> 'lost' OR lost_reason <> ''", name="lost_reason"),
        Index("ix_deals_stage_id_stage_entered_at", "stage_id", "stage_entered_at"),
    )

    title: Mapped[str] = mapped_column(String(300))
    description: Mapped[str] = mapped_column(Text, default="")
    value: Mapped[Decimal | None] = mapped_column(Money)
    currency: Mapped[str] = mapped_column(String(3), default="EUR")
    pipeline_id: Mapped[str] = mapped_column(Id)
    stage_id: Mapped[str] = mapped_column(Id)
    stage_entered_at: Mapped[datetime] = mapped_column(default=utcnow)
    status: Mapped[str] = mapped_column(String(8), default="open")
    lost_reason: Mapped[str] = mapped_column(String(500), default="")
    closed_at: Mapped[datetime | None]
    expected_close: Mapped[date | None]
    company_id: Mapped[str | None] = mapped_column(Id, ForeignKey("companies.id", ondelete="SET NULL"), index=True)

    stage: Mapped[Stage] = relationship(
        primaryjoin=stage_id == Stage.id, foreign_keys=[stage_id], lazy="joined", viewonly=True
    )
    company: Mapped[Company | None] = relationship()
    contacts: Mapped[list[Contact]] = relationship(
        secondary="deal_contacts", order_by="DealContact.position", lazy="selectin", viewonly=True
    )


class DealContact(Tenant, Base):
    """A person of a deal; the first one is whom its e-mails go to."""

    __tablename__ = "deal_contacts"

    deal_id: Mapped[str] = mapped_column(Id, ForeignKey("deals.id", ondelete="CASCADE"), primary_key=True)
    contact_id: Mapped[str] = mapped_column(
        Id, ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    position: Mapped[int] = mapped_column(default=0)
