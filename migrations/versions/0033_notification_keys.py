"""notifications.source_key: the visit of a step, and whom it told: one that runs again tells nobody twice

Revision ID: 0033
Revises: 0032
"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

INDEX = "ix_notifications_organization_id_source_key"


def upgrade() -> None:
    op.add_column("notifications", sa.Column("source_key", sa.String(length=110)))
    op.create_index(INDEX, "notifications", ["organization_id", "source_key"], unique=True)


def downgrade() -> None:
    op.drop_index(INDEX, "notifications")
    op.drop_column("notifications", "source_key")
