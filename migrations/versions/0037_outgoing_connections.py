"""organizations.egress_allow: what outgoing connections may reach besides public addresses

Revision ID: 0037
Revises: 0036
"""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    kind = sa.JSON(none_as_null=True).with_variant(sa.Text(), "sqlite")
    op.add_column("organizations", sa.Column("egress_allow", kind, nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("organizations", "egress_allow")
