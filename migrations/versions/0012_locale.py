"""how an organization writes numbers and dates

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("organizations", sa.Column("locale", sa.String(length=16), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("organizations", "locale")
