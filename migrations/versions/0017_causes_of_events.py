"""why an event happened; events in the order in which they are handed on, and the recent ones of a type

Revision ID: 0017
Revises: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

WAITING = sa.text("published_at IS NULL")
BY_WORKFLOW = sa.text("by_workflow_id IS NOT NULL")


def upgrade() -> None:
    for name in ("by_workflow_id", "by_execution_id"):
        op.add_column("events", sa.Column(name, sa.Uuid(as_uuid=False), nullable=True))
    for name, length in (("by_step_id", 64), ("origin", 100)):
        op.add_column("events", sa.Column(name, sa.String(length), server_default="", nullable=False))
    op.add_column("events", sa.Column("depth", sa.Integer(), server_default="0", nullable=False))
    op.add_column("events", sa.Column("bulk", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index("ix_events_recent", "events", ["organization_id", "type", "id"])
    op.create_index(
        "ix_events_waiting",
        "events",
        ["organization_id", "bulk", "id"],
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )
    op.create_index(
        "ix_events_by_workflow",
        "events",
        ["by_workflow_id", "entity_id", "id"],
        sqlite_where=BY_WORKFLOW,
        postgresql_where=BY_WORKFLOW,
    )
    op.drop_index("ix_events_unpublished", "events")
    op.drop_index("ix_events_type", "events")


def downgrade() -> None:
    op.create_index("ix_events_type", "events", ["type"])
    op.create_index("ix_events_unpublished", "events", ["id"], sqlite_where=WAITING, postgresql_where=WAITING)
    for name in ("by_workflow", "waiting", "recent"):
        op.drop_index(f"ix_events_{name}", "events")
    for name in ("bulk", "depth", "origin", "by_step_id", "by_execution_id", "by_workflow_id"):
        op.drop_column("events", name)
