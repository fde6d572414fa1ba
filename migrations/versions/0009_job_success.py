"""when each background job last ended well

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job_runs", sa.Column("succeeded_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE job_runs SET succeeded_at = started_at WHERE ok AND result IS NOT NULL")


def downgrade() -> None:
    op.drop_column("job_runs", "succeeded_at")
