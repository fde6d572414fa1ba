"""row-level security on PostgreSQL

The last net under the tenant scope of the sessions (flowapp.models.tenancy): a connection sees the rows of the
organization that `flowapp.organization` names, or all where it says "system". FORCE: the owner of the tables too.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = (
    "access_tokens", "audit_entries", "caught_mails", "data_tables", "events", "executions", "forms", "integrations",
    "invitations", "log_lines", "members", "projects", "schemas", "step_runs", "submissions", "timers", "triggers",
    "versions", "workflows",
)  # fmt: skip
KEY = "fk_workflows_published_version_id_versions"
MINE = (
    "current_setting('flowapp.organization', true) = 'system' "
    "OR organization_id::text = current_setting('flowapp.organization', true)"
)


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    # Workflows and versions point at each other: PostgreSQL takes the second key once both tables are there.
    op.create_foreign_key(KEY, "workflows", "versions", ["published_version_id"], ["id"], ondelete="SET NULL")
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY tenant ON {table} USING ({MINE}) WITH CHECK ({MINE})")


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in TABLES:
        op.execute(f"DROP POLICY tenant ON {table}")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    op.drop_constraint(KEY, "workflows", type_="foreignkey")
