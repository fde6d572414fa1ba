"""What the nouns of the CRM look like in expressions."""

from __future__ import annotations

from sqlalchemy import Connection, select

from flowapp.catalog import N_
from flowapp.catalog.entities import CONTACT, Entity, entity
from flowapp.crm.contacts import view_of
from flowapp.models import Contact, read_id


def read_contact(connection: Connection, organization_id: str, contact_id: str) -> dict[str, object] | None:
    """The contact as it is now, `contact.fields.plan` included."""
    table = Contact.__table__
    found = connection.execute(
        select(table).where(table.c.id == read_id(contact_id), table.c.organization_id == organization_id)
    ).mappings()
    row = found.one_or_none()
    return {**view_of(dict(row)), "fields": row["fields"]} if row else None


entity(
    Entity(
        CONTACT,
        N_("Contact, if the workflow is about one"),
        flat={"contact_id": "id", "contact_name": "name", "contact_email": "email"},
        sample={
            "email": "ada@example.com",
            "name": "Ada Lovelace",
            "first_name": "Ada",
            "last_name": "Lovelace",
            "timezone": "Europe/Paris",
        },
        read=read_contact,
    )
)
# Not stored yet: inputs and events of other systems name them.
entity(Entity("company", N_("Company"), aliases=("organisation",)))
entity(
    Entity(
        "deal",
        N_("Deal"),
        flat=dict.fromkeys(("deal_id", "deal_title", "owner_id", "old_stage", "new_stage")),
    )
)
entity(Entity("task", N_("Task")))
