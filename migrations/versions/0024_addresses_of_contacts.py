"""several addresses of a contact, and contacts without one

Revision ID: 0024
Revises: 0023
"""

import re

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

# A contact always had an address until now, and the index takes the place of a constraint that allowed less: the release
# before cannot run into either. tests/guards/test_migrations.py
harmless = ("ck_contacts_somebody", "ix_contacts_organization_id_email")
MINE = (
    "current_setting('flowapp.organization', true) = 'system' "
    "OR organization_id::text = current_setting('flowapp.organization', true)"
)
SOMEBODY = "email <> '' OR phone <> '' OR first_name <> '' OR last_name <> ''"
HAS_EMAIL = sa.text("email <> ''")


def upgrade() -> None:
    op.add_column(
        "contacts",
        sa.Column(
            "other_emails",
            sa.JSON(none_as_null=True).with_variant(sa.Text(), "sqlite"),
            server_default="[]",
            nullable=False,
        ),
    )
    if op.get_bind().dialect.name == "sqlite":
        loosen_sqlite()
    else:
        op.drop_constraint("uq_contacts_organization_id_email", "contacts")
        op.create_check_constraint(op.f("ck_contacts_somebody"), "contacts", SOMEBODY)
    op.create_index(
        "ix_contacts_organization_id_email",
        "contacts",
        ["organization_id", "email"],
        unique=True,
        sqlite_where=HAS_EMAIL,
        postgresql_where=HAS_EMAIL,
    )
    create_addresses()


def create_addresses() -> None:
    op.create_table(
        "contact_emails",
        sa.Column("organization_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("contact_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_contact_emails_contact_id_contacts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_contact_emails_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "email", name=op.f("pk_contact_emails")),
    )
    op.create_index(op.f("ix_contact_emails_contact_id"), "contact_emails", ["contact_id"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE contact_emails ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE contact_emails FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY tenant ON contact_emails USING ({MINE}) WITH CHECK ({MINE})")
        op.execute("SELECT set_config('flowapp.organization', 'system', true)")  # to this migration's end
    op.execute(
        "INSERT INTO contact_emails (organization_id, email, contact_id) SELECT organization_id, email, id FROM contacts"
    )


def loosen_sqlite() -> None:
    """Makes the table anew without the constraint, as https://sqlite.org/lang_altertable.html#otheralter says. What refers to
    its rows would go with the old table: foreign keys are off meanwhile, which has to be said outside of a transaction."""
    driver = op.get_bind().connection.driver_connection
    driver.commit()
    driver.execute("PRAGMA foreign_keys=OFF")
    if driver.execute("PRAGMA foreign_keys").fetchone()[0]:
        raise RuntimeError("foreign keys cannot be switched off: contacts would lose what belongs to them")
    stored = "SELECT sql FROM sqlite_schema WHERE tbl_name = 'contacts' AND sql IS NOT NULL AND "
    (table,) = op.get_bind().exec_driver_sql(f"{stored} type = 'table'").scalars()
    others = op.get_bind().exec_driver_sql(f"{stored} type <> 'table'").scalars().all()
    constraint = r"CONSTRAINT \"?uq_contacts_organization_id_email\"? UNIQUE \(organization_id, email\)"
    table, found = re.subn(constraint, f"CONSTRAINT ck_contacts_somebody CHECK ({SOMEBODY})", table)
    table, named = re.subn(r'^CREATE TABLE "?contacts"?', "CREATE TABLE contacts_anew", table)
    if (found, named) != (1, 1):
        raise RuntimeError("the table of contacts is not as the migrations before made it")
    op.execute(table)
    op.execute("INSERT INTO contacts_anew SELECT * FROM contacts")
    op.execute("DROP TABLE contacts")
    op.execute("ALTER TABLE contacts_anew RENAME TO contacts")
    for one in others:
        op.execute(one)


def downgrade() -> None:
    """Contacts without an address, and further addresses, are lost."""
    op.drop_table("contact_emails")
    op.drop_index("ix_contacts_organization_id_email", "contacts")
    op.execute("UPDATE contacts SET email = 'nobody-' || number || '@invalid' WHERE email = ''")
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("ck_contacts_somebody", "contacts")
        op.create_unique_constraint("uq_contacts_organization_id_email", "contacts", ["organization_id", "email"])
    else:
        op.create_index("uq_contacts_organization_id_email", "contacts", ["organization_id", "email"], unique=True)
    op.drop_column("contacts", "other_emails")
