"""What runs beside executions: processes, background jobs and their runs, jobs of people, replays, notifications."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from flowapp.exact_json import Json
from flowapp.models.base import AnyJson, Base, HasId, Id, Tenant, utcnow

PROCESS_KINDS = ("web", "worker", "scheduler")
REPLAY_STATUSES = ("pending", "running", "completed", "cancelled")
JOB_STATUSES = ("pending", "running", "completed", "cancelled", "failed")
JOB_OPEN = JOB_STATUSES[:2]
JOB_FILES = ("ids", "input", "output")
_IS_OPEN = text("status IN ('pending', 'running')")


class Heartbeat(Base):
    """A process that runs, or ran until a while ago (tasks.fleet.heartbeats writes it every few seconds). Belongs to the
    installation.

    `started_at` and `seen_at` are times of the database's clock. `stalled_seconds`: for how long it had made no progress
    when it was seen; `clock_ahead_ms`: how far its host's clock was ahead of the database's, NULL while it is not known;
    `secret_key` and `encryption_keys`: fingerprints of its keys, the latter in the order of the setting.
    """

    __tablename__ = "heartbeats"
    __table_args__ = (CheckConstraint(f"kind IN {PROCESS_KINDS}", name="kind"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int]
    kind: Mapped[str] = mapped_column(String(16))
    version: Mapped[str] = mapped_column(String(32))
    secret_key: Mapped[str] = mapped_column(String(16))
    encryption_keys: Mapped[list[str]] = mapped_column(AnyJson)
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime] = mapped_column(index=True)
    stalled_seconds: Mapped[int] = mapped_column("still_seconds", key="stalled_seconds", default=0)
    clock_ahead_ms: Mapped[int | None]


class InstallationSetting(Base):
    """What a person set for the whole installation, where the environment says nothing."""

    __tablename__ = "installation_settings"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(String(2000))


class JobRun(Base):
    """The last run of a background job, and when it last ended well. Belongs to the installation; `result` holds counts,
    never a tenant's data."""

    __tablename__ = "job_runs"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    started_at: Mapped[datetime]
    duration_ms: Mapped[int] = mapped_column(default=0)
    ok: Mapped[bool] = mapped_column(default=True)
    result: Mapped[object] = mapped_column(AnyJson, nullable=True)
    error: Mapped[str] = mapped_column(String(1000), default="")
    succeeded_at: Mapped[datetime | None]


