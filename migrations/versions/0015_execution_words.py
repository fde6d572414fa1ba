"""execution_words: what executions are found by

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

MINE = (
    "current_setting('flowapp.organization', true) = 'system' "
    "OR organization_id::text = current_setting('flowapp.organization', true)"
)


def upgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "execution_words",
        sa.Column("organization_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("word", sa.String(length=64, collation="C" if postgresql else None), nullable=False),
        sa.Column("execution_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["executions.id"],
            name=op.f("fk_execution_words_execution_id_executions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "word", "execution_id", name=op.f("pk_execution_words")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_execution_words_execution_id"), "execution_words", ["execution_id"])
    if postgresql:
        op.execute("ALTER TABLE execution_words ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE execution_words FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY tenant ON execution_words USING ({MINE}) WITH CHECK ({MINE})")


def downgrade() -> None:
    op.drop_table("execution_words")
