"""who listens for what is found by its entity; workflows whose failures are announced

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

OLD = "ix_subscriptions_organization_id_event_type"
ALERTED = sa.text("alerted_at IS NOT NULL")


def upgrade() -> None:
    op.drop_index(OLD, table_name="subscriptions")
    op.create_index("ix_subscriptions_listening", "subscriptions", ["organization_id", "event_type", "entity_id"])
    op.create_index(
        "ix_workflows_alerted", "workflows", ["alerted_at"], sqlite_where=ALERTED, postgresql_where=ALERTED
    )


def downgrade() -> None:
    op.drop_index("ix_workflows_alerted", table_name="workflows")
    op.drop_index("ix_subscriptions_listening", table_name="subscriptions")
    op.create_index(OLD, "subscriptions", ["organization_id", "event_type"])
