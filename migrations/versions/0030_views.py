"""saved views of lists, and which one a member begins with

Revision ID: 0030
Revises: 0029
"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

MINE = (
    "current_setting('flowapp.organization', true) = 'system' "
    "OR organization_id::text = current_setting('flowapp.organization', true)"
)
TABLES = ("views", "view_defaults")
JSON = sa.JSON(none_as_null=True).with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "views",
        sa.Column("organization_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("object", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("search", JSON, nullable=False),
        sa.Column("columns", JSON, nullable=False),
        sa.Column("layout", sa.String(length=8), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("owner_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("object IN ('contact', 'company', 'deal', 'task')", name=op.f("ck_views_object")),
        sa.CheckConstraint(
            "layout IN ('list', 'board') AND (layout = 'list' OR object = 'deal')", name=op.f("ck_views_layout")
        ),
        sa.CheckConstraint("shared OR NOT is_default", name=op.f("ck_views_default_is_shared")),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_views_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_views_owner_id_users"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_views")),
    )
    op.create_index(op.f("ix_views_organization_id"), "views", ["organization_id"])
    op.create_index(op.f("ix_views_owner_id"), "views", ["owner_id"])
    only("ix_views_shared_key", ["organization_id", "object", "key"], "shared")
    only("ix_views_private_key", ["organization_id", "object", "owner_id", "key"], "NOT shared")
    only("ix_views_default", ["organization_id", "object"], "is_default")
    op.create_table(
        "view_defaults",
        sa.Column("organization_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("user_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("object", sa.String(length=16), nullable=False),
        sa.Column("view_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_view_defaults_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_view_defaults_user_id_users"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["view_id"], ["views.id"], name=op.f("fk_view_defaults_view_id_views"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("organization_id", "user_id", "object", name=op.f("pk_view_defaults")),
    )
    op.create_index(op.f("ix_view_defaults_view_id"), "view_defaults", ["view_id"])
    if op.get_bind().dialect.name == "postgresql":
        for table in TABLES:
            op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
            op.execute(f"CREATE POLICY tenant ON {table} USING ({MINE}) WITH CHECK ({MINE})")


def only(name, columns, where):
    condition = sa.text(where)
    op.create_index(name, "views", columns, unique=True, sqlite_where=condition, postgresql_where=condition)


def downgrade() -> None:
    op.drop_table("view_defaults")
    op.drop_table("views")
