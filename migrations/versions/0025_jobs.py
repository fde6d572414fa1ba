"""jobs: long work that people start, its files and what failed; events that start no workflow

Revision ID: 0025
Revises: 0024
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

MINE = (
    "current_setting('flowapp.organization', true) = 'system' "
    "OR organization_id::text = current_setting('flowapp.organization', true)"
)
TABLES = ("jobs", "job_failures", "job_files")
IS_OPEN = sa.text("status IN ('pending', 'running')")


def json():
    return sa.JSON(none_as_null=True).with_variant(sa.Text(), "sqlite")


def tenant(table):
    return (
        sa.Column("organization_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f(f"fk_{table}_organization_id_organizations"),
            ondelete="CASCADE",
        ),
    )


def of_job(table):
    return (
        sa.Column("job_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f(f"fk_{table}_job_id_jobs"), ondelete="CASCADE"),
    )


def upgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    op.add_column("events", sa.Column("silent", sa.Boolean(), server_default=sa.false(), nullable=False))
    create_jobs()
    op.create_table(
        "job_failures",
        *tenant("job_failures"),
        *of_job("job_failures"),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("message_parts", json(), nullable=True),
        sa.Column("data", json(), nullable=True),
        sa.PrimaryKeyConstraint("job_id", "position", name=op.f("pk_job_failures")),
    )
    op.create_table(
        "job_files",
        *tenant("job_files"),
        *of_job("job_files"),
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('ids', 'input', 'output')", name=op.f("ck_job_files_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_files")),
        sa.UniqueConstraint("job_id", "kind", name=op.f("uq_job_files_job_id_kind")),
    )
    for table in TABLES:
        op.create_index(op.f(f"ix_{table}_organization_id"), table, ["organization_id"])
    if postgresql:
        # A batch reads a slice of the ids: of what is not compressed, only that slice is read.
        op.execute("ALTER TABLE job_files ALTER COLUMN content SET STORAGE EXTERNAL")
        for table in TABLES:
            op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
            op.execute(f"CREATE POLICY tenant ON {table} USING ({MINE}) WITH CHECK ({MINE})")


def create_jobs():
    counts = [sa.Column(name, sa.Integer(), nullable=False) for name in ("total", "done", "changed", "failed")]
    op.create_table(
        "jobs",
        *tenant("jobs"),
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("title_parts", json(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        *counts,
        sa.Column("cursor", json(), nullable=True),
        sa.Column("arguments", json(), nullable=False),
        sa.Column("start_workflows", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("result_parts", json(), nullable=True),
        sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("woken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('pending', 'running', 'completed', 'cancelled', 'failed')", name=op.f("ck_jobs_status")
        ),
        sa.CheckConstraint(
            "total >= 0 AND done >= 0 AND changed >= 0 AND failed >= 0", name=op.f("ck_jobs_counts")
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_jobs_created_by_users"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index("ix_jobs_open", "jobs", ["woken_at"], sqlite_where=IS_OPEN, postgresql_where=IS_OPEN)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    with op.batch_alter_table("events") as events:
        events.drop_column("silent")
