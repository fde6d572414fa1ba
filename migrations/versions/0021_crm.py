"""the CRM: companies, deals and their pipelines, tasks, notes, tags, lists, custom fields; more about contacts

Revision ID: 0021
Revises: 0020
"""

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

MINE = (
    "current_setting('flowapp.organization', true) = 'system' "
    "OR organization_id::text = current_setting('flowapp.organization', true)"
)
TABLES = (
    "companies",
    "pipelines",
    "stages",
    "deals",
    "deal_contacts",
    "tasks",
    "notes",
    "tags",
    "taggings",
    "contact_lists",
    "list_members",
    "field_defs",
    "field_values",
)
NEW = (
    sa.Column("phone", sa.String(32), server_default="", nullable=False),
    sa.Column("language", sa.String(16), server_default="", nullable=False),
    sa.Column("score", sa.Integer(), server_default="0", nullable=False),
    sa.Column("search", sa.Text(), server_default="", nullable=False),
    sa.Column("source_key", sa.String(80), nullable=True),
    sa.Column("last_activity_at", sa.DateTime(timezone=True), nullable=True),
    sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
)
# With their constraints in one statement, as the release before goes on meanwhile.
PERSON = (
    "consent VARCHAR(16) DEFAULT 'unknown' NOT NULL CONSTRAINT ck_contacts_consent "
    "CHECK (consent IN ('unknown', 'granted', 'denied'))",
    "owner_id UUID CONSTRAINT fk_contacts_owner_id_users REFERENCES users (id) ON DELETE SET NULL",
    "company_id UUID CONSTRAINT fk_contacts_company_id_companies REFERENCES companies (id) ON DELETE SET NULL",
)


def upgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    money = sa.Numeric(18, 4) if postgresql else sa.BigInteger()
    create_companies(money)
    add_columns()
    create_tables(money)
    if postgresql:
        for table in TABLES:
            op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
            op.execute(f"CREATE POLICY tenant ON {table} USING ({MINE}) WITH CHECK ({MINE})")
        op.execute("SELECT set_config('flowapp.organization', 'system', true)")  # to this migration's end
    fill_search()


