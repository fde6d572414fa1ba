"""triggers.woken_until: a polling trigger stays due until somebody has polled

Revision ID: 0043
Revises: 0042
"""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("triggers", sa.Column("woken_until", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("triggers", "woken_until")
