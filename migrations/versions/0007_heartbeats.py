"""heartbeats: which processes run, where, and whether they make progress

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "heartbeats",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("secret_key", sa.String(length=16), nullable=False),
        sa.Column("encryption_keys", sa.JSON(none_as_null=True).with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("still_seconds", sa.Integer(), nullable=False),
        sa.Column("clock_ahead_ms", sa.Integer(), nullable=True),
        sa.CheckConstraint("kind IN ('web', 'worker', 'scheduler')", name=op.f("ck_heartbeats_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_heartbeats")),
    )
    op.create_index(op.f("ix_heartbeats_seen_at"), "heartbeats", ["seen_at"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_heartbeats_seen_at"), table_name="heartbeats")
    op.drop_table("heartbeats")