def create_companies(money):
    op.create_table(
        "companies",
        sa.Column("organization_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("domain", sa.String(length=253), nullable=False),
        sa.Column("pipeline_stage", sa.String(length=100), nullable=False),
        sa.Column("montant_potentiel", money, nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("fields", sa.JSON(none_as_null=True).with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("search", sa.Text(), server_default="", nullable=False),
        sa.Column("last_activity_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("owner_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("source_key", sa.String(length=80), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_companies_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_companies_owner_id_users"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_companies")),
    )
    op.create_index(op.f("ix_companies_organization_id"), "companies", ["organization_id"], unique=False)
    op.create_index("ix_companies_organization_id_domain", "companies", ["organization_id", "domain"], unique=False)
    op.create_index(
        "ix_companies_organization_id_last_activity_at",
        "companies",
        ["organization_id", "last_activity_at"],
        unique=False,
    )
    op.create_index("ix_companies_organization_id_number", "companies", ["organization_id", "number"], unique=True)
    op.create_index(
        "ix_companies_organization_id_source_key", "companies", ["organization_id", "source_key"], unique=True
    )
    op.create_index(op.f("ix_companies_owner_id"), "companies", ["owner_id"], unique=False)


def create_tables(money):
    op.create_table(
        "contact_lists",
        sa.Column("organization_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_contact_lists_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_lists")),
        sa.UniqueConstraint("organization_id", "slug", name=op.f("uq_contact_lists_organization_id_slug")),
    )
    op.create_index(op.f("ix_contact_lists_organization_id"), "contact_lists", ["organization_id"], unique=False)
    op.create_table(
        "field_defs",
        sa.Column("organization_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("object", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("label", sa.String(length=200), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("is_unique", sa.Boolean(), nullable=False),
        sa.Column("default_value", sa.JSON(none_as_null=True).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("options", sa.JSON(none_as_null=True).with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("target", sa.String(length=16), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("object IN ('contact', 'company', 'deal')", name=op.f("ck_field_defs_object")),
        sa.CheckConstraint(
            "target = '' OR target IN ('contact', 'company', 'deal')", name=op.f("ck_field_defs_target")
        ),
        sa.CheckConstraint(
            "type IN ('text', 'long_text', 'number', 'money', 'date', 'datetime', 'boolean', 'choice', 'multiple_choice', 'url', 'email', 'phone', 'relation')",
            name=op.f("ck_field_defs_type"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_field_defs_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_field_defs")),
        sa.UniqueConstraint("organization_id", "object", "key", name=op.f("uq_field_defs_organization_id_object_key")),
    )
    op.create_index(op.f("ix_field_defs_organization_id"), "field_defs", ["organization_id"], unique=False)
    op.create_table(
        "pipelines",
        sa.Column("organization_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_pipelines_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pipelines")),
        sa.UniqueConstraint("organization_id", "slug", name=op.f("uq_pipelines_organization_id_slug")),
    )
    op.create_index(op.f("ix_pipelines_organization_id"), "pipelines", ["organization_id"], unique=False)
    op.create_index("ix_pipelines_organization_id_number", "pipelines", ["organization_id", "number"], unique=True)
    op.create_table(
        "tags",
        sa.Column("organization_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_tags_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tags")),
        sa.UniqueConstraint("organization_id", "key", name=op.f("uq_tags_organization_id_key")),
    )
    op.create_index(op.f("ix_tags_organization_id"), "tags", ["organization_id"], unique=False)
    op.create_table(
        "field_values",
        sa.Column("organization_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("field_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("value", sa.String(length=500), nullable=False),
        sa.Column("record_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["field_id"], ["field_defs.id"], name=op.f("fk_field_values_field_id_field_defs"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_field_values_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("field_id", "value", name=op.f("pk_field_values")),
    )
    op.create_index(op.f("ix_field_values_organization_id"), "field_values", ["organization_id"], unique=False)
    op.create_index(op.f("ix_field_values_record_id"), "field_values", ["record_id"], unique=False)
    op.create_table(
        "stages",
        sa.Column("organization_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("pipeline_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("probability", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('open', 'won', 'lost')", name=op.f("ck_stages_kind")),
        sa.CheckConstraint("probability BETWEEN 0 AND 100", name=op.f("ck_stages_probability")),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_stages_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["pipeline_id"], ["pipelines.id"], name=op.f("fk_stages_pipeline_id_pipelines"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stages")),
        sa.UniqueConstraint("pipeline_id", "id", name=op.f("uq_stages_pipeline_id_id")),
        sa.UniqueConstraint("pipeline_id", "slug", name=op.f("uq_stages_pipeline_id_slug")),
    )
    op.create_index(op.f("ix_stages_organization_id"), "stages", ["organization_id"], unique=False)
    op.create_table(
        "deals",
        sa.Column("organization_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("value", money, nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("pipeline_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("stage_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("stage_entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("lost_reason", sa.String(length=500), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expected_close", sa.Date(), nullable=True),
        sa.Column("company_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("fields", sa.JSON(none_as_null=True).with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("search", sa.Text(), server_default="", nullable=False),
        sa.Column("last_activity_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("owner_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("source_key", sa.String(length=80), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("status <> 'lost' OR lost_reason <> ''", name=op.f("ck_deals_lost_reason")),
        sa.CheckConstraint("status IN ('open', 'won', 'lost')", name=op.f("ck_deals_status")),
        sa.ForeignKeyConstraint(
            ["company_id"], ["companies.id"], name=op.f("fk_deals_company_id_companies"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_deals_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_deals_owner_id_users"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["pipeline_id", "stage_id"],
            ["stages.pipeline_id", "stages.id"],
            name=op.f("fk_deals_pipeline_id_stages"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deals")),
    )
    op.create_index(op.f("ix_deals_company_id"), "deals", ["company_id"], unique=False)
    op.create_index(op.f("ix_deals_organization_id"), "deals", ["organization_id"], unique=False)
    op.create_index(
        "ix_deals_organization_id_last_activity_at", "deals", ["organization_id", "last_activity_at"], unique=False
    )
    op.create_index("ix_deals_organization_id_number", "deals", ["organization_id", "number"], unique=True)
    op.create_index("ix_deals_organization_id_source_key", "deals", ["organization_id", "source_key"], unique=True)
    op.create_index(op.f("ix_deals_owner_id"), "deals", ["owner_id"], unique=False)
    op.create_index("ix_deals_stage_id_stage_entered_at", "deals", ["stage_id", "stage_entered_at"], unique=False)
    op.create_table(
        "list_members",
        sa.Column("organization_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("list_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("contact_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_list_members_contact_id_contacts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["list_id"], ["contact_lists.id"], name=op.f("fk_list_members_list_id_contact_lists"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_list_members_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("list_id", "contact_id", name=op.f("pk_list_members")),
    )
    op.create_index(op.f("ix_list_members_contact_id"), "list_members", ["contact_id"], unique=False)
    op.create_index(op.f("ix_list_members_organization_id"), "list_members", ["organization_id"], unique=False)
    op.create_table(
        "deal_contacts",
        sa.Column("organization_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("deal_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("contact_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_deal_contacts_contact_id_contacts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["deal_id"], ["deals.id"], name=op.f("fk_deal_contacts_deal_id_deals"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_deal_contacts_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("deal_id", "contact_id", name=op.f("pk_deal_contacts")),
    )
    op.create_index(op.f("ix_deal_contacts_contact_id"), "deal_contacts", ["contact_id"], unique=False)
    op.create_index(op.f("ix_deal_contacts_organization_id"), "deal_contacts", ["organization_id"], unique=False)
    op.create_table(
        "notes",
        sa.Column("organization_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("mentions", sa.JSON(none_as_null=True).with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("made_by", sa.JSON(none_as_null=True).with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("source_key", sa.String(length=80), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("contact_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("company_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("deal_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("type IN ('note', 'call', 'email', 'meeting')", name=op.f("ck_notes_type")),
        sa.CheckConstraint("coalesce(contact_id, company_id, deal_id) IS NOT NULL", name=op.f("ck_notes_about")),
        sa.ForeignKeyConstraint(
            ["company_id"], ["companies.id"], name=op.f("fk_notes_company_id_companies"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_notes_contact_id_contacts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["deal_id"], ["deals.id"], name=op.f("fk_notes_deal_id_deals"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_notes_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notes")),
    )
    op.create_index(op.f("ix_notes_company_id"), "notes", ["company_id"], unique=False)
    op.create_index(op.f("ix_notes_contact_id"), "notes", ["contact_id"], unique=False)
    op.create_index(op.f("ix_notes_deal_id"), "notes", ["deal_id"], unique=False)
    op.create_index(op.f("ix_notes_organization_id"), "notes", ["organization_id"], unique=False)
    op.create_index("ix_notes_organization_id_source_key", "notes", ["organization_id", "source_key"], unique=True)
    op.create_table(
        "taggings",
        sa.Column("organization_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("tag_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("contact_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("company_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("deal_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.CheckConstraint(
            "CASE WHEN contact_id IS NULL THEN 0 ELSE 1 END + CASE WHEN company_id IS NULL THEN 0 ELSE 1 END + CASE WHEN deal_id IS NULL THEN 0 ELSE 1 END = 1",
            name=op.f("ck_taggings_one"),
        ),
        sa.ForeignKeyConstraint(
            ["company_id"], ["companies.id"], name=op.f("fk_taggings_company_id_companies"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_taggings_contact_id_contacts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["deal_id"], ["deals.id"], name=op.f("fk_taggings_deal_id_deals"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_taggings_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["tag_id"], ["tags.id"], name=op.f("fk_taggings_tag_id_tags"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_taggings")),
        sa.UniqueConstraint("tag_id", "company_id", name=op.f("uq_taggings_tag_id_company_id")),
        sa.UniqueConstraint("tag_id", "contact_id", name=op.f("uq_taggings_tag_id_contact_id")),
        sa.UniqueConstraint("tag_id", "deal_id", name=op.f("uq_taggings_tag_id_deal_id")),
    )
    op.create_index(op.f("ix_taggings_company_id"), "taggings", ["company_id"], unique=False)
    op.create_index(op.f("ix_taggings_contact_id"), "taggings", ["contact_id"], unique=False)
    op.create_index(op.f("ix_taggings_deal_id"), "taggings", ["deal_id"], unique=False)
    op.create_index(op.f("ix_taggings_organization_id"), "taggings", ["organization_id"], unique=False)
    op.create_table(
        "tasks",
        sa.Column("organization_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("priority", sa.String(length=8), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("assignee_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("made_by", sa.JSON(none_as_null=True).with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("source_key", sa.String(length=80), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("contact_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("company_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("deal_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("priority IN ('low', 'normal', 'high')", name=op.f("ck_tasks_priority")),
        sa.CheckConstraint("type IN ('task', 'call', 'email', 'meeting')", name=op.f("ck_tasks_type")),
        sa.CheckConstraint("due_at IS NULL OR due_date IS NOT NULL", name=op.f("ck_tasks_due")),
        sa.ForeignKeyConstraint(
            ["assignee_id"], ["users.id"], name=op.f("fk_tasks_assignee_id_users"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["company_id"], ["companies.id"], name=op.f("fk_tasks_company_id_companies"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_tasks_contact_id_contacts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["deal_id"], ["deals.id"], name=op.f("fk_tasks_deal_id_deals"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_tasks_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
    )
    op.create_index("ix_tasks_assignee_id_due_date", "tasks", ["assignee_id", "due_date"], unique=False)
    op.create_index(op.f("ix_tasks_company_id"), "tasks", ["company_id"], unique=False)
    op.create_index(op.f("ix_tasks_contact_id"), "tasks", ["contact_id"], unique=False)
    op.create_index(op.f("ix_tasks_deal_id"), "tasks", ["deal_id"], unique=False)
    op.create_index(op.f("ix_tasks_organization_id"), "tasks", ["organization_id"], unique=False)
    op.create_index("ix_tasks_organization_id_due_date", "tasks", ["organization_id", "due_date"], unique=False)
    op.create_index("ix_tasks_organization_id_source_key", "tasks", ["organization_id", "source_key"], unique=True)


def add_columns() -> None:
    """On SQLite the table is made anew, since only so foreign keys come in. No other table refers to it yet."""
    if op.get_bind().dialect.name == "postgresql":
        for column in PERSON:
            op.execute(f"ALTER TABLE contacts ADD COLUMN {column}")
    for column in NEW:
        op.add_column("contacts", column)
    if op.get_bind().dialect.name == "sqlite":
        with op.batch_alter_table("contacts") as batch:
            batch.add_column(sa.Column("consent", sa.String(16), server_default="unknown", nullable=False))
            batch.create_check_constraint(op.f("ck_contacts_consent"), "consent IN ('unknown', 'granted', 'denied')")
            for name, table in (("owner_id", "users"), ("company_id", "companies")):
                batch.add_column(sa.Column(name, sa.Uuid(as_uuid=False), nullable=True))
                batch.create_foreign_key(
                    op.f(f"fk_contacts_{name}_{table}"), table, [name], ["id"], ondelete="SET NULL"
                )
    op.create_index(op.f("ix_contacts_company_id"), "contacts", ["company_id"], unique=False)
    op.create_index(
        "ix_contacts_organization_id_last_activity_at",
        "contacts",
        ["organization_id", "last_activity_at"],
        unique=False,
    )
    op.create_index("ix_contacts_organization_id_phone", "contacts", ["organization_id", "phone"], unique=False)
    op.create_index(
        "ix_contacts_organization_id_source_key", "contacts", ["organization_id", "source_key"], unique=True
    )
    op.create_index(op.f("ix_contacts_owner_id"), "contacts", ["owner_id"], unique=False)
    op.create_index("ix_events_entity", "events", ["entity_type", "entity_id", "id"], unique=False)


def fill_search() -> None:
    """What contacts are found by: their name and address without case and accents."""
    connection = op.get_bind()
    rows = connection.execute(sa.text("SELECT id, first_name, last_name, email FROM contacts")).all()
    for row_id, *words in rows:
        apart = unicodedata.normalize("NFD", " ".join(words).casefold())
        plain = "".join(char for char in apart if not unicodedata.combining(char))
        connection.execute(
            sa.text("UPDATE contacts SET search = :search WHERE id = :id"), {"search": plain, "id": row_id}
        )


def downgrade() -> None:
    op.drop_index("ix_events_entity", "events")
    for name in (
        "organization_id_last_activity_at",
        "organization_id_phone",
        "organization_id_source_key",
        "company_id",
        "owner_id",
    ):
        op.drop_index(f"ix_contacts_{name}", "contacts")
    with op.batch_alter_table("contacts") as batch:
        batch.drop_constraint("ck_contacts_consent", type_="check")
        for name in (
            "phone",
            "language",
            "score",
            "consent",
            "company_id",
            "search",
            "last_activity_at",
            "owner_id",
            "source_key",
            "deleted_at",
        ):
            batch.drop_column(name)
    for table in (
        "field_values",
        "list_members",
        "taggings",
        "notes",
        "tasks",
        "deal_contacts",
        "deals",
        "stages",
        "pipelines",
        "field_defs",
        "tags",
        "contact_lists",
        "companies",
    ):
        op.drop_table(table)
