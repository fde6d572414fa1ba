"""trigger_polls: what polling triggers have asked so far

Revision ID: 0041
Revises: 0040
"""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

MINE = (
    "current_setting('flowapp.organization', true) = 'system' "
    "OR organization_id::text = current_setting('flowapp.organization', true)"
)
JSON = sa.JSON(none_as_null=True).with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "trigger_polls",
        sa.Column("trigger_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("cursor", JSON, nullable=True),
        sa.Column("begun", sa.Boolean(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("polled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(length=1000), nullable=False),
        sa.Column("error_parts", JSON, nullable=True),
        sa.Column("alerted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("organization_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.CheckConstraint(
            "status IN ('new', 'ok', 'failing', 'busy', 'signed_out')", name=op.f("ck_trigger_polls_status")
        ),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_trigger_polls_failures")),
        sa.ForeignKeyConstraint(
            ["trigger_id"], ["triggers.id"], name=op.f("fk_trigger_polls_trigger_id_triggers"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_trigger_polls_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("trigger_id", name=op.f("pk_trigger_polls")),
    )
    op.create_index(op.f("ix_trigger_polls_organization_id"), "trigger_polls", ["organization_id"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE trigger_polls ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE trigger_polls FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY tenant ON trigger_polls USING ({MINE}) WITH CHECK ({MINE})")


def downgrade() -> None:
    op.drop_table("trigger_polls")
