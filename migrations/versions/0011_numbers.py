"""numbers of workflows, forms and contacts in their organization

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

NOUNS = ("contacts", "forms", "workflows")
MINE = (
    "current_setting('flowapp.organization', true) = 'system' "
    "OR organization_id::text = current_setting('flowapp.organization', true)"
)


def upgrade() -> None:
    op.create_table(
        "counters",
        sa.Column("organization_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("noun", sa.String(length=64), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_counters_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "noun", name=op.f("pk_counters")),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE counters ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE counters FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY tenant ON counters USING ({MINE}) WITH CHECK ({MINE})")
        op.execute("SELECT set_config('flowapp.organization', 'system', true)")  # to this migration's end
    for table in NOUNS:
        op.add_column(table, sa.Column("number", sa.Integer(), nullable=True))
        count(table)
        op.create_index(f"ix_{table}_organization_id_number", table, ["organization_id", "number"], unique=True)


def count(table: str) -> None:
    """Numbers what is there, the oldest first."""
    op.execute(
        f"UPDATE {table} SET number = counted.number FROM (SELECT id, row_number() OVER "  # noqa: S608
        f"(PARTITION BY organization_id ORDER BY id) AS number FROM {table}) AS counted WHERE counted.id = {table}.id"
    )
    op.execute(
        f"INSERT INTO counters (organization_id, noun, last) SELECT organization_id, '{table}', max(number) "  # noqa: S608
        f"FROM {table} GROUP BY organization_id"
    )


def downgrade() -> None:
    for table in NOUNS:
        op.drop_index(f"ix_{table}_organization_id_number", table_name=table)
        op.drop_column(table, "number")
    op.drop_table("counters")
