"""what a draft was before its last changes, so that they can be undone

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("workflows", sa.Column("earlier_drafts", sa.JSON(none_as_null=True).with_variant(sa.Text(), "sqlite"), nullable=True))


def downgrade() -> None:
    op.drop_column("workflows", "earlier_drafts")
