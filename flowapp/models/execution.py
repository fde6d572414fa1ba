"""One run of a version: its execution, the attempts of its steps, its log, its timers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from flowapp.exact_json import Json
from flowapp.models.base import AnyJson, Base, HasId, Id, Tenant, utcnow
from flowapp.texts import Parts, restored

EXECUTION_STATUSES = (
    "pending", "running", "waiting", "completed", "goal_reached", "failed", "cancelled", "skipped",
)  # fmt: skip
OPEN = ("pending", "running", "waiting")
TERMINAL = ("completed", "goal_reached", "failed", "cancelled", "skipped")
TEST = "test"  # the trigger_type of test runs of a draft: they count nowhere, and nobody is told how they end
STEP_STATUSES = ("running", "waiting", "completed", "failed", "uncertain", "cancelled")
# The conditions of partial indexes: SQLite uses such an index only where a query of this table alone says the same.
IS_OPEN, IS_HELD = text(f"status IN {OPEN}"), text("held AND status = 'pending'")
IS_ABOUT = text("trigger_entity_id <> ''")
IS_DEAD = text(f"status = 'failed' AND trigger_type <> '{TEST}'")


def _some(*columns: str) -> Index:
    """An index of the rows that have the first of these columns: few do."""
    given = text(f"{columns[0]} IS NOT NULL")
    return Index(f"ix_executions_{columns[0]}", *columns, sqlite_where=given, postgresql_where=given)


class Execution(HasId, Tenant, Base):
    """One run of one version.

    `state` is the engine's (engine.machine.state); `fence` grows with every claim, and every write of a worker carries it;
    `seq` counts the messages of this execution (log lines, step starts and ends), so that a live page misses nothing.
    `held`: it waits for a free place (concurrency), and may not be claimed; `start_after`: nor before then (debounce).
    `options` is what few executions have: {"parent": [execution id, token], "root": execution id, "run_to", "pins", "reuse"}.
    `descendants`: how many executions it has started through sub-workflows, and those through theirs (tasks.subflows).
    `response` is what a `respond` step answers to the waiting caller.
    `error_parts`, here and in attempts, and `message_parts` of lines: what the English beside it was made of (texts.parts).
    """

    __tablename__ = "executions"
    __table_args__ = (
        CheckConstraint(f"status IN {EXECUTION_STATUSES}", name="status"),
        UniqueConstraint("workflow_id", "idempotency_key"),
        Index("ix_executions_workflow_id_id", "workflow_id", "id"),
        Index("ix_executions_workflow_id_status", "workflow_id", "status"),
        Index("ix_executions_organization_id_id", "organization_id", "id"),
        Index(
            "ix_executions_trigger_entity",
            "trigger_entity_id",
            "trigger_entity_type",
            sqlite_where=IS_ABOUT,
            postgresql_where=IS_ABOUT,
        ),
        Index("ix_executions_open", "status", "rung_at", sqlite_where=IS_OPEN, postgresql_where=IS_OPEN),
        _some("contact_id", "workflow_id"),
        _some("parent_id"),
        _some("replay_id"),
        _some("retry_of_id"),
        _some("concurrency_key", "workflow_id", "status"),
        _some("debounce_key", "workflow_id", "status"),
        Index(
            "ix_executions_failed",
            "organization_id",
            "workflow_id",
            "error_fingerprint",
            "completed_at",
            sqlite_where=IS_DEAD,
            postgresql_where=IS_DEAD,
        ),
        Index(
            "ix_executions_held",
            "workflow_id",
            "id",
            sqlite_where=IS_HELD,
            postgresql_where=IS_HELD,
        ),
    )

    organization_id: Mapped[str] = mapped_column(Id, ForeignKey("organizations.id", ondelete="CASCADE"), sort_order=-10)
    workflow_id: Mapped[str] = mapped_column(Id, ForeignKey("workflows.id", ondelete="CASCADE"))
    version_id: Mapped[str] = mapped_column(Id, ForeignKey("versions.id", ondelete="CASCADE"))
    status: Mapped[str] = mapped_column(String(16), default="pending")
    trigger_id: Mapped[str | None] = mapped_column(Id)
    trigger_type: Mapped[str] = mapped_column(String(64), default="manual")
    trigger_entity_type: Mapped[str] = mapped_column(String(64), default="")
    trigger_entity_id: Mapped[str] = mapped_column(String(64), default="")
    input_data: Mapped[object] = mapped_column(AnyJson, nullable=True)
    output_data: Mapped[object] = mapped_column(AnyJson, nullable=True)
    context: Mapped[Json] = mapped_column(default=dict)
    state: Mapped[dict[str, Any]] = mapped_column(AnyJson, default=dict)
    current_step_id: Mapped[str] = mapped_column(String(64), default="")
    error_message: Mapped[str] = mapped_column(Text, default="")
    error_parts: Mapped[Parts | None] = mapped_column(AnyJson)
    error_fingerprint: Mapped[str] = mapped_column(String(16), default="")
    goal_reached: Mapped[bool] = mapped_column(default=False)
    response: Mapped[Json | None]
    options: Mapped[dict[str, Any]] = mapped_column(AnyJson, default=dict)
    idempotency_key: Mapped[str | None] = mapped_column(String(255))
    retry_of_id: Mapped[str | None] = mapped_column(Id)
    replay_id: Mapped[str | None] = mapped_column(Id)
    parent_id: Mapped[str | None] = mapped_column(Id)
    contact_id: Mapped[str | None] = mapped_column(Id)
    concurrency_key: Mapped[str | None] = mapped_column(String(200))
    debounce_key: Mapped[str | None] = mapped_column(String(200))
    held: Mapped[bool] = mapped_column(default=False)
    start_after: Mapped[datetime | None]
    started_by: Mapped[str | None] = mapped_column(Id)
    success_count: Mapped[int] = mapped_column(default=0)
    failure_count: Mapped[int] = mapped_column(default=0)
    descendants: Mapped[int] = mapped_column(default=0, server_default="0")
    seq: Mapped[int] = mapped_column(default=0)
    fence: Mapped[int] = mapped_column(BigInteger, default=0)
    crashes: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    lease_owner: Mapped[str] = mapped_column(String(100), default="")
    rung_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]

    # Of its organization; no columns: known right after the start only (engine.store.start)
    timezone = ""
    hears_executions = False

    @property
    def error(self) -> str:
        """Why it ended as it did, as a message that a page puts into the reader's language."""
        return restored(self.error_message, self.error_parts)


