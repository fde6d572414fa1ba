"""the whole flow language: signals, subscriptions, contacts, notifications, replays, background jobs

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = ("branch_counts", "contacts", "notifications", "replays", "signals", "subscriptions")
MINE = (
    "current_setting('flowapp.organization', true) = 'system' "
    "OR organization_id::text = current_setting('flowapp.organization', true)"
)


def guard() -> None:
    """Row-level security, as for the first tables (0002)."""
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY tenant ON {table} USING ({MINE}) WITH CHECK ({MINE})")


def upgrade() -> None:
    op.create_table(
        "job_runs",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("result", sa.JSON(none_as_null=True).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("error", sa.String(length=1000), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_job_runs")),
    )
    op.create_table(
        "contacts",
        sa.Column("organization_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("first_name", sa.String(length=200), nullable=False),
        sa.Column("last_name", sa.String(length=200), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("fields", sa.JSON(none_as_null=True).with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_contacts_email_lower")),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_contacts_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contacts")),
        sa.UniqueConstraint("organization_id", "email", name=op.f("uq_contacts_organization_id_email")),
    )
    op.create_index(op.f("ix_contacts_organization_id"), "contacts", ["organization_id"], unique=False)

    op.create_table(
        "notifications",
        sa.Column("organization_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("user_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("level", sa.String(length=8), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("link", sa.String(length=500), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_notifications_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_notifications_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
    )
    op.create_index(op.f("ix_notifications_organization_id"), "notifications", ["organization_id"], unique=False)
    op.create_index("ix_notifications_user_id_id", "notifications", ["user_id", "id"], unique=False)

    op.create_table(
        "replays",
        sa.Column("organization_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("filters", sa.JSON(none_as_null=True).with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("from_step", sa.String(length=16), nullable=False),
        sa.Column("version", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("after", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.CheckConstraint(
            "status IN ('pending', 'running', 'completed', 'cancelled')", name=op.f("ck_replays_status")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_replays_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replays")),
    )
    op.create_index(op.f("ix_replays_organization_id"), "replays", ["organization_id"], unique=False)

    op.create_table(
        "branch_counts",
        sa.Column("organization_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("version_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("step_id", sa.String(length=64), nullable=False),
        sa.Column("branch", sa.String(length=64), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_branch_counts_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["versions.id"], name=op.f("fk_branch_counts_version_id_versions"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("version_id", "step_id", "branch", name=op.f("pk_branch_counts")),
    )
    op.create_index(op.f("ix_branch_counts_organization_id"), "branch_counts", ["organization_id"], unique=False)

    op.create_table(
        "signals",
        sa.Column("organization_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("execution_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("step_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("payload", sa.JSON(none_as_null=True).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rung_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.CheckConstraint("kind IN ('event', 'resume', 'approval', 'child')", name=op.f("ck_signals_kind")),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["executions.id"], name=op.f("fk_signals_execution_id_executions"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_signals_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signals")),
    )
    op.create_index("ix_signals_execution_id_id", "signals", ["execution_id", "id"], unique=False)
    op.create_index(op.f("ix_signals_organization_id"), "signals", ["organization_id"], unique=False)

    op.create_table(
        "subscriptions",
        sa.Column("organization_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("execution_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("event_type", sa.String(length=100), nullable=False),
        sa.Column("entity_type", sa.String(length=64), nullable=False),
        sa.Column("entity_id", sa.String(length=64), nullable=False),
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["executions.id"],
            name=op.f("fk_subscriptions_execution_id_executions"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_subscriptions_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriptions")),
    )
    op.create_index("ix_subscriptions_execution_id", "subscriptions", ["execution_id"], unique=False)
    op.create_index(op.f("ix_subscriptions_organization_id"), "subscriptions", ["organization_id"], unique=False)
    op.create_index(
        "ix_subscriptions_organization_id_event_type", "subscriptions", ["organization_id", "event_type"], unique=False
    )

    op.add_column("executions", sa.Column("error_fingerprint", sa.String(length=16), nullable=False, server_default=""))
    op.add_column(
        "executions", sa.Column("response", sa.JSON(none_as_null=True).with_variant(sa.Text(), "sqlite"), nullable=True)
    )
    op.add_column(
        "executions",
        sa.Column(
            "options", sa.JSON(none_as_null=True).with_variant(sa.Text(), "sqlite"), nullable=False, server_default="{}"
        ),
    )
    op.add_column("executions", sa.Column("replay_id", sa.Uuid(as_uuid=False), nullable=True))
    op.add_column("executions", sa.Column("parent_id", sa.Uuid(as_uuid=False), nullable=True))
    op.add_column("executions", sa.Column("contact_id", sa.Uuid(as_uuid=False), nullable=True))
    op.add_column("executions", sa.Column("concurrency_key", sa.String(length=200), nullable=True))
    op.add_column("executions", sa.Column("debounce_key", sa.String(length=200), nullable=True))
    op.add_column("executions", sa.Column("held", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("executions", sa.Column("start_after", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_executions_concurrency_key",
        "executions",
        ["concurrency_key", "workflow_id", "status"],
        unique=False,
        sqlite_where=sa.text("concurrency_key IS NOT NULL"),
        postgresql_where=sa.text("concurrency_key IS NOT NULL"),
    )
    op.create_index(
        "ix_executions_contact_id",
        "executions",
        ["contact_id", "workflow_id"],
        unique=False,
        sqlite_where=sa.text("contact_id IS NOT NULL"),
        postgresql_where=sa.text("contact_id IS NOT NULL"),
    )
    op.create_index(
        "ix_executions_debounce_key",
        "executions",
        ["debounce_key", "workflow_id", "status"],
        unique=False,
        sqlite_where=sa.text("debounce_key IS NOT NULL"),
        postgresql_where=sa.text("debounce_key IS NOT NULL"),
    )
    op.create_index(
        "ix_executions_failed",
        "executions",
        ["organization_id", "error_fingerprint", "completed_at"],
        unique=False,
        sqlite_where=sa.text("status = 'failed'"),
        postgresql_where=sa.text("status = 'failed'"),
    )
    op.create_index(
        "ix_executions_held",
        "executions",
        ["workflow_id", "id"],
        unique=False,
        sqlite_where=sa.text("held AND status = 'pending'"),
        postgresql_where=sa.text("held AND status = 'pending'"),
    )
    op.create_index(
        "ix_executions_parent_id",
        "executions",
        ["parent_id"],
        unique=False,
        sqlite_where=sa.text("parent_id IS NOT NULL"),
        postgresql_where=sa.text("parent_id IS NOT NULL"),
    )
    op.create_index(
        "ix_executions_replay_id",
        "executions",
        ["replay_id"],
        unique=False,
        sqlite_where=sa.text("replay_id IS NOT NULL"),
        postgresql_where=sa.text("replay_id IS NOT NULL"),
    )
    op.create_index(
        "ix_executions_retry_of_id",
        "executions",
        ["retry_of_id"],
        unique=False,
        sqlite_where=sa.text("retry_of_id IS NOT NULL"),
        postgresql_where=sa.text("retry_of_id IS NOT NULL"),
    )

    op.add_column("step_runs", sa.Column("frame", sa.String(length=255), nullable=False, server_default=""))
    op.add_column("step_runs", sa.Column("source", sa.String(length=8), nullable=False, server_default=""))

    op.add_column(
        "workflows", sa.Column("test_data", sa.JSON(none_as_null=True).with_variant(sa.Text(), "sqlite"), nullable=True)
    )
    op.add_column("workflows", sa.Column("alerted_at", sa.DateTime(timezone=True), nullable=True))

    if op.get_bind().dialect.name == "postgresql":
        guard()


def downgrade() -> None:
    op.drop_column("workflows", "alerted_at")
    op.drop_column("workflows", "test_data")

    op.drop_column("step_runs", "source")
    op.drop_column("step_runs", "frame")

    op.drop_index(
        "ix_executions_retry_of_id",
        table_name="executions",
        sqlite_where=sa.text("retry_of_id IS NOT NULL"),
        postgresql_where=sa.text("retry_of_id IS NOT NULL"),
    )
    op.drop_index(
        "ix_executions_replay_id",
        table_name="executions",
        sqlite_where=sa.text("replay_id IS NOT NULL"),
        postgresql_where=sa.text("replay_id IS NOT NULL"),
    )
    op.drop_index(
        "ix_executions_parent_id",
        table_name="executions",
        sqlite_where=sa.text("parent_id IS NOT NULL"),
        postgresql_where=sa.text("parent_id IS NOT NULL"),
    )
    op.drop_index(
        "ix_executions_held",
        table_name="executions",
        sqlite_where=sa.text("held AND status = 'pending'"),
        postgresql_where=sa.text("held AND status = 'pending'"),
    )
    op.drop_index(
        "ix_executions_failed",
        table_name="executions",
        sqlite_where=sa.text("status = 'failed'"),
        postgresql_where=sa.text("status = 'failed'"),
    )
    op.drop_index(
        "ix_executions_debounce_key",
        table_name="executions",
        sqlite_where=sa.text("debounce_key IS NOT NULL"),
        postgresql_where=sa.text("debounce_key IS NOT NULL"),
    )
    op.drop_index(
        "ix_executions_contact_id",
        table_name="executions",
        sqlite_where=sa.text("contact_id IS NOT NULL"),
        postgresql_where=sa.text("contact_id IS NOT NULL"),
    )
    op.drop_index(
        "ix_executions_concurrency_key",
        table_name="executions",
        sqlite_where=sa.text("concurrency_key IS NOT NULL"),
        postgresql_where=sa.text("concurrency_key IS NOT NULL"),
    )
    op.drop_column("executions", "start_after")
    op.drop_column("executions", "held")
    op.drop_column("executions", "debounce_key")
    op.drop_column("executions", "concurrency_key")
    op.drop_column("executions", "contact_id")
    op.drop_column("executions", "parent_id")
    op.drop_column("executions", "replay_id")
    op.drop_column("executions", "options")
    op.drop_column("executions", "response")
    op.drop_column("executions", "error_fingerprint")

    op.drop_index("ix_subscriptions_organization_id_event_type", table_name="subscriptions")
    op.drop_index(op.f("ix_subscriptions_organization_id"), table_name="subscriptions")
    op.drop_index("ix_subscriptions_execution_id", table_name="subscriptions")

    op.drop_table("subscriptions")
    op.drop_index(op.f("ix_signals_organization_id"), table_name="signals")
    op.drop_index("ix_signals_execution_id_id", table_name="signals")

    op.drop_table("signals")
    op.drop_index(op.f("ix_branch_counts_organization_id"), table_name="branch_counts")

    op.drop_table("branch_counts")
    op.drop_index(op.f("ix_replays_organization_id"), table_name="replays")

    op.drop_table("replays")
    op.drop_index("ix_notifications_user_id_id", table_name="notifications")
    op.drop_index(op.f("ix_notifications_organization_id"), table_name="notifications")

    op.drop_table("notifications")
    op.drop_index(op.f("ix_contacts_organization_id"), table_name="contacts")

    op.drop_table("contacts")
    op.drop_table("job_runs")
