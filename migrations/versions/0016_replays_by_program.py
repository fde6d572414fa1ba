"""who asked for a replay: a person or a program

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("replays", sa.Column("trigger_type", sa.String(64), nullable=False, server_default="manual"))


def downgrade() -> None:
    op.drop_column("replays", "trigger_type")
