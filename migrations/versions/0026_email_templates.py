"""email_templates, and an index for the workflows that are templates

Revision ID: 0026
Revises: 0025
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

TABLE = "email_templates"
MINE = (
    "current_setting('flowapp.organization', true) = 'system' "
    "OR organization_id::text = current_setting('flowapp.organization', true)"
)


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    references = {"organization_id": "organizations", "project_id": "projects"}
    op.create_table(
        TABLE,
        sa.Column("organization_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("project_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=998), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("updated_at", moment, nullable=False),
        *(
            sa.ForeignKeyConstraint(
                [column], [f"{table}.id"], name=op.f(f"fk_{TABLE}_{column}_{table}"), ondelete="CASCADE"
            )
            for column, table in references.items()
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{TABLE}")),
        sa.UniqueConstraint("project_id", "slug", name=op.f(f"uq_{TABLE}_project_id_slug")),
    )
    op.create_index(op.f(f"ix_{TABLE}_organization_id"), TABLE, ["organization_id"])
    op.create_index(op.f(f"ix_{TABLE}_project_id"), TABLE, ["project_id"])
    op.create_index(f"ix_{TABLE}_organization_id_number", TABLE, ["organization_id", "number"], unique=True)
    op.create_index("ix_workflows_is_template", "workflows", ["organization_id", "is_template"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {TABLE} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY tenant ON {TABLE} USING ({MINE}) WITH CHECK ({MINE})")


def downgrade() -> None:
    op.drop_index("ix_workflows_is_template", "workflows")
    op.drop_table(TABLE)
