"""merged records, pairs that are no duplicates, and what members want to be told of

Revision ID: 0029
Revises: 0028
"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

MINE = (
    "current_setting('flowapp.organization', true) = 'system' "
    "OR organization_id::text = current_setting('flowapp.organization', true)"
)
TABLES = ("record_merges", "distinct_pairs", "notification_settings")


def organization(table: str) -> tuple[sa.Column, sa.ForeignKeyConstraint]:
    return (
        sa.Column("organization_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f(f"fk_{table}_organization_id_organizations"),
            ondelete="CASCADE",
        ),
    )


def upgrade() -> None:
    create_merges()
    op.create_index("ix_contacts_organization_id_last_name", "contacts", ["organization_id", "last_name"])
    op.create_table(
        "notification_settings",
        *organization("notification_settings"),
        sa.Column("user_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("in_app", sa.Boolean(), nullable=False),
        sa.Column("by_email", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_notification_settings_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("organization_id", "user_id", "kind", name=op.f("pk_notification_settings")),
    )
    op.create_index(op.f("ix_notification_settings_user_id"), "notification_settings", ["user_id"])
    op.add_column("notifications", sa.Column("kind", sa.String(length=16), server_default="", nullable=False))
    if op.get_bind().dialect.name == "postgresql":
        for table in TABLES:
            op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
            op.execute(f"CREATE POLICY tenant ON {table} USING ({MINE}) WITH CHECK ({MINE})")


def create_merges() -> None:
    op.create_table(
        "record_merges",
        *organization("record_merges"),
        sa.Column("old_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("noun", sa.String(length=16), nullable=False),
        sa.Column("old_number", sa.Integer(), nullable=True),
        sa.Column("into_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("noun IN ('contact', 'company')", name=op.f("ck_record_merges_noun")),
        sa.PrimaryKeyConstraint("old_id", name=op.f("pk_record_merges")),
    )
    op.create_index("ix_record_merges_into_id", "record_merges", ["into_id"])
    op.create_index("ix_record_merges_organization_id", "record_merges", ["organization_id"])
    op.create_index(
        "ix_record_merges_organization_id_noun_old_number", "record_merges", ["organization_id", "noun", "old_number"]
    )
    op.create_table(
        "distinct_pairs",
        *organization("distinct_pairs"),
        sa.Column("first_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("second_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("first_id < second_id", name=op.f("ck_distinct_pairs_order")),
        sa.PrimaryKeyConstraint("first_id", "second_id", name=op.f("pk_distinct_pairs")),
    )
    op.create_index("ix_distinct_pairs_organization_id", "distinct_pairs", ["organization_id"])
    op.create_index("ix_distinct_pairs_second_id", "distinct_pairs", ["second_id"])


def downgrade() -> None:
    op.drop_column("notifications", "kind")
    op.drop_index("ix_contacts_organization_id_last_name", "contacts")
    for table in TABLES:
        op.drop_table(table)
