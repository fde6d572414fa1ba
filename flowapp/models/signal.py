"""Facts that were recorded, and what wakes an execution besides time: signals addressed to it, the events it listens for; and
the split's counts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, false, text
from sqlalchemy.orm import Mapped, mapped_column

from flowapp.exact_json import Json
from flowapp.models.base import AnyJson, Base, HasId, Id, Tenant, utcnow

IS_WAITING = text("published_at IS NULL")  # of events: not handed on yet
SIGNAL_KINDS = ("event", "resume", "approval", "child")


class Event(HasId, Tenant, Base):
    """A fact recorded on the bus; also the outbox row: `published_at` is empty until the scheduler handed it on.

    Why it happened (events.Cause): `actor_id` did it, or the step `by_step_id`, or `origin` (a form, an import); `depth`
    counts the executions that led to it; `bulk` is one of many that a job made together; `silent` starts no workflow.
    """

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_recent", "organization_id", "type", "id"),
        Index("ix_events_entity", "entity_type", "entity_id", "id"),
        Index(
            "ix_events_waiting",
            "organization_id",
            "bulk",
            "id",
            sqlite_where=IS_WAITING,
            postgresql_where=IS_WAITING,
        ),
        Index(
            "ix_events_by_workflow",
            "by_workflow_id",
            "entity_id",
            "id",
            sqlite_where=text("by_workflow_id IS NOT NULL"),
            postgresql_where=text("by_workflow_id IS NOT NULL"),
        ),
    )

    type: Mapped[str] = mapped_column(String(100))
    entity_type: Mapped[str] = mapped_column(String(64), default="")
    entity_id: Mapped[str] = mapped_column(String(64), default="")
    payload: Mapped[Json] = mapped_column(default=dict)
    actor_id: Mapped[str | None] = mapped_column(Id)
    by_workflow_id: Mapped[str | None] = mapped_column(Id)
    by_execution_id: Mapped[str | None] = mapped_column(Id)
    by_step_id: Mapped[str] = mapped_column(String(64), default="", server_default="")
    origin: Mapped[str] = mapped_column(String(100), default="", server_default="")
    depth: Mapped[int] = mapped_column(default=0, server_default="0")
    bulk: Mapped[bool] = mapped_column(default=False, server_default=false())
    silent: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    published_at: Mapped[datetime | None]


class EventKey(Tenant, Base):
    """Under which key an event was sent: one that is sent again is recorded once."""

    __tablename__ = "event_keys"

    organization_id: Mapped[str] = mapped_column(
        Id, ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True, index=True, sort_order=-10
    )
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    event_id: Mapped[str] = mapped_column(Id, ForeignKey("events.id", ondelete="CASCADE"), index=True)


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
