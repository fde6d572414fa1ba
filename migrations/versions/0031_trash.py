"""what is in the trash is found without reading all records

Revision ID: 0031
Revises: 0030
"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

DELETED = sa.text("deleted_at IS NOT NULL")
TABLES = ("contacts", "companies", "deals", "tasks", "notes")


def upgrade() -> None:
    for table in TABLES:
        name = f"ix_{table}_organization_id_deleted_at"
        op.create_index(
            name, table, ["organization_id", "deleted_at"], sqlite_where=DELETED, postgresql_where=DELETED
        )


def downgrade() -> None:
    for table in TABLES:
        op.drop_index(f"ix_{table}_organization_id_deleted_at", table)
