"""texts are found without regard to case, whatever the database's locale

Revision ID: 0013
Revises: 0012
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# With ICU's rules where the server has them, as those of the PostgreSQL project do: those of the locale C know ASCII only.
FOLDED = """
DO $do$
DECLARE collated text := CASE WHEN EXISTS (SELECT FROM pg_collation WHERE collname = 'und-x-icu')
    THEN ' COLLATE "und-x-icu"' ELSE '' END;
BEGIN
    EXECUTE 'CREATE OR REPLACE FUNCTION flowapp_folded(value text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE '
        || 'AS $body$ SELECT lower(normalize(value, NFC)' || collated || ') $body$';
END
$do$
"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(FOLDED)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION IF EXISTS flowapp_folded(text)")