class IntegrationUsage(Tenant, Base):
    """How often an integration was called on a day, and how long that took (integrations.usage). `batch`: the last that was
    added, so that none is added twice."""

    __tablename__ = "integration_usage"

    integration_id: Mapped[str] = mapped_column(Id, ForeignKey("integrations.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    calls: Mapped[int] = mapped_column(default=0)
    errors: Mapped[int] = mapped_column(default=0)
    latencies: Mapped[Json] = mapped_column(default=dict)
    batch: Mapped[str] = mapped_column(Id)


class Replay(HasId, Tenant, Base):
    """Many executions run again: which (`filters`), how, and how far it is. `after` is the last one that was taken.

    `trigger_type`: of the new executions; manual, or api_call where a program asked for it.
    """

    __tablename__ = "replays"
    __table_args__ = (CheckConstraint(f"status IN {REPLAY_STATUSES}", name="status"),)

    filters: Mapped[Json] = mapped_column(default=dict)
    from_step: Mapped[str] = mapped_column(String(16), default="start")
    version: Mapped[str] = mapped_column(String(16), default="same")
    trigger_type: Mapped[str] = mapped_column(String(64), default="manual", server_default="manual")
    status: Mapped[str] = mapped_column(String(16), default="pending")
    total: Mapped[int] = mapped_column(default=0)
    done: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    after: Mapped[str | None] = mapped_column(Id)
    created_by: Mapped[str | None] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    completed_at: Mapped[datetime | None]


class Job(HasId, Tenant, Base):
    """Long work that a person started: what kind (records.jobs.kinds), with which `arguments`, and how far it is.

    `cursor` is where its next batch begins, committed with the rows of the one before; a worker holds the job by `fence`
    and `lease_until`, as it holds an execution. `attempts` counts the claims since the last batch. `start_workflows`:
    whether its events may start any. `title_parts` and `result_parts`: what these texts are made of (texts.parts).
    """

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(f"status IN {JOB_STATUSES}", name="status"),
        CheckConstraint("total >= 0 AND done >= 0 AND changed >= 0 AND failed >= 0", name="counts"),
        Index("ix_jobs_open", "woken_at", sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN),
    )

    kind: Mapped[str] = mapped_column(String(64))
    title: Mapped[str] = mapped_column(String(300))
    title_parts: Mapped[object] = mapped_column(AnyJson, nullable=True)
    status: Mapped[str] = mapped_column(String(16), default="pending")
    total: Mapped[int] = mapped_column(default=0)
    done: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    cursor: Mapped[object] = mapped_column(AnyJson, nullable=True)
    arguments: Mapped[dict[str, object]] = mapped_column(AnyJson, default=dict)
    start_workflows: Mapped[bool] = mapped_column(default=False, server_default=false())
    result: Mapped[str] = mapped_column(Text, default="")
    result_parts: Mapped[object] = mapped_column(AnyJson, nullable=True)
    created_by: Mapped[str | None] = mapped_column(Id, ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    woken_at: Mapped[datetime] = mapped_column(default=utcnow)
    fence: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]


class JobFailure(Tenant, Base):
    """A row that a job could not work on, and why: a line of its error file. `data` is the row as it was sent."""

    __tablename__ = "job_failures"

    job_id: Mapped[str] = mapped_column(Id, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    reference: Mapped[str] = mapped_column(String(200), default="")
    name: Mapped[str] = mapped_column(String(300), default="")
    message: Mapped[str] = mapped_column(Text)
    message_parts: Mapped[object] = mapped_column(AnyJson, nullable=True)
    data: Mapped[object] = mapped_column(AnyJson, nullable=True)


class JobFile(HasId, Tenant, Base):
    """What a job works on or has made: the file that was sent (input), the one to fetch (output), or its frozen set of ids,
    16 bytes each."""

    __tablename__ = "job_files"
    __table_args__ = (
        UniqueConstraint("job_id", "kind"),
        CheckConstraint(f"kind IN {JOB_FILES}", name="kind"),
    )

    job_id: Mapped[str] = mapped_column(Id, ForeignKey("jobs.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(8))
    name: Mapped[str] = mapped_column(String(255), default="")
    media_type: Mapped[str] = mapped_column(String(100), default="")
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class Notification(HasId, Tenant, Base):
    """A message to a member, shown in the app until it is read. `kind`: notifications.settings; empty of an old one."""

    __tablename__ = "notifications"
    __table_args__ = (
        Index("ix_notifications_user_id_id", "user_id", "id"),
        Index("ix_notifications_organization_id_source_key", "organization_id", "source_key", unique=True),
    )

    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(16), default="", server_default="")
    level: Mapped[str] = mapped_column(String(8), default="info")
    title: Mapped[str] = mapped_column(String(300))
    body: Mapped[str] = mapped_column(Text, default="")
    link: Mapped[str] = mapped_column(String(500), default="")
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    read_at: Mapped[datetime | None]
    source_key: Mapped[str | None] = mapped_column(String(110))  # a step's visit and whom it tells: told once


class NotificationSetting(Tenant, Base):
    """How a member of an organization is told of a kind of things; without a row, as its kind says (notifications.settings)."""

    __tablename__ = "notification_settings"

    organization_id: Mapped[str] = mapped_column(
        Id, ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True, sort_order=-10
    )
    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    in_app: Mapped[bool]
    by_email: Mapped[bool]
