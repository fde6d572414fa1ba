"""the index of failures leaves out test runs

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

COLUMNS = ["organization_id", "workflow_id", "error_fingerprint", "completed_at"]


def of_those(condition: str) -> None:
    given = sa.text(condition)
    op.drop_index("ix_executions_failed", table_name="executions")
    op.create_index("ix_executions_failed", "executions", COLUMNS, sqlite_where=given, postgresql_where=given)


def upgrade() -> None:
    of_those("status = 'failed' AND trigger_type <> 'test'")


def downgrade() -> None:
    of_those("status = 'failed'")
