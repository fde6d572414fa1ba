"""forms.locale: in which a form speaks and its answers are read

Revision ID: 0022
Revises: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("forms", sa.Column("locale", sa.String(length=16), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("forms", "locale")
