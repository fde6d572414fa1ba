"""what stored messages were made of, so that they are read in other languages than English

Revision ID: 0019
Revises: 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

COLUMNS = (("executions", "error_parts"), ("step_runs", "error_parts"), ("log_lines", "message_parts"))


def upgrade() -> None:
    for table, column in COLUMNS:
        kind = sa.JSON(none_as_null=True).with_variant(sa.Text(), "sqlite")
        op.add_column(table, sa.Column(column, kind, nullable=True))


def downgrade() -> None:
    for table, column in COLUMNS:
        op.drop_column(table, column)
