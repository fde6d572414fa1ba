"""Whom the organization deals with."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flowapp.models.base import AnyJson, Base, Id, Tenant
from flowapp.models.crm.base import Money, Owned, by_deletion, by_order, by_source
from flowapp.models.numbers import by_number

HAS_EMAIL = text("email <> ''")
CONSENTS = ("unknown", "granted", "denied")


class Company(Owned, Base):
    """A company, `organisation` in expressions. `pipeline_stage` is the name of a stage, empty where it stands in none."""

    __tablename__ = "companies"
    __table_args__ = (
        by_number("companies"),
        by_source("companies"),
        by_deletion("companies"),
        by_order("companies"),
        by_order("companies", "name"),
        by_order("companies", "last_activity_at"),
        by_order("companies", "domain"),
    )

    name: Mapped[str] = mapped_column(String(200))
    domain: Mapped[str] = mapped_column(String(253), default="")
    pipeline_stage: Mapped[str] = mapped_column(String(100), default="")
    montant_potentiel: Mapped[Decimal | None] = mapped_column(Money)
    currency: Mapped[str] = mapped_column(String(3), default="EUR")


class Contact(Owned, Base):
    """A person, known by an address, a phone number or a name. `email` is the primary address, empty where there is none, and
    `other_emails` are further ones: any of them finds the contact (ContactEmail). `timezone` (empty: the organization's) is
    where waits count their hours; `fields` are the user's own.
    """

    __tablename__ = "contacts"
    __table_args__ = (
        CheckConstraint("email = lower(email)", name="email_lower"),
        CheckConstraint(f"consent IN {CONSENTS}", name="consent"),
        CheckConstraint("email <> '' OR phone <> '' OR first_name <> '' OR last_name <> ''", name="somebody"),
        Index(
            "ix_contacts_organization_id_email",
            "organization_id",
            "email",
            unique=True,
            sqlite_where=HAS_EMAIL,
            postgresql_where=HAS_EMAIL,
        ),
        by_number("contacts"),
        by_source("contacts"),
        by_deletion("contacts"),
        Index("ix_contacts_organization_id_phone", "organization_id", "phone"),
        by_order("contacts"),
        by_order("contacts", "last_name", "first_name"),
        by_order("contacts", "email"),
        by_order("contacts", "score"),
        by_order("contacts", "last_activity_at"),
    )

    email: Mapped[str] = mapped_column(String(254), default="")
    other_emails: Mapped[list[str]] = mapped_column(AnyJson, default=list, server_default="[]")
    first_name: Mapped[str] = mapped_column(String(200), default="")
    last_name: Mapped[str] = mapped_column(String(200), default="")
    timezone: Mapped[str] = mapped_column(String(64), default="")
    phone: Mapped[str] = mapped_column(String(32), default="", server_default="")
    language: Mapped[str] = mapped_column(String(16), default="", server_default="")
    score: Mapped[int] = mapped_column(default=0, server_default="0")
    consent: Mapped[str] = mapped_column(String(16), default="unknown", server_default="unknown")
    company_id: Mapped[str | None] = mapped_column(Id, ForeignKey("companies.id", ondelete="SET NULL"), index=True)

    company: Mapped[Company | None] = relationship()

    @property
    def emails(self) -> list[str]:
        """All addresses, the primary one first."""
        return [email for email in (self.email, *(self.other_emails or ())) if email]


class ContactEmail(Tenant, Base):
    """An address of a contact: there is one contact of an organization with it, be it the primary address or another one."""

    __tablename__ = "contact_emails"

    organization_id: Mapped[str] = mapped_column(
        Id, ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True, sort_order=-10
    )
    email: Mapped[str] = mapped_column(String(254), primary_key=True)
    contact_id: Mapped[str] = mapped_column(Id, ForeignKey("contacts.id", ondelete="CASCADE"), index=True)

    contact: Mapped[Contact] = relationship()
