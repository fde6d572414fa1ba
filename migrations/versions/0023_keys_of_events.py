"""under which keys events were sent, so that one that is sent again is recorded once

Revision ID: 0023
Revises: 0022
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

MINE = (
    "current_setting('flowapp.organization', true) = 'system' "
    "OR organization_id::text = current_setting('flowapp.organization', true)"
)


def upgrade() -> None:
    op.create_table(
        "event_keys",
        sa.Column("organization_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("event_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_event_keys_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name=op.f("fk_event_keys_event_id_events"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("organization_id", "key", name=op.f("pk_event_keys")),
    )
    op.create_index(op.f("ix_event_keys_event_id"), "event_keys", ["event_id"])
    op.create_index(op.f("ix_event_keys_organization_id"), "event_keys", ["organization_id"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE event_keys ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE event_keys FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY tenant ON event_keys USING ({MINE}) WITH CHECK ({MINE})")


def downgrade() -> None:
    op.drop_table("event_keys")
