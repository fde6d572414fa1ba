"""the newest records are read in the order of their ids, within their organization

Revision ID: 0040
Revises: 0039
"""

from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

TABLES = ("contacts", "companies", "deals", "tasks")


def upgrade() -> None:
    for table in TABLES:
        op.create_index(f"ix_{table}_by_id", table, ["organization_id", "id"])


def downgrade() -> None:
    for table in TABLES:
        op.drop_index(f"ix_{table}_by_id", table)
