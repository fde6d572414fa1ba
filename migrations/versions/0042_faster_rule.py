"""the rule of row-level security reads the organization once for each statement, not once for each row

Revision ID: 0042
Revises: 0041
"""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

SETTING = "current_setting('flowapp.organization', true)"
AFTER = {
    "uuid": f"organization_id = (SELECT CASE WHEN length({SETTING}) = 36 THEN {SETTING}::uuid END)",
    "character varying": f"organization_id = (SELECT {SETTING})",
}
BEFORE = {
    "uuid": f"{SETTING} = 'system' OR organization_id::text = {SETTING}",
    "character varying": f"{SETTING} = 'system' OR organization_id = {SETTING}",
}


def upgrade() -> None:
    _change({kind: f"(SELECT {SETTING} = 'system') OR {rule}" for kind, rule in AFTER.items()})


def downgrade() -> None:
    _change(BEFORE)


def _change(rules: dict[str, str]) -> None:
    """Of all tables, those of users included. One lock at a time: nobody waits for more than one table."""
    if op.get_bind().dialect.name != "postgresql":
        return
    asked = sa.text(
        "SELECT tablename, data_type FROM pg_policies JOIN information_schema.columns ON table_schema = schemaname "
        "AND table_name = tablename AND column_name = 'organization_id' "
        "WHERE policyname = 'tenant' AND schemaname = current_schema() ORDER BY tablename"
    )
    tables = op.get_bind().execute(asked).all()
    with op.get_context().autocommit_block():
        for table, kind in tables:
            op.execute(f'ALTER POLICY tenant ON "{table}" USING ({rules[kind]}) WITH CHECK ({rules[kind]})')
