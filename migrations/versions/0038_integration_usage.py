"""how often integrations are used

Revision ID: 0038
Revises: 0037
"""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

MINE = (
    "current_setting('flowapp.organization', true) = 'system' "
    "OR organization_id::text = current_setting('flowapp.organization', true)"
)
JSON = sa.JSON(none_as_null=True).with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    op.add_column("integrations", sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("integrations", sa.Column("last_error", sa.String(length=500), nullable=False, server_default=""))
    op.add_column("integrations", sa.Column("last_error_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "integration_usage",
        sa.Column("integration_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("errors", sa.Integer(), nullable=False),
        sa.Column("latencies", JSON, nullable=False),
        sa.Column("batch", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("organization_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["integration_id"],
            ["integrations.id"],
            name=op.f("fk_integration_usage_integration_id_integrations"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_integration_usage_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("integration_id", "day", name=op.f("pk_integration_usage")),
    )
    op.create_index(op.f("ix_integration_usage_organization_id"), "integration_usage", ["organization_id"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE integration_usage ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE integration_usage FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY tenant ON integration_usage USING ({MINE}) WITH CHECK ({MINE})")


def downgrade() -> None:
    op.drop_table("integration_usage")
    op.drop_column("integrations", "last_error_at")
    op.drop_column("integrations", "last_error")
    op.drop_column("integrations", "last_used_at")
