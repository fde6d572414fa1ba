"""executions are found by the record that they are about

Revision ID: 0034
Revises: 0033
"""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

IS_ABOUT = sa.text("trigger_entity_id <> ''")


def upgrade() -> None:
    op.create_index(
        "ix_executions_trigger_entity",
        "executions",
        ["trigger_entity_id", "trigger_entity_type"],
        sqlite_where=IS_ABOUT,
        postgresql_where=IS_ABOUT,
    )


def downgrade() -> None:
    op.drop_index("ix_executions_trigger_entity", "executions")
