"""received_calls: test calls of webhooks

Revision ID: 0018
Revises: 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

MINE = (
    "current_setting('flowapp.organization', true) = 'system' "
    "OR organization_id::text = current_setting('flowapp.organization', true)"
)


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    json = sa.JSON(none_as_null=True).with_variant(sa.Text(), "sqlite")
    references = {"organization_id": "organizations", "workflow_id": "workflows"}
    op.create_table(
        "received_calls",
        sa.Column("organization_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("workflow_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("trigger_key", sa.String(length=64), nullable=False),
        sa.Column("hook_key", sa.String(length=64), nullable=False),
        sa.Column("listens_until", moment, nullable=True),
        sa.Column("received_at", moment, nullable=True),
        sa.Column("input_data", json, nullable=True),
        sa.Column("context", json, nullable=True),
        sa.Column("refused_at", moment, nullable=True),
        sa.Column("refused", sa.String(length=500), nullable=False),
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        *(
            sa.ForeignKeyConstraint(
                [column], [f"{table}.id"], name=op.f(f"fk_received_calls_{column}_{table}"), ondelete="CASCADE"
            )
            for column, table in references.items()
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_received_calls")),
        sa.UniqueConstraint("workflow_id", "trigger_key", name=op.f("uq_received_calls_workflow_id_trigger_key")),
    )
    op.create_index(op.f("ix_received_calls_organization_id"), "received_calls", ["organization_id"])
    op.create_index(op.f("ix_received_calls_hook_key"), "received_calls", ["hook_key"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE received_calls ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE received_calls FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY tenant ON received_calls USING ({MINE}) WITH CHECK ({MINE})")


def downgrade() -> None:
    op.drop_table("received_calls")
