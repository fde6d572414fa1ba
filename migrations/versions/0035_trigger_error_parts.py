"""what a trigger's last error was made of, so that each reader has it in their language

Revision ID: 0035
Revises: 0034
"""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    kind = sa.JSON(none_as_null=True).with_variant(sa.Text(), "sqlite")
    op.add_column("triggers", sa.Column("last_error_parts", kind, nullable=True))


def downgrade() -> None:
    op.drop_column("triggers", "last_error_parts")
