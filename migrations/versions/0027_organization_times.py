"""organizations.times: when its jobs and simple schedules are due; hears_executions: whether starts and ends are events

Revision ID: 0027
Revises: 0026
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    op.add_column("organizations", sa.Column("times", JSON, nullable=False, server_default="{}"))
    op.add_column(
        "organizations", sa.Column("hears_executions", sa.Boolean(), nullable=False, server_default=sa.false())
    )


def downgrade() -> None:
    op.drop_column("organizations", "hears_executions")
    op.drop_column("organizations", "times")
