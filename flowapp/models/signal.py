"""What wakes an execution besides time: signals addressed to it, and the events it listens for; and the split's counts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from flowapp.models.base import AnyJson, Base, HasId, Id, Tenant, utcnow

SIGNAL_KINDS = ("event", "resume", "approval", "child")


class Signal(HasId, Tenant, Base):
    """Something that an execution's token waits for has happened. Deleted in the transaction that acts on it.

    `token` addresses a token of the engine's state, or is empty: then `step_id` does (a resume call may come before the
    step that waits for it). The token "*" stands for the goals of the workflow.
    """

    __tablename__ = "signals"
    __table_args__ = (
        CheckConstraint(f"kind IN {SIGNAL_KINDS}", name="kind"),
        Index("ix_signals_execution_id_id", "execution_id", "id"),
    )

    execution_id: Mapped[str] = mapped_column(Id, ForeignKey("executions.id", ondelete="CASCADE"))
    token: Mapped[str] = mapped_column(String(32), default="")
    step_id: Mapped[str] = mapped_column(String(64), default="")
    kind: Mapped[str] = mapped_column(String(16))
    payload: Mapped[object] = mapped_column(AnyJson, nullable=True)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    rung_at: Mapped[datetime | None]


class Subscription(HasId, Tenant, Base):
    """A waiting token listens for events of a type; an empty entity means: about anything."""

    __tablename__ = "subscriptions"
    __table_args__ = (
        Index("ix_subscriptions_listening", "organization_id", "event_type", "entity_id"),
        Index("ix_subscriptions_execution_id", "execution_id"),
    )

    execution_id: Mapped[str] = mapped_column(Id, ForeignKey("executions.id", ondelete="CASCADE"))
    token: Mapped[str] = mapped_column(String(32))
    event_type: Mapped[str] = mapped_column(String(100))
    entity_type: Mapped[str] = mapped_column(String(64), default="")
    entity_id: Mapped[str] = mapped_column(String(64), default="")


class BranchCount(Tenant, Base):
    """How often a step of a version went along a branch; kept beyond the executions (splits)."""

    __tablename__ = "branch_counts"

    version_id: Mapped[str] = mapped_column(Id, ForeignKey("versions.id", ondelete="CASCADE"), primary_key=True)
    step_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    branch: Mapped[str] = mapped_column(String(64), primary_key=True)
    count: Mapped[int] = mapped_column(default=0)
