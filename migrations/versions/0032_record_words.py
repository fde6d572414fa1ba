"""record_words: what contacts, companies, deals and tasks are found by

Triggers split a row's `search` into its words, so that none can be missing or left over, whichever release or statement
writes the row. What is there already is taken up afterwards, in small steps (crm.search.backfill).

Revision ID: 0032
Revises: 0031
"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

MINE = (
    "current_setting('flowapp.organization', true) = 'system' "
    "OR organization_id::text = current_setting('flowapp.organization', true)"
)
NOUNS = {"contacts": "contact", "companies": "company", "deals": "deal", "tasks": "task"}
FUNCTION = """
CREATE FUNCTION flowapp_record_words() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM record_words
        WHERE organization_id = OLD.organization_id AND noun = TG_ARGV[0] AND record_id = OLD.id
            AND word = ANY (SELECT left(part, 64) FROM unnest(string_to_array(OLD.search, ' ')) AS parts (part));
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO record_words (organization_id, noun, word, record_id)
        SELECT DISTINCT NEW.organization_id, TG_ARGV[0], left(part, 64), NEW.id
        FROM unnest(string_to_array(NEW.search, ' ')) AS parts (part) WHERE part <> ''
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END
$body$
"""


def upgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    op.add_column("tasks", sa.Column("search", sa.Text(), server_default="", nullable=False))
    op.create_table(
        "record_words",
        sa.Column("organization_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("noun", sa.String(length=16), nullable=False),
        sa.Column("word", sa.String(length=64, collation="C" if postgresql else None), nullable=False),
        sa.Column("record_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_record_words_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "noun", "word", "record_id", name=op.f("pk_record_words")),
        sqlite_with_rowid=False,
    )
    if postgresql:
        op.execute("ALTER TABLE record_words ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE record_words FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY tenant ON record_words USING ({MINE}) WITH CHECK ({MINE})")
        op.execute(FUNCTION)
    for table, noun in NOUNS.items():
        if postgresql:
            op.execute(
                f"CREATE TRIGGER record_words AFTER INSERT OR UPDATE OF search OR DELETE ON {table} "
                f"FOR EACH ROW EXECUTE FUNCTION flowapp_record_words('{noun}')"
            )
        else:
            create_sqlite_triggers(table, noun)


def create_sqlite_triggers(table: str, noun: str) -> None:
    """On SQLite a table that is made anew loses them: such a migration has to make them again."""
    added = (
        "INSERT OR IGNORE INTO record_words (organization_id, noun, word, record_id) "
        f"SELECT NEW.organization_id, '{noun}', substr(value, 1, 64), NEW.id "
        f"FROM json_each({words('NEW')}) WHERE value <> '';"
    )
    gone = (
        f"DELETE FROM record_words WHERE organization_id = OLD.organization_id AND noun = '{noun}' "
        f"AND word IN (SELECT substr(value, 1, 64) FROM json_each({words('OLD')})) AND record_id = OLD.id;"
    )
    for name, when, work in (
        ("added", "INSERT", added),
        ("changed", "UPDATE OF search", gone + added),
        ("gone", "DELETE", gone),
    ):
        op.execute(f"CREATE TRIGGER {table}_words_{name} AFTER {when} ON {table} BEGIN {work} END")


def words(row: str) -> str:
    """The SQL of a JSON list of the words of a row's `search`."""
    return f"""'[' || replace(json_quote({row}.search), ' ', '","') || ']'"""


def downgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    for table in NOUNS:
        if postgresql:
            op.execute(f"DROP TRIGGER record_words ON {table}")
        else:
            for name in ("added", "changed", "gone"):
                op.execute(f"DROP TRIGGER {table}_words_{name}")
    if postgresql:
        op.execute("DROP FUNCTION flowapp_record_words()")
    op.drop_table("record_words")
    op.drop_column("tasks", "search")