class StepRun(Tenant, Base):
    """One attempt of one visit of one step. Its key is the execution and the sequence number of its start.

    `frame` says in which items of which loops it ran ("3:0/5:2", loop:index); `source` where its outcome came from when
    the step did not run: reused (from the execution that this one repeats) or pinned.
    """

    __tablename__ = "step_runs"
    __table_args__ = (
        CheckConstraint(f"status IN {STEP_STATUSES}", name="status"),
        Index(
            "ix_step_runs_uncertain",
            "organization_id",
            "execution_id",
            sqlite_where=text("status = 'uncertain'"),
            postgresql_where=text("status = 'uncertain'"),
        ),
    )

    organization_id: Mapped[str] = mapped_column(Id, sort_order=-10)
    execution_id: Mapped[str] = mapped_column(Id, ForeignKey("executions.id", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    ended_seq: Mapped[int | None]
    step_id: Mapped[str] = mapped_column(String(64))
    step_name: Mapped[str] = mapped_column(String(200))
    action_type: Mapped[str] = mapped_column(String(64))
    token: Mapped[str] = mapped_column(String(32))
    frame: Mapped[str] = mapped_column(String(255), default="")
    source: Mapped[str] = mapped_column(String(8), default="")
    iteration: Mapped[int] = mapped_column(default=0)
    attempt: Mapped[int] = mapped_column(default=1)
    status: Mapped[str] = mapped_column(String(16))
    branch: Mapped[str] = mapped_column(String(64), default="")
    input: Mapped[object] = mapped_column(AnyJson, nullable=True)
    output: Mapped[object] = mapped_column(AnyJson, nullable=True)
    explanation: Mapped[list[dict[str, object]] | None] = mapped_column(AnyJson, nullable=True)
    error_message: Mapped[str] = mapped_column(Text, default="")
    error_parts: Mapped[Parts | None] = mapped_column(AnyJson)
    error_details: Mapped[object] = mapped_column(AnyJson, nullable=True)
    idempotency_key: Mapped[str] = mapped_column(String(64), default="")
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    @property
    def error(self) -> str:
        """What went wrong, as a message that a page puts into the reader's language."""
        return restored(self.error_message, self.error_parts)


class LogLine(Tenant, Base):
    """A line of an execution's log."""

    __tablename__ = "log_lines"

    organization_id: Mapped[str] = mapped_column(Id, sort_order=-10)
    execution_id: Mapped[str] = mapped_column(Id, ForeignKey("executions.id", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    step_id: Mapped[str] = mapped_column(String(64), default="")
    level: Mapped[str] = mapped_column(String(8))
    message: Mapped[str] = mapped_column(Text)
    message_parts: Mapped[Parts | None] = mapped_column(AnyJson)
    data: Mapped[object] = mapped_column(AnyJson, nullable=True)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)

    @property
    def text(self) -> str:
        """The message, as a page puts it into the reader's language."""
        return restored(self.message, self.message_parts)


class Timer(HasId, Tenant, Base):
    """When a waiting or retrying token must wake."""

    __tablename__ = "timers"
    __table_args__ = (UniqueConstraint("execution_id", "token"),)

    execution_id: Mapped[str] = mapped_column(Id, ForeignKey("executions.id", ondelete="CASCADE"))
    token: Mapped[str] = mapped_column(String(32))
    kind: Mapped[str] = mapped_column(String(16))
    due_at: Mapped[datetime] = mapped_column(index=True)
    rung_at: Mapped[datetime | None]


class Lease(Base):
    """Which process may do a job that only one should do at a time. Belongs to the installation, not to a tenant."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    owner: Mapped[str] = mapped_column(String(100))
    until: Mapped[datetime]
