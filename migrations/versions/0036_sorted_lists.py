"""lists of contacts, companies and deals are read in their order

Five of them take the place of shorter ones.

Revision ID: 0036
Revises: 0035
"""

from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

NEW = (
    ("contacts", "last_name", "first_name"),
    ("contacts", "email"),
    ("contacts", "score"),
    ("contacts", "last_activity_at"),
    ("companies", "name"),
    ("companies", "domain"),
    ("companies", "last_activity_at"),
    ("deals", "last_activity_at"),
)
OLD = (
    ("contacts", "last_name"),
    ("contacts", "last_activity_at"),
    ("companies", "domain"),
    ("companies", "last_activity_at"),
    ("deals", "last_activity_at"),
)


def upgrade() -> None:
    for table, *columns in NEW:
        op.create_index(f"ix_{table}_by_{columns[0]}", table, ["organization_id", *columns, "id"])
    for table, column in OLD:
        op.drop_index(f"ix_{table}_organization_id_{column}", table)


def downgrade() -> None:
    for table, column in OLD:
        op.create_index(f"ix_{table}_organization_id_{column}", table, ["organization_id", column])
    for table, *columns in NEW:
        op.drop_index(f"ix_{table}_by_{columns[0]}", table)
