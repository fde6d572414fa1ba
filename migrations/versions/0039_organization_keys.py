"""keys of organizations, which secrets of their integrations are encrypted with; what is known of credentials

Revision ID: 0039
Revises: 0038
"""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

MINE = (
    "current_setting('flowapp.organization', true) = 'system' "
    "OR organization_id::text = current_setting('flowapp.organization', true)"
)


def upgrade() -> None:
    op.create_table(
        "organization_keys",
        sa.Column("organization_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_organization_keys_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organization_keys")),
    )
    op.create_index(op.f("ix_organization_keys_organization_id"), "organization_keys", ["organization_id"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE organization_keys ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE organization_keys FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY tenant ON organization_keys USING ({MINE}) WITH CHECK ({MINE})")
    for name in ("credential_type", "reconnect_reason"):
        length = 16 if name == "credential_type" else 1000
        op.add_column("integrations", sa.Column(name, sa.String(length=length), nullable=False, server_default=""))
    op.add_column("integrations", sa.Column("credentials_expire_at", sa.DateTime(timezone=True)))
    op.add_column("integrations", sa.Column("oauth_tokens", sa.LargeBinary()))
    op.add_column("integrations", sa.Column("connected_by", sa.Uuid(as_uuid=False)))


def downgrade() -> None:
    for name in ("connected_by", "oauth_tokens", "credentials_expire_at", "reconnect_reason", "credential_type"):
        op.drop_column("integrations", name)
    op.drop_table("organization_keys")
