"""What the nouns of the CRM look like in expressions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from flowapp.catalog import N_
from flowapp.catalog.entities import CONTACT, Entity, View, entity
from flowapp.crm import companies, contacts, deals, fields, owners, tasks
from flowapp.crm.merging import redirects
from flowapp.models import Company, Contact, Deal, FieldDef, Task, read_id
from flowapp.models.crm.base import Sourced

Row = TypeVar("Row", bound=Sourced)


def reader(model: type[Row], view: Callable[[Row], View]) -> Callable[[Connection, str, str], View | None]:
    """Reads a row of an organization as it is now; None for one that was deleted."""

    def read(connection: Connection, organization_id: str, row_id: str) -> View | None:
        known = read_id(row_id)
        with Session(connection, info={"organization_id": organization_id}) as session:
            row = _row(session, model, known) if known else None
            return None if row is None or row.deleted_at else view(row)

    return read


def _row(session: Session, model: type[Row], row_id: str) -> Row | None:
    """One that was merged into another, meanwhile, is that other."""
    row = session.get(model, row_id)
    into = redirects.into(session, row_id) if row is None and issubclass(model, Contact | Company) else None
    return session.get(model, into) if into else row


def read_owner(connection: Connection, organization_id: str, user_id: str) -> View | None:
    """A member of the organization."""
    with Session(connection, info={"organization_id": organization_id}) as session:
        user = owners.find(session, user_id)
        return owners.view(user) if user else None


def own_fields(noun: str) -> Callable[[Session], View]:
    """The custom fields of a noun, each with what it may look like."""
    return lambda session: {field.key: _sample(field) for field in fields.of(session, noun)}


def _sample(field: FieldDef) -> object:
    if field.type == "choice":
        return field.options[0] if field.options else ""
    return field.options[:2] if field.type == "multiple_choice" else _BY_TYPE.get(field.type, "…")


_BY_TYPE: Mapping[str, object] = {
    "number": 42, "money": 1250, "boolean": True, "date": "2026-03-31", "datetime": "2026-03-31T09:00:00+00:00",
    "url": "https://example.com", "email": "ada@example.com", "phone": "+33123456789",
}  # fmt: skip
ID = "0190f3c2-7a1e-7c55-8000-5b0c1f0e2a11"
CONTACT_SAMPLE: Mapping[str, object] = {
    "id": ID,
    "email": "ada@example.com",
    "name": "Ada Lovelace",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "phone": "+33123456789",
    "language": "en",
    "timezone": "Europe/Paris",
    "score": 20,
    "consent": "granted",
}
COMPANY_SAMPLE: Mapping[str, object] = {
    "id": ID, "name": "Analytical Engines", "nom": "Analytical Engines", "domain": "example.com",
    "pipeline_stage": "PROPOSITION", "montant_potentiel": 60000, "currency": "EUR",
}  # fmt: skip
DEAL_SAMPLE: Mapping[str, object] = {
    "id": ID, "title": "Engine No. 2", "value": 12000, "montant": 12000, "currency": "EUR", "pipeline": "Deals",
    "stage": "PROPOSITION",
    "status": "open", "description": "", "expected_close": "2026-12-31",
}  # fmt: skip
TASK_SAMPLE: Mapping[str, object] = {
    "id": ID, "title": "Call Ada", "description": "", "type": "call", "priority": "normal", "due_date": "2026-12-31",
    "done": False,
}  # fmt: skip

entity(
    Entity(
        CONTACT,
        N_("Contact, if the workflow is about one"),
        flat={"contact_id": "id", "contact_name": "name", "contact_email": "email"},
        sample=CONTACT_SAMPLE,
        read=reader(Contact, contacts.in_scope),
        own=own_fields(CONTACT),
        leads_to={"company": "company_id", "owner": "owner_id"},
    )
)
entity(
    Entity(
        "company",
        N_("Company, if the workflow is about one"),
        aliases=("organisation",),
        flat={"company_id": "id", "company_name": "name"},
        sample=COMPANY_SAMPLE,
        read=reader(Company, companies.in_scope),
        own=own_fields("company"),
        leads_to={"owner": "owner_id"},
    )
)
entity(
    Entity(
        "deal",
        N_("Deal, if the workflow is about one"),
        flat={"deal_id": "id", "deal_title": "title", "old_stage": None, "new_stage": None},
        sample=DEAL_SAMPLE,
        read=reader(Deal, deals.in_scope),
        own=own_fields("deal"),
        leads_to={"contact": "contact_id", "company": "company_id", "owner": "owner_id"},
    )
)
entity(
    Entity(
        "task",
        N_("Task, if the workflow is about one"),
        flat={"task_id": "id", "task_title": "title"},
        sample=TASK_SAMPLE,
        read=reader(Task, tasks.in_scope),
        leads_to={"deal": "deal_id", "contact": "contact_id", "company": "company_id", "owner": "assignee_id"},
    )
)
entity(
    Entity(
        "owner",
        N_("Owner of what the workflow is about"),
        flat={"owner_id": "id"},
        sample={"id": ID, "name": "Grace Hopper", "email": "grace@example.com"},
        read=read_owner,
    )
)
