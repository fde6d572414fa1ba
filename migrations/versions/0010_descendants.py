"""executions.descendants: how many executions one has started through sub-workflows, however deep

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("executions", sa.Column("descendants", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("executions", "descendants")
