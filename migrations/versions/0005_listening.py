"""indexes: who listens, whose failures are announced, failures by reason, steps to decide

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

OLD = "ix_subscriptions_organization_id_event_type"
ALERTED = sa.text("alerted_at IS NOT NULL")
FAILED, UNCERTAIN = sa.text("status = 'failed'"), sa.text("status = 'uncertain'")
REASON = ["organization_id", "workflow_id", "error_fingerprint", "completed_at"]
OLD_REASON = ["organization_id", "error_fingerprint", "completed_at"]


def by_reason(columns: list[str]) -> None:
    op.drop_index("ix_executions_failed", table_name="executions")
    op.create_index("ix_executions_failed", "executions", columns, sqlite_where=FAILED, postgresql_where=FAILED)


def upgrade() -> None:
    op.drop_index(OLD, table_name="subscriptions")
    op.create_index("ix_subscriptions_listening", "subscriptions", ["organization_id", "event_type", "entity_id"])
    op.create_index("ix_workflows_alerted", "workflows", ["alerted_at"], sqlite_where=ALERTED, postgresql_where=ALERTED)
    by_reason(REASON)
    op.create_index(
        "ix_step_runs_uncertain",
        "step_runs",
        ["organization_id", "execution_id"],
        sqlite_where=UNCERTAIN,
        postgresql_where=UNCERTAIN,
    )


def downgrade() -> None:
    op.drop_index("ix_step_runs_uncertain", table_name="step_runs")
    by_reason(OLD_REASON)
    op.drop_index("ix_workflows_alerted", table_name="workflows")
    op.drop_index("ix_subscriptions_listening", table_name="subscriptions")
    op.create_index(OLD, "subscriptions", ["organization_id", "event_type"])
