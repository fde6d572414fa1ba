"""Workflows, their immutable versions and their triggers."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flowapp.exact_json import Json
from flowapp.models.base import AnyJson, Base, HasId, Id, Tenant, Timestamps, utcnow
from flowapp.models.definitions import DefinitionJson, TestDataJson
from flowapp.models.numbers import Numbered, by_number
from flowapp.models.project import InProject
from flowapp.texts import Parts, parts, restored

WORKFLOW_STATUSES = ("draft", "active", "paused", "archived")
# Of a polling trigger: not asked yet, went well, failed, the service asked to wait, somebody must sign in to it again.
POLL_STATUSES = ("new", "ok", "failing", "busy", "signed_out")


class Workflow(HasId, InProject, Numbered, Timestamps, Base):
    """A named automation: one mutable draft (canonical definition), many immutable versions.

    `revision` grows with every change of the draft (ETag, If-Match); `draft_fingerprint` tells whether the draft
    differs from what is published. `test_data` is for trying the draft. `alerted_at` is set while its failures are announced, until it succeeds again.
    """

    __tablename__ = "workflows"
    __table_args__ = (
        CheckConstraint(f"status IN {WORKFLOW_STATUSES}", name="status"),
        by_number("workflows"),
        Index("ix_workflows_is_template", "organization_id", "is_template"),
        Index(
            "ix_workflows_alerted",
            "alerted_at",
            sqlite_where=text("alerted_at IS NOT NULL"),
            postgresql_where=text("alerted_at IS NOT NULL"),
        ),
    )

    name: Mapped[str] = mapped_column(String(200), index=True)
    description: Mapped[str] = mapped_column(Text, default="")
    status: Mapped[str] = mapped_column(String(16), default="draft", index=True)
    draft: Mapped[DefinitionJson] = mapped_column(AnyJson, default=dict)
    draft_fingerprint: Mapped[str] = mapped_column(String(64), default="")
    revision: Mapped[int] = mapped_column(default=1)
    canvas_data: Mapped[Json | None]
    is_template: Mapped[bool] = mapped_column(default=False)
    published_version_id: Mapped[str | None] = mapped_column(
        Id, ForeignKey("versions.id", use_alter=True, ondelete="SET NULL")
    )
    created_by: Mapped[str | None] = mapped_column(Id, ForeignKey("users.id", ondelete="SET NULL"))
    test_data: Mapped[TestDataJson | None] = mapped_column(AnyJson)
    alerted_at: Mapped[datetime | None]
    # The draft before each of its last changes, newest last.
    earlier_drafts: Mapped[list[DefinitionJson] | None] = mapped_column(AnyJson, nullable=True, deferred=True)

    published: Mapped[Version | None] = relationship(foreign_keys=[published_version_id], viewonly=True)
    size: Mapped[WorkflowSize | None] = relationship(viewonly=True)


class WorkflowSize(Tenant, Base):
    """How much the executions of a workflow take, in bytes of data and text, as the job measure_workflow_sizes found."""

    __tablename__ = "workflow_sizes"

    workflow_id: Mapped[str] = mapped_column(Id, ForeignKey("workflows.id", ondelete="CASCADE"), primary_key=True)
    executions: Mapped[int] = mapped_column(BigInteger)
    bytes: Mapped[int] = mapped_column(BigInteger)
    measured_at: Mapped[datetime]


class Version(HasId, Tenant, Base):
    """A published definition; never changed. `number` is None for a snapshot of a draft that was only tried."""

    __tablename__ = "versions"
    __table_args__ = (
        UniqueConstraint("workflow_id", "number"),
        Index("ix_versions_workflow_id_fingerprint", "workflow_id", "fingerprint"),
    )

    workflow_id: Mapped[str] = mapped_column(Id, ForeignKey("workflows.id", ondelete="CASCADE"))
    number: Mapped[int | None]
    definition: Mapped[DefinitionJson] = mapped_column(AnyJson)
    fingerprint: Mapped[str] = mapped_column(String(64))
    note: Mapped[str] = mapped_column(String(500), default="")
    created_by: Mapped[str | None] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class Trigger(HasId, Tenant, Timestamps, Base):
    """A trigger of a workflow's published version (id = uuid5(workflow, key)).

    `hook_key` is the public address of a webhook; `source` what an event trigger listens to (a form's slug);
    `next_fire_at` when a clock trigger is due, or a polling one asks next (TriggerPoll). `woken_until`: until when a polling
    one that is due counts on the worker that was sent for.
    """

    __tablename__ = "triggers"
    __table_args__ = (
        UniqueConstraint("workflow_id", "key"),
        Index("ix_triggers_due", "next_fire_at", sqlite_where=text("is_active"), postgresql_where=text("is_active")),
        Index("ix_triggers_source", "trigger_type", "source"),
    )

    workflow_id: Mapped[str] = mapped_column(Id, ForeignKey("workflows.id", ondelete="CASCADE"), index=True)
    key: Mapped[str] = mapped_column(String(64))
    trigger_type: Mapped[str] = mapped_column(String(64))
    config: Mapped[Json] = mapped_column(default=dict)
    conditions: Mapped[object] = mapped_column(AnyJson, nullable=True)
    is_active: Mapped[bool] = mapped_column(default=True)
    hook_key: Mapped[str | None] = mapped_column(String(64), unique=True)
    source: Mapped[str] = mapped_column(String(200), default="")
    next_fire_at: Mapped[datetime | None]
    woken_until: Mapped[datetime | None]
    last_fired_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(String(1000), default="")
    last_error_parts: Mapped[Parts | None] = mapped_column(AnyJson)

    workflow: Mapped[Workflow] = relationship()

    @property
    def error(self) -> str:
        """Why it did not start the last time, as a message that a page puts into the reader's language."""
        return restored(self.last_error, self.last_error_parts)

    def blame(self, message: str) -> None:
        """Keeps why it did not start."""
        self.last_error, self.last_error_parts = message[:1000], parts(message) if len(message) <= 1000 else None


class TriggerPoll(Tenant, Base):
    """What a polling trigger has asked so far; it stays while the workflow is paused or published again.

    `cursor` belongs to what is asked for, of which `source` is a fingerprint: of something else it is None. `begun`: what was
    there at the first poll is behind it. A worker holds the trigger by `fence` and `lease_until`. `polled_at`: the last poll
    that went well; `failures` since then; `alerted_at`: while people have been told of them.
    """

    __tablename__ = "trigger_polls"
    __table_args__ = (
        CheckConstraint(f"status IN {POLL_STATUSES}", name="status"),
        CheckConstraint("failures >= 0", name="failures"),
    )

    trigger_id: Mapped[str] = mapped_column(Id, ForeignKey("triggers.id", ondelete="CASCADE"), primary_key=True)
    source: Mapped[str] = mapped_column(String(64), default="")
    cursor: Mapped[object] = mapped_column(AnyJson, nullable=True)
    begun: Mapped[bool] = mapped_column(default=False)
    fence: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    status: Mapped[str] = mapped_column(String(16), default="new")
    polled_at: Mapped[datetime | None]
    tried_at: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(String(1000), default="")
    error_parts: Mapped[Parts | None] = mapped_column(AnyJson)
    alerted_at: Mapped[datetime | None]


class ReceivedCall(HasId, Tenant, Base):
    """The last test call that a webhook's trigger received, and until when it listens for another one.

    The trigger is that of the draft, which may not be published yet; `hook_key` is in the address where it listens.
    `context` holds method, query and headers as an execution's does; `refused` why the last call was not taken.
    """

    __tablename__ = "received_calls"
    __table_args__ = (UniqueConstraint("workflow_id", "trigger_key"),)

    workflow_id: Mapped[str] = mapped_column(Id, ForeignKey("workflows.id", ondelete="CASCADE"))
    trigger_key: Mapped[str] = mapped_column(String(64))
    hook_key: Mapped[str] = mapped_column(String(64), index=True)
    listens_until: Mapped[datetime | None]
    received_at: Mapped[datetime | None]
    input_data: Mapped[object] = mapped_column(AnyJson, nullable=True)
    context: Mapped[Json | None]
    refused_at: Mapped[datetime | None]
    refused: Mapped[str] = mapped_column(String(500), default="")

    @property
    def is_listening(self) -> bool:
        """Whether the next call is kept."""
        return self.listens_until is not None and self.listens_until > utcnow()
